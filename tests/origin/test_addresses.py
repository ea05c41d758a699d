"""Addresses: taken apart and put together, and references that stay on the host."""

from __future__ import annotations

from urllib.parse import quote, unquote, urljoin

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cdnserve.origin.addresses import Address, Shape, read_address, relative_reference


@pytest.mark.parametrize(
    ("path", "shape", "expected"),
    [
        pytest.param("npm/a@1/b/c.js", "jsdelivr", ("a", "1", "b/c.js"), id="a file"),
        pytest.param("npm/a/c.js", "jsdelivr", ("a", None, "c.js"), id="no version"),
        pytest.param("npm/a@/c.js", "jsdelivr", ("a", "", "c.js"), id="an empty version"),
        pytest.param("npm/a@1", "jsdelivr", ("a", "1", ""), id="no file"),
        pytest.param("npm/@s/a@1/c.js", "jsdelivr", ("@s/a", "1", "c.js"), id="a scope"),
        pytest.param("npm/@s", "jsdelivr", ("@s", None, ""), id="a scope alone"),
        pytest.param("npm/a@1@2/c.js", "jsdelivr", ("a", "1@2", "c.js"), id="two signs"),
        pytest.param("npm/", "jsdelivr", ("", None, ""), id="nothing"),
        pytest.param("@s/a@1/c@2.js", "unpkg", ("@s/a", "1", "c@2.js"), id="a sign in the file's name"),
        pytest.param("a", "unpkg", ("a", None, ""), id="a name alone"),
    ],
)
def test_an_address_is_taken_apart(path: str, shape: Shape, expected: tuple[str, str | None, str]) -> None:
    assert Address(shape, *expected) == read_address(path, shape)


def test_what_lies_elsewhere_is_none_of_jsdelivr() -> None:
    assert read_address("gh/a@1/c.js", "jsdelivr") is None


@pytest.mark.parametrize(("shape", "path"), [("jsdelivr", "npm/@s/a@1.0.0/b.js"), ("unpkg", "@s/a@1.0.0/b.js")])
def test_an_exact_one_keeps_its_shape(shape: Shape, path: str) -> None:
    assert path == Address(shape, "@s/a", "1", "b.js").exact("1.0.0", "b.js")


@pytest.mark.parametrize(
    ("folder", "path", "expected"),
    [
        pytest.param("npm", "npm/a@1.0.0/b.js", "./a@1.0.0/b.js", id="beside"),
        pytest.param(
            "npm/a@1/d", "npm/a@1.0.0/d/b.js", "../../a@1.0.0/d/b.js", id="the same folder of another version"
        ),
        pytest.param("npm/a@1.0.0", "npm/a@1.0.0/b.js", "./b.js", id="below"),
        pytest.param("npm/a@1.0.0/b.js", "npm/a@1.0.0/b.js", "../b.js", id="a folder of the file's name"),
        pytest.param("x", "y/javascript:b.js", "../y/javascript:b.js", id="what looks like a scheme"),
        pytest.param("y", "y/javascript:b.js", "./javascript:b.js", id="what looks like a scheme, beside"),
        pytest.param("y", "y/a b%#?é\\.js", "./a%20b%25%23%3F%C3%A9%5C.js", id="characters that no reference has"),
    ],
)
def test_a_reference_is_relative(folder: str, path: str, expected: str) -> None:
    assert expected == relative_reference(folder.split("/"), path)


names = st.text(min_size=1, max_size=6).filter(
    lambda name: "/" not in name and name not in (".", "..") and not any("\ud800" <= sign <= "\udfff" for sign in name)
)
folders = st.lists(names, max_size=5)


@given(folders, folders, names)
def test_a_reference_resolves_to_its_path_below_any_prefix(folder: list[str], other: list[str], name: str) -> None:
    path = "/".join([*other, name])
    reference = relative_reference(folder, path)
    assert reference.startswith(("./", "../"))
    assert reference.isascii()
    assert reference.isprintable()
    base = "".join(f"{quote(segment, safe='')}/" for segment in folder)
    resolved = urljoin(f"https://cdn.example.com/prefix/{base}asked", reference)
    assert f"https://cdn.example.com/prefix/{path}" == unquote(resolved)
