"""The compiled origin: which rule and which asset a path finds, and what a rule says of every file."""

from __future__ import annotations

import time
from urllib.parse import quote

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from msgspec import structs

from cdnserve.manifest.model import Site
from cdnserve.origin.lookup import NoPath, Origin, PublishRule, logical_path, nearest_path
from cdnserve.release.catalog import Catalog
from cdnserve.rules.cors import ANY, NONE
from tests.origin import catalogs

SANDBOX = (
    b"content-security-policy",
    b"sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:; font-src data:",
)
NO_SNIFF = (b"x-content-type-options", b"nosniff")


@pytest.mark.parametrize(
    ("path", "policy", "public"),
    [
        pytest.param("any/app.js", "any", True, id="a file of a rule"),
        pytest.param("partners/app.js", "partners", True, id="a file of another rule"),
        pytest.param("partners/absent.js", "partners", False, id="a rule, but no file"),
        pytest.param("any/app.js.map", None, False, id="left out by the rule"),
        pytest.param("elsewhere/app.js", None, False, id="no rule"),
        pytest.param("any", None, False, id="the folder of a rule"),
        pytest.param("manifest.toml", None, False, id="never public: the manifest"),
        pytest.param("any/.git/config", None, False, id="never public: a dot-folder"),
        pytest.param("-/health", None, False, id="never public: ours"),
        pytest.param("Any/app.js", None, False, id="in another case"),
    ],
)
def test_what_a_path_finds(path: str, policy: str | None, public: bool) -> None:
    found = catalogs.ORIGIN.find(path)
    assert policy == (found.rule and found.rule.policy.name)
    assert public is (found.asset is not None)
    assert (path, "", "") == (found.path, found.location, found.hint)


def test_the_asset_says_which_rule_published_it() -> None:
    """The policy is looked up by exactly the path that finds the file."""
    rules = (catalogs.rule("**", ANY), catalogs.rule("**", NONE))
    origin = catalogs.origin({"a.js": catalogs.asset("a.js", at=1)}, rules)
    assert origin.find("a.js").rule is origin.rules[1]
    assert origin.find("b.js").rule is origin.rules[0]


@pytest.mark.parametrize(
    ("path", "kind", "sandboxed"),
    [
        pytest.param("a.html", b"text/html; charset=utf-8", True, id="HTML"),
        pytest.param("a.svg", b"image/svg+xml; charset=utf-8", True, id="SVG"),
        pytest.param("a.xml", b"text/xml; charset=utf-8", True, id="XML"),
        pytest.param("a.js", b"text/javascript; charset=utf-8", False, id="a script"),
        pytest.param("a.bin", b"application/octet-stream", False, id="unknown"),
    ],
)
def test_documents_are_sandboxed_unless_they_are_live(path: str, kind: bytes, sandboxed: bool) -> None:
    sandbox, live = (PublishRule(catalogs.rule("**", ANY, documents=how)) for how in ("sandbox", "live"))
    plain = ((b"content-type", kind), NO_SNIFF)
    asset = catalogs.asset(path)
    assert ((*plain, SANDBOX) if sandboxed else plain) == sandbox.describe(path, asset)
    assert plain == live.describe(path, asset)


def test_the_octets_have_a_word_in_the_type() -> None:
    asset = structs.replace(catalogs.asset("a.js"), form="other")
    assert (b"content-type", b"text/javascript") in PublishRule(catalogs.rule("**", ANY)).describe("a.js", asset)


def test_paths_are_all_public_ones_in_order() -> None:
    files = {path: catalogs.asset(path) for path in ("b", "a/b", "a.js", "B", "ü")}
    origin = catalogs.origin(files, (catalogs.rule("**", ANY),))
    assert list(origin.paths) == sorted(files)
    assert origin.paths is origin.paths


def test_the_clock_is_the_systems_unless_another_is_given() -> None:
    assert Origin(Catalog(1, 1, Site(), (), {})).clock is time.time
    assert catalogs.ORIGIN.clock() == catalogs.NOW


@pytest.mark.parametrize(
    ("raw", "path"),
    [
        pytest.param(b"/a.js", "a.js", id="a file"),
        pytest.param(b"/npm/jquery@3.7.1/dist/jquery.min.js", "npm/jquery@3.7.1/dist/jquery.min.js", id="a library"),
        pytest.param(b"/npm/@scope/x/a.js", "npm/@scope/x/a.js", id="a scope"),
        pytest.param(b"/a%20b.js", "a b.js", id="an encoded space"),
        pytest.param(b"/%61.js", "a.js", id="§2.3: an encoded letter is the letter"),
        pytest.param(b"/%c3%BC.js", "ü.js", id="UTF-8, in either case of hexadecimal"),
        pytest.param(b"/%2541.js", "%41.js", id="§2.4: decoded once only"),
        pytest.param(b"/100%25.js", "100%.js", id="an encoded percent sign"),
        pytest.param(b"/%252f.js", "%2f.js", id="an encoded percent sign before 2f"),
        pytest.param(b"/a%3Fb%23c", "a?b#c", id="an encoded question mark and number sign"),
        pytest.param(b"/a+b.js", "a+b.js", id="a plus is a plus"),
        pytest.param(b"/a;b,c=d&(e)'!$*:~@.js", "a;b,c=d&(e)'!$*:~@.js", id="sub-delims"),
        pytest.param(b"/...", "...", id="three dots are a name"),
        pytest.param(b"/a..b/.c", "a..b/.c", id="dots within a name"),
        pytest.param("/\U0001f600".encode(), "\U0001f600", id="UTF-8 that is not encoded"),
        pytest.param(b"/" + b"a/" * 30_000 + b"b", "a/" * 30_000 + "b", id="a path of 60 KB"),
    ],
)
def test_a_normal_path(raw: bytes, path: str) -> None:
    assert path == logical_path(raw)


@pytest.mark.parametrize(
    "raw",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"*", id="the server itself"),
        pytest.param(b"a.js", id="no slash"),
        pytest.param(b"a/b.js", id="no slash at the beginning"),
        pytest.param(b"http://cdn.example.com/a.js", id="a URL"),
        pytest.param(b"/", id="the root"),
        pytest.param(b"//", id="two slashes"),
        pytest.param(b"//evil.example/a.js", id="a host"),
        pytest.param(b"/a/", id="a folder"),
        pytest.param(b"/a//b", id="an empty segment"),
        pytest.param(b"/.", id="a dot"),
        pytest.param(b"/..", id="two dots"),
        pytest.param(b"/a/./b", id="a dot within"),
        pytest.param(b"/a/../b", id="two dots within"),
        pytest.param(b"/a/..", id="two dots at the end"),
        pytest.param(b"/%2e%2e/etc/passwd", id="two encoded dots"),
        pytest.param(b"/.%2E/a", id="one of two dots encoded"),
        pytest.param(b"/a%2fb", id="an encoded slash"),
        pytest.param(b"/a%2Fb", id="an encoded slash in upper case"),
        pytest.param(b"/..%2f..%2fetc", id="encoded slashes and dots"),
        pytest.param(b"%2fa.js", id="an encoded slash at the beginning"),
        pytest.param(b"/a\\b", id="a backslash"),
        pytest.param(b"/..\\..\\a", id="backslashes and dots"),
        pytest.param(b"/a%5cb", id="an encoded backslash"),
    ],
)
def test_a_path_that_is_not_normal(raw: bytes) -> None:
    assert NoPath.NOT_NORMAL is logical_path(raw)


@pytest.mark.parametrize(
    "raw",
    [
        pytest.param(b"/a%", id="a percent sign at the end"),
        pytest.param(b"/a%4", id="half an escape"),
        pytest.param(b"/a%4g", id="an escape that isn't hexadecimal"),
        pytest.param(b"/a%%41", id="two percent signs"),
        pytest.param(b"/a%+1", id="a sign in an escape"),
        pytest.param(b"/a% 1", id="a space in an escape"),
        pytest.param(b"/%u0061", id="an escape of JavaScript"),
        pytest.param(b"/a%00", id="an encoded NUL"),
        pytest.param(b"/a\x00.js", id="a NUL"),
        pytest.param(b"/a%0d%0aset-cookie:x", id="an encoded line end"),
        pytest.param(b"/a%0A", id="an encoded line feed at the end"),
        pytest.param(b"/a\x7f", id="a delete"),
        pytest.param(b"/%ff", id="an octet that UTF-8 never has"),
        pytest.param(b"/\xfc.js", id="Latin-1"),
        pytest.param(b"/%c0%af", id="an overlong slash"),
        pytest.param(b"/%c0%ae%c0%ae/a", id="overlong dots"),
        pytest.param(b"/%e0%80%af", id="a slash in three octets"),
        pytest.param(b"/%ed%a0%80", id="a surrogate"),
        pytest.param(b"/%f4%90%80%80", id="beyond Unicode"),
        pytest.param(b"/%c3", id="half a letter"),
    ],
)
def test_a_malformed_path(raw: bytes) -> None:
    assert NoPath.MALFORMED is logical_path(raw)


segments = st.text(
    alphabet=st.characters(codec="utf-8", exclude_characters="/\\\x7f", min_codepoint=0x20),
    min_size=1,
).filter(lambda segment: segment not in (".", ".."))
paths = st.lists(segments, min_size=1, max_size=5).map("/".join)
octets = st.binary() | st.text(alphabet="/.%2fFeE5cC0a\\", max_size=20).map(str.encode)


@given(octets, st.booleans())
@example(b"..%2f", True)
def test_any_octets_are_a_normal_path_or_none(raw: bytes, absolute: bool) -> None:
    path = logical_path(b"/" + raw if absolute else raw)
    if isinstance(path, NoPath):
        return
    assert path == path.encode("utf-8").decode("utf-8")
    assert not {"", ".", ".."} & set(path.split("/"))
    assert not any(character in path for character in "\\\x00\r\n")
    assert path == logical_path(b"/" + quote(path).encode())


@given(paths, octets)
def test_the_nearest_path_begins_as_the_path_does(path: str, more: bytes) -> None:
    raw = b"/" + quote(path).encode()
    assert path == nearest_path(raw)
    assert f"{nearest_path(raw + b'//' + more)}/".startswith(f"{path}/")


@given(octets)
def test_the_nearest_path_of_any_octets_has_only_plain_segments(raw: bytes) -> None:
    path = nearest_path(raw)
    assert not path or not {"", ".", ".."} & set(path.split("/"))
    assert path.isprintable() or not any(character in path for character in "\\\x00\r\n\x7f")


@given(paths)
def test_every_normal_path_has_a_spelling(path: str) -> None:
    assert path == logical_path(b"/" + quote(path).encode())
    encoded = b"/" + b"/".join(b"".join(b"%%%02x" % octet for octet in part.encode()) for part in path.split("/"))
    assert path == logical_path(encoded)
    assert path == logical_path(encoded.upper())


LIVE = {path: catalogs.asset(path, at=5) for path in ("index.html", "live/a b/index.html", "live/x/index.htm")}
HOME = (catalogs.rule("any/**", ANY), *[catalogs.rule("none", NONE)] * 4, catalogs.rule("**", ANY, documents="live"))


@pytest.mark.parametrize(
    ("raw_path", "found"),
    [
        pytest.param(b"/", "index.html", id="the root"),
        pytest.param(b"/live/a%20b/", "live/a b/index.html", id="a folder"),
        pytest.param(b"/live/x/", None, id="a folder without one"),
        pytest.param(b"//", None, id="two slashes"),
        pytest.param(b"/live/../", None, id="a dot segment"),
        pytest.param(b"/live/a%20b", None, id="without the slash"),
    ],
)
def test_a_folder_is_its_live_index(raw_path: bytes, found: str | None) -> None:
    match = catalogs.origin(LIVE, HOME).locate(raw_path)
    assert found == (match.path if match.asset else None)
    assert "" == match.location


def test_an_index_that_is_not_live_is_no_page_of_this_host() -> None:
    origin = catalogs.origin({"any/index.html": catalogs.asset("any/index.html")})
    assert origin.locate(b"/any/").asset is None


def test_the_root_leads_to_the_pages() -> None:
    match = catalogs.ORIGIN.locate(b"/")
    assert ("-/", "./-/", None, None) == (match.path, match.location, match.asset, match.rule)


def test_without_pages_it_leads_nowhere() -> None:
    origin = Origin(structs.replace(catalogs.ORIGIN.catalog, site=Site(pages=False)))
    match = origin.locate(b"/")
    assert ("", NoPath.NOT_NORMAL) == (match.location, match.flaw)
