"""Cache tags: every answer that may be kept names what it is purged by, and nothing else changes."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from cdnserve.manifest.model import Site
from cdnserve.origin.lookup import Origin
from cdnserve.origin.respond import failure, tag_fields, tags
from tests.origin import catalogs, shelf
from tests.origin.catalogs import header, names
from tests.origin.shelf import ask

BOTH = Site(unpkg_addresses=True, cdnjs_addresses=True, cache_tags=("Cache-Tag", "Surrogate-Key"))
TAGGED = shelf.origin(BOTH)
UNTAGGED = shelf.origin(Site(unpkg_addresses=True, cdnjs_addresses=True))


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        pytest.param("npm/jquery@3.7.1/dist/jquery.js", ("jquery", "jquery@3.7.1"), id="a library"),
        pytest.param("npm/@a/b@1.0.0-rc.1/x", ("@a/b", "@a/b@1.0.0-rc.1"), id="a scope, a prerelease"),
        pytest.param("npm/jquery@^3/x.js", ("jquery",), id="a range"),
        pytest.param("npm/jquery@/x.js", ("jquery",), id="an empty version"),
        pytest.param("npm/jquery", ("jquery",), id="a library alone"),
        pytest.param("npm/a b@1.0.0/x.js", ("npm/",), id="no library's name"),
        pytest.param("npm/../x@1.0.0/x.js", ("npm/",), id="no library's name either"),
        pytest.param("demo/1.0.0/x.js", ("demo/",), id="a folder"),
        pytest.param("jquery/x.js", ("jquery/",), id="a folder with the name of a library"),
        pytest.param("a,b c\t/x.js", ("a%2Cb%20c%09/",), id="what parts tags"),
        pytest.param("ü/x.js", ("%C3%BC/",), id="not ASCII"),
        pytest.param("x.js", ("/",), id="in the root"),
        pytest.param(f"{'a' * 1023}/x.js", (f"{'a' * 1023}/",), id="the longest"),
        pytest.param(f"{'a' * 1024}/x.js", (), id="too long"),
    ],
)
def test_the_tags_of_a_path(path: str, expected: tuple[str, ...]) -> None:
    assert expected == tags(path)


def test_each_field_parts_its_tags_in_its_own_way() -> None:
    path = "npm/@a/b@1.0.0/x"
    assert ((b"cache-tag", b"@a/b,@a/b@1.0.0"),) == tag_fields(["Cache-Tag"], path, is_alias=False)
    assert ((b"surrogate-key", b"@a/b @a/b@1.0.0"),) == tag_fields(["Surrogate-Key"], path, is_alias=False)
    assert ((b"surrogate-key", b"@a/b"),) == tag_fields(["Surrogate-Key"], path, is_alias=True)
    assert () == tag_fields(["Surrogate-Key"], f"{'a' * 2000}/x", is_alias=False)
    assert () == tag_fields([], path, is_alias=False)


@given(st.text(max_size=40), st.booleans())
def test_a_tag_is_visible_ascii_without_what_parts_tags(path: str, is_alias: bool) -> None:
    path = path.encode("utf-8", "ignore").decode()
    assert all(re.fullmatch(r"[\x21-\x2b\x2d-\x7e]{1,1024}", tag) for tag in tags(path, is_alias=is_alias))


JQUERY = "/npm/jquery@3.10.0/dist/jquery.js"
ONE, PINNED = "jquery", "jquery,jquery@3.10.0"


@pytest.mark.parametrize(
    ("status", "path", "fields", "expected"),
    [
        pytest.param(200, JQUERY, {}, PINNED, id="a file"),
        pytest.param(206, JQUERY, {"range": "bytes=0-1"}, PINNED, id="a range"),
        pytest.param(304, JQUERY, {"if_none_match": "*"}, PINNED, id="not modified"),
        pytest.param(412, JQUERY, {"if_match": '"x"'}, PINNED, id="a precondition that failed"),
        pytest.param(416, JQUERY, {"range": "bytes=9999-"}, PINNED, id="an unsatisfiable range"),
        pytest.param(200, "/jquery@3.10.0/dist/jquery.js", {}, PINNED, id="a file in the shape of unpkg"),
        pytest.param(200, "/ajax/libs/jquery/3.10.0/jquery.js", {}, PINNED, id="a file in the shape of cdnjs"),
        pytest.param(302, "/npm/jquery@3/dist/jquery.js", {}, ONE, id="an alias"),
        pytest.param(302, "/jquery", {}, ONE, id="an alias in the shape of unpkg"),
        pytest.param(404, "/npm/jquery@9/x.js", {}, ONE, id="no such version"),
        pytest.param(404, "/npm/jquery@3.10.0/x.js", {}, PINNED, id="no such file"),
        pytest.param(404, "/absent@1.0.0/x.js", {}, "absent@1.0.0/", id="no such library, in the shape of unpkg"),
        pytest.param(404, "/nowhere/x.js", {}, "nowhere/", id="no rule"),
        pytest.param(404, "/x/../y", {}, None, id="not in normal form"),
        pytest.param(400, "/%zz", {}, None, id="malformed"),
        pytest.param(406, JQUERY, {"accept_encoding": "*;q=0"}, None, id="nothing acceptable, which is not kept"),
    ],
)
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_what_may_be_kept_is_tagged(
    method: str, status: int, path: str, fields: dict[str, str], expected: str | None
) -> None:
    reply = ask(TAGGED, method, path, **fields)
    if method == "GET" or status not in (206, 416):
        assert status == reply.status
    assert expected == header(reply, "cache-tag")
    assert (expected and expected.replace(",", " ")) == header(reply, "surrogate-key")
    plain = ask(UNTAGGED, method, path, **fields)
    tagless = tuple(field for field in reply.headers if field[0] not in (b"cache-tag", b"surrogate-key"))
    assert plain == replace(reply, headers=tagless)
    assert not {"cache-tag", "surrogate-key"} & names(plain)


@pytest.mark.parametrize(("method", "status"), [("OPTIONS", 204), ("POST", 405)])
def test_what_is_not_kept_is_not_tagged(method: str, status: int) -> None:
    reply = ask(TAGGED, method, JQUERY, origin=catalogs.APP, access_control_request_method="GET")
    assert status == reply.status
    assert not {"cache-tag", "surrogate-key"} & names(reply)
    broken = failure(catalogs.request("GET", JQUERY), TAGGED, 500, "Failed.")
    assert not {"cache-tag", "surrogate-key"} & names(broken)


def test_only_the_field_that_was_asked_for_is_there() -> None:
    reply = ask(shelf.origin(Site(cache_tags=("Surrogate-Key",))), "GET", JQUERY)
    assert {"surrogate-key"} == {"cache-tag", "surrogate-key"} & names(reply)


def test_tags_do_not_say_whether_a_file_is_there() -> None:
    """What one release lacks and the next one has is purged by the same tags."""
    before = Origin(structs.replace(TAGGED.catalog, assets={}), clock=lambda: catalogs.NOW)
    found, missed = (ask(where, "GET", JQUERY) for where in (TAGGED, before))
    assert (200, 404) == (found.status, missed.status)
    assert header(found, "cache-tag") == header(missed, "cache-tag")
