"""What package.json means without `exports`: entry fields, spellings, and the `browser` map."""

from __future__ import annotations

import pytest

from cdnserve.modules.package_json import candidates, inside, replaced, substitute


@pytest.mark.parametrize(
    ("description", "expected"),
    [
        pytest.param({"browser": "b.js", "module": "m.js", "main": "c.js"}, ["b.js", "m.js", "c.js"], id="in order"),
        pytest.param({"browser": {"./a": "./b"}, "module": "m.js"}, ["m.js"], id="a map is no entry"),
        pytest.param({"main": "./lib"}, ["lib", "lib.js", "lib.mjs", "lib/index.js"], id="what may be left out"),
        pytest.param({}, ["index.js", "index.mjs"], id="nothing said"),
        pytest.param({"main": "../out.js"}, ["index.js", "index.mjs"], id="a path that leads out"),
        pytest.param({"main": 7}, ["index.js", "index.mjs"], id="no path"),
    ],
)
def test_candidates(description: dict[str, object], expected: list[str]) -> None:
    found = candidates(description, ".")
    assert expected == [path for path in found if path in expected]


def test_a_subpath_is_itself() -> None:
    assert ("a", "a.js", "a.mjs", "a/index.js", "a/index.mjs") == candidates({"main": "m.js"}, "./a")


@pytest.mark.parametrize("path", ["../a", "/a", "a/../../b", "a\\b", "a\0b"])
def test_what_leads_out_is_nothing(path: str) -> None:
    assert inside(path) is None


@pytest.mark.parametrize(
    ("table", "file", "expected"),
    [
        pytest.param({"./a.js": "./b.js"}, "a.js", "b.js", id="a file"),
        pytest.param({"./a": "./b.js"}, "a.js", "b.js", id="without its ending"),
        pytest.param({"a.js": "./b.js"}, "a.js", "b.js", id="without ./"),
        pytest.param({"./a.js": False}, "a.js", None, id="taken away"),
        pytest.param({"./a.js": "../b.js"}, "a.js", "a.js", id="a path that leads out"),
        pytest.param({}, "a.js", "a.js", id="not named"),
        pytest.param("b.js", "a.js", "a.js", id="no map"),
    ],
)
def test_the_browser_map_on_files(table: object, file: str, expected: str | None) -> None:
    assert expected == replaced({"browser": table}, file)


def test_the_browser_map_on_packages() -> None:
    description = {"browser": {"a": "b", "c": False}}
    assert ["b", None, "d"] == [substitute(description, name) for name in ("a", "c", "d")]
