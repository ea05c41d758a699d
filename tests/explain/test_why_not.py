"""Origins as people type them, and the listed ones that they nearly are."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from cdnserve.explain.why_not import near_misses, on_disk, read_origin, reasons
from cdnserve.manifest.reader import parse_manifest
from cdnserve.rules.cors import CompiledPolicy, Policy


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("https://app.example.com", "https://app.example.com", id="an origin"),
        pytest.param("https://app.example.com/", "https://app.example.com", id="a trailing slash"),
        pytest.param("https://app.example.com/shop?x=1#y", "https://app.example.com", id="a page's address"),
        pytest.param("HTTPS://App.Example.COM:443", "https://app.example.com", id="upper case and the own port"),
        pytest.param("http://me:secret@app.example.com/", "http://app.example.com", id="a user and a password"),
        pytest.param("http://[::1]:8080/x", "http://[::1]:8080", id="an IPv6 address"),
        pytest.param("https://bücher.example", "https://xn--bcher-kva.example", id="an IDN"),
        pytest.param("capacitor://localhost", "capacitor://localhost", id="an app's scheme"),
        pytest.param("null", "null", id="null"),
        pytest.param("file:///home/me/page.html", "null", id="a file"),
        pytest.param("data:text/html,x", "null", id="a data URL"),
    ],
)
def test_the_origin_that_a_browser_sends_is_found(text: str, expected: str) -> None:
    assert expected == read_origin(text)


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        pytest.param("app.example.com", "did you mean https://app.example.com", id="no scheme"),
        pytest.param("", "scheme://host", id="nothing"),
        pytest.param("https://", "scheme://host", id="no host"),
        pytest.param("https://a b", "scheme://host", id="a space"),
        pytest.param("https://*.example.com", "http", id="a pattern"),
        pytest.param("https://a.example:99999", "port", id="a port that is none"),
    ],
)
def test_what_is_no_origin_is_refused_in_words(text: str, hint: str) -> None:
    with pytest.raises(ValueError, match=hint):
        read_origin(text)


POLICY = Policy(
    "partners",
    allow_origins=(
        "https://app.example.com",
        "https://*.example.org",
        "https://dev.example.net:8443",
        "http://[::1]:*",
    ),
)


@pytest.mark.parametrize(
    ("origin", "expected"),
    [
        pytest.param("http://app.example.com", "https://app.example.com: http is not https", id="scheme"),
        pytest.param(
            "https://app.example.com:8443",
            "https://app.example.com: port 8443 is not the scheme's own port",
            id="port",
        ),
        pytest.param(
            "https://dev.example.net",
            "https://dev.example.net:8443: the scheme's own port is not port 8443",
            id="no port",
        ),
        pytest.param(
            "http://dev.example.net:80",
            "https://dev.example.net:8443: http is not https, port 80 is not port 8443",
            id="scheme and port",
        ),
        pytest.param(
            "https://www.app.example.com",
            "https://app.example.com: www.app.example.com is not app.example.com",
            id="www",
        ),
        pytest.param(
            "https://example.org",
            "https://*.example.org: it covers the names below example.org, not example.org itself",
            id="the bare domain",
        ),
        pytest.param("http://a.example.org", "https://*.example.org: http is not https", id="a wildcard's scheme"),
        pytest.param("https://[::1]:9", "http://[::1]:*: https is not http", id="an IPv6 address"),
        pytest.param(
            "https://app.exampel.com", "https://app.example.com, which is spelled almost alike", id="spelling"
        ),
    ],
)
def test_what_differs_from_a_listed_origin_is_said(origin: str, expected: str) -> None:
    assert not CompiledPolicy(POLICY).admits(origin).allowed
    assert (f"the list has {expected}",) == near_misses(origin, POLICY)


def test_an_origin_like_none_has_no_near_miss() -> None:
    assert () == near_misses("https://stranger.test", POLICY)


def test_null_is_explained() -> None:
    (said,) = near_misses("null", POLICY)
    assert "sandboxed frames" in said


RULES = parse_manifest(
    """\
schema = 1
[[publish]]
path = ["demo/**", "Fonts/*.woff2"]
except = ["**/*.map", "demo/secret/**"]
[[publish]]
path = "data/*.json"
[[publish]]
path = "**/*.css"
"""
).rules


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        pytest.param("manifest.toml", "the manifest and its lock are never public", id="the manifest"),
        pytest.param("Manifest.Lock", "the manifest and its lock are never public", id="the lock in other case"),
        pytest.param("-/health", "/-/ is the server's own; no rule can publish there", id="our own place"),
        pytest.param(
            "demo/.git/config",
            "dot-files, and files in dot-folders other than .well-known, are never public",
            id="a dot-folder",
        ),
        pytest.param(
            "demo/a.js.map",
            "the rule at manifest.toml:2 matches it, but leaves it out: except **/*.map",
            id="an exception",
        ),
    ],
)
def test_the_reason_is_said(path: str, expected: str) -> None:
    assert [expected] == list(reasons(path, RULES))


def test_every_exception_that_hits_is_named() -> None:
    (said,) = reasons("demo/secret/a.map", RULES)
    assert said.endswith("except **/*.map, demo/secret/**")


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        pytest.param("demos/a.js", "the nearest is demo/** (manifest.toml:2)", id="a folder that is spelled alike"),
        pytest.param(
            "fonts/a.woff2",
            "the nearest is Fonts/*.woff2 (manifest.toml:2): upper and lower case differ",
            id="another case",
        ),
        pytest.param(
            "data/2024/a.json",
            "the nearest is data/*.json (manifest.toml:5); * stays within a folder, ** crosses folders",
            id="one star too few",
        ),
        pytest.param("data/a.txt", "the nearest is data/*.json (manifest.toml:5)", id="another ending"),
    ],
)
def test_the_nearest_glob_is_named(path: str, expected: str) -> None:
    assert ["no rule's path matches it", expected] == list(reasons(path, RULES))


def test_a_path_like_no_glob_has_no_nearest_one() -> None:
    assert ["no rule's path matches it"] == list(reasons("somewhere/else.js", RULES))
    assert ["no rule's path matches it"] == list(reasons("somewhere/else.js", ()))


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "Demo").mkdir()
    (tmp_path / "Demo" / "Greet.js").write_text("x")
    os.mkfifo(tmp_path / "pipe")
    return tmp_path


def test_a_file_that_is_there_is_shown(root: Path) -> None:
    assert [f"the file exists: {root}/Demo/Greet.js"] == list(on_disk("Demo/Greet.js", root))


def test_a_folder_is_no_file(root: Path) -> None:
    assert [f"{root}/Demo is a folder; only files have addresses"] == list(on_disk("Demo", root))


def test_what_can_not_be_read_as_a_file_is_said(root: Path) -> None:
    assert [f"{root}/pipe exists, but is no file that can be read"] == list(on_disk("pipe", root))


def test_another_case_is_found(root: Path) -> None:
    expected = f"there is no such file, but {root}/Demo/Greet.js: upper and lower case differ"
    assert [expected] == list(on_disk("demo/greet.js", root))


@pytest.mark.parametrize(
    "path",
    [
        pytest.param("demo", id="a folder in another case"),
        pytest.param("demo/other.js", id="another name"),
        pytest.param("Demo/Greet.js/more", id="below a file"),
    ],
)
def test_an_absent_file_is_absent(root: Path, path: str) -> None:
    assert [f"there is no such file in {root}"] == list(on_disk(path, root))
