"""Files: 200, 206, 304, 406, 412 and 416, each with the fields that RFC 9110 and the contract demand of it."""

from __future__ import annotations

import base64
from dataclasses import replace

import pytest
from msgspec import structs

from cdnserve.manifest.model import Digest
from cdnserve.origin.files import entity_tag, form
from cdnserve.origin.lookup import PublishRule
from cdnserve.origin.message import Reply, Stored
from cdnserve.origin.respond import respond
from cdnserve.release.catalog import Asset, Coding, Representation
from cdnserve.rules.caching import REVALIDATE, Cache
from cdnserve.rules.cors import ANY
from tests.origin import catalogs
from tests.origin.catalogs import MODIFIED_DATE, RULES, SIZES, get, header, members, names, sha256

APP = "/any/app.js"
FONT = "/any/font.woff2"
IMMUTABLE = "public, max-age=31536000, immutable, no-transform"


def tag(path: str, coding: Coding = "identity") -> str:
    """Return the entity tag of a representation, as RFC 4648 §5 writes its sha256."""
    return f'"{base64.urlsafe_b64encode(sha256(path.lstrip("/"), coding)).decode().rstrip("=")}"'


def digest(path: str, coding: Coding) -> str:
    """Return a digest as RFC 9530 §2 writes it: a byte sequence of RFC 9651."""
    return f"sha-256=:{base64.b64encode(sha256(path.lstrip('/'), coding)).decode()}:"


CODED: tuple[Coding, ...] = ("br", "zstd", "gzip")


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("coding", CODED)
def test_a_coded_file(method: str, coding: Coding) -> None:
    reply = catalogs.ask(method, APP, accept_encoding=coding)
    expected = {
        "content-length": str(SIZES[coding]),
        "content-type": "text/javascript; charset=utf-8",
        "x-content-type-options": "nosniff",
        "content-encoding": coding,
        "etag": tag(APP, coding),
        "cache-control": IMMUTABLE,
        "last-modified": MODIFIED_DATE,
        "accept-ranges": "bytes",
        "vary": "Accept-Encoding",
        "access-control-allow-origin": "*",
        "access-control-expose-headers": "*",
        "timing-allow-origin": "*",
        "cross-origin-resource-policy": "cross-origin",
    }
    assert reply.status == 200
    assert expected == {name: header(reply, name) for name in names(reply)}
    assert reply.body == (b"" if method == "HEAD" else Stored(sha256("any/app.js", coding), 0, SIZES[coding]))


@pytest.mark.parametrize(
    ("path", "cache_control", "modified"),
    [
        pytest.param("/any/font.woff2", IMMUTABLE, MODIFIED_DATE, id="immutable"),
        pytest.param("/fresh/font.woff2", "public, no-cache", None, id="revalidate"),
    ],
)
def test_a_file_without_content_codings(path: str, cache_control: str, modified: str | None) -> None:
    reply = get(path, accept_encoding="br, gzip")
    assert reply.status == 200
    assert reply.body == Stored(sha256(path[1:], "identity"), 0, 2000)
    assert [header(reply, "cache-control"), header(reply, "last-modified")] == [cache_control, modified]
    assert header(reply, "etag") == tag(path)
    assert not {"content-encoding", "content-range", "vary", "repr-digest", "unencoded-digest"} & names(reply)


@pytest.mark.parametrize(
    ("digests", "path", "coding", "expected"),
    [
        pytest.param((), APP, "br", {}, id="none by default"),
        pytest.param(("repr",), APP, "br", {"repr-digest": digest(APP, "br")}, id="of the octets as they are sent"),
        pytest.param(("repr",), FONT, "br", {"repr-digest": digest(FONT, "identity")}, id="of octets without a coding"),
        pytest.param(("unencoded",), APP, "br", {"unencoded-digest": digest(APP, "identity")}, id="of the file"),
        pytest.param(("unencoded",), APP, "identity", {}, id="nothing to decode, so the other says it all"),
        pytest.param(("unencoded",), FONT, "br", {}, id="a file without content codings"),
        pytest.param(
            ("unencoded", "repr"),
            APP,
            "gzip",
            {"repr-digest": digest(APP, "gzip"), "unencoded-digest": digest(APP, "identity")},
            id="both",
        ),
    ],
)
def test_digests_where_the_rule_wants_them(
    digests: tuple[Digest, ...], path: str, coding: str, expected: dict[str, str]
) -> None:
    """RFC 9530 §3 and the draft beside it: on 200, HEAD and 206 alike, on 304 none."""
    origin = catalogs.origin(rules=(replace(RULES[0], digests=digests), *RULES[1:]))
    asked = {"accept_encoding": coding}
    for method, more in (("GET", {}), ("HEAD", {}), ("GET", {"range": "bytes=0-9"})):
        reply = respond(catalogs.request(method, path, **asked, **more), origin)
        assert reply.status == (206 if more else 200)
        assert expected == {name: header(reply, name) for name in names(reply) if name.endswith("-digest")}
    unchanged = respond(catalogs.request("GET", path, **asked, if_none_match="*"), origin)
    assert (304, False) == (unchanged.status, any(name.endswith("-digest") for name in names(unchanged)))


def test_one_content_coding_is_enough_to_vary() -> None:
    origin = catalogs.origin({"a.js": catalogs.asset("a.js", "br")}, (catalogs.rule("**", ANY),))
    for accept_encoding in ("br", "gzip"):
        reply = respond(catalogs.request("GET", "/a.js", accept_encoding=accept_encoding), origin)
        assert (reply.status, header(reply, "vary")) == (200, "Accept-Encoding")


@pytest.mark.parametrize("accept_encoding", [None, "gzip", "br", "identity", "gzip;q=0, *;q=0"])
def test_a_file_that_is_coded_by_nature_is_always_sent_so(accept_encoding: str | None) -> None:
    """§12.4.1: where nothing fits, the field may be disregarded; so the answer does not vary by it either."""
    own = Representation("gzip", 90, sha256("a.svgz", "gzip"))
    asset = structs.replace(catalogs.asset("a.svgz"), representations=(own,), form="gzip")
    origin = catalogs.origin({"a.svgz": asset}, (replace(catalogs.rule("**", ANY), digests=("repr", "unencoded")),))
    fields = {} if accept_encoding is None else {"accept_encoding": accept_encoding}
    reply = respond(catalogs.request("GET", "/a.svgz", **fields), origin)
    assert (200, Stored(own.sha256, 0, 90)) == (reply.status, reply.body)
    assert ("gzip", "image/svg+xml") == (header(reply, "content-encoding"), header(reply, "content-type"))
    assert "repr-digest" in names(reply)
    assert not {"vary", "unencoded-digest"} & names(reply)


def test_every_representation_has_its_own_strong_tag() -> None:
    tags = {header(get(APP, accept_encoding=coding), "etag") for coding in ("identity", *CODED)}
    assert len(tags) == 4
    assert all(value and value[0] == value[-1] == '"' for value in tags)
    sample = catalogs.asset("any/app.js").identity
    assert entity_tag(sample) == tag(APP)


def test_a_file_of_a_sandboxed_document_says_so() -> None:
    policy = "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:; font-src data:"
    assert header(get("/any/page.html"), "content-security-policy") == policy
    assert header(get("/live/page.html"), "content-security-policy") is None
    assert header(get("/any/app.js"), "content-security-policy") is None


def test_an_empty_file_is_whole() -> None:
    reply = get("/any/empty.css")
    assert (reply.status, header(reply, "content-length")) == (200, "0")
    assert reply.body == Stored(sha256("any/empty.css", "identity"), 0, 0)


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize(
    ("path", "accept_encoding"),
    [
        pytest.param(APP, "*;q=0", id="nothing"),
        pytest.param(APP, "identity;q=0, compress", id="another coding only"),
        pytest.param(FONT, "identity;q=0", id="no identity, where there is nothing else"),
    ],
)
def test_nothing_acceptable_is_406(method: str, path: str, accept_encoding: str) -> None:
    """RFC 9110 §15.5.7: it says which representations there are; the contract: only when nothing is acceptable."""
    reply = catalogs.ask(method, path, accept_encoding=accept_encoding, if_none_match="*", range="bytes=0-0")
    assert reply.status == 406
    assert header(reply, "cache-control") == "no-store"
    assert members(reply, "vary") == {"accept-encoding"}
    assert header(reply, "access-control-allow-origin") == "*"
    assert header(reply, "content-type") == "text/plain; charset=utf-8"
    assert not {"etag", "content-encoding", "last-modified", "accept-ranges"} & names(reply)
    assert reply.body == b"" if method == "HEAD" else b"identity" in _text(reply)


def _text(reply: Reply) -> bytes:
    assert isinstance(reply.body, bytes)
    assert header(reply, "content-length") == str(len(reply.body))
    return reply.body


NOT_MODIFIED = {
    "etag",
    "cache-control",
    "vary",
    "access-control-allow-origin",
    "access-control-expose-headers",
    "timing-allow-origin",
    "cross-origin-resource-policy",
}


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize(
    "fields",
    [
        pytest.param({"if_none_match": tag(APP, "br")}, id="the tag"),
        pytest.param({"if_none_match": f"W/{tag(APP, 'br')}"}, id="the tag, weakened by an edge"),
        pytest.param({"if_none_match": f'"x", {tag(APP, "br")}'}, id="one of two tags"),
        pytest.param({"if_none_match": "*"}, id="any"),
        pytest.param({"if_modified_since": MODIFIED_DATE}, id="the date"),
        pytest.param({"if_none_match": "*", "if_modified_since": "broken"}, id="a tag beats a date"),
        pytest.param({"if_match": tag(APP, "br"), "if_none_match": "*"}, id="If-Match is true"),
        pytest.param({"if_none_match": "*", "range": "bytes=0-0"}, id="§14.2: Range comes after preconditions"),
        pytest.param({"if_none_match": "*", "range": "bytes=9999-"}, id="also an unsatisfiable one"),
    ],
)
def test_not_modified(method: str, fields: dict[str, str]) -> None:
    """§15.4.5: the fields that a 200 would have had and that steer a cache; no others, and no content."""
    reply = catalogs.ask(method, APP, accept_encoding="br", **fields)
    whole = get(APP, accept_encoding="br")
    assert (reply.status, reply.body) == (304, b"")
    assert names(reply) == NOT_MODIFIED
    assert [header(whole, name) for name in sorted(NOT_MODIFIED)] == [
        header(reply, name) for name in sorted(NOT_MODIFIED)
    ]


@pytest.mark.parametrize(
    "fields",
    [
        pytest.param({"if_none_match": tag(APP)}, id="the tag of another coding"),
        pytest.param({"if_none_match": '"x"', "if_modified_since": MODIFIED_DATE}, id="a date beside a wrong tag"),
        pytest.param({"if_modified_since": "Thu, 29 Feb 2024 12:34:55 GMT"}, id="an earlier date"),
        pytest.param({"if_unmodified_since": MODIFIED_DATE}, id="not modified since, which is asked for"),
        pytest.param({"if_match": tag(APP, "br")}, id="the tag that is asked for"),
    ],
)
def test_preconditions_that_are_met(fields: dict[str, str]) -> None:
    assert get(APP, accept_encoding="br") == get(APP, accept_encoding="br", **fields)


def test_a_file_without_a_date_ignores_dates() -> None:
    """§13.1.3, §13.1.4: "A recipient MUST ignore [it] if the resource does not have a modification date available"."""
    path, future, past = "/fresh/app.js", "Fri, 01 Jan 2100 00:00:00 GMT", "Thu, 01 Jan 1970 00:00:00 GMT"
    assert get(path).status == get(path, if_modified_since=future).status == 200
    assert get(path, if_unmodified_since=past).status == 200


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize(
    ("fields", "word"),
    [
        pytest.param({"if_match": '"x"'}, "If-Match", id="another tag"),
        pytest.param({"if_match": ""}, "If-Match", id="no tag"),
        pytest.param({"if_match": f"W/{tag(APP, 'br')}"}, "If-Match", id="§13.1.1: a weak tag"),
        pytest.param({"if_match": tag(APP)}, "If-Match", id="the tag of another coding"),
        pytest.param({"if_match": '"x"', "if_none_match": "*"}, "If-Match", id="§13.2.2: If-Match comes first"),
        pytest.param({"if_match": '"x"', "if_unmodified_since": MODIFIED_DATE}, "If-Match", id="a date beside"),
        pytest.param(
            {"if_unmodified_since": "Thu, 01 Jan 1970 00:00:00 GMT", "if_none_match": "*"},
            "If-Unmodified-Since",
            id="§13.2.2: If-Unmodified-Since comes second",
        ),
    ],
)
def test_a_precondition_that_fails_is_412(method: str, fields: dict[str, str], word: str) -> None:
    reply = catalogs.ask(method, APP, accept_encoding="br", range="bytes=0-0", **fields)
    assert reply.status == 412
    assert header(reply, "etag") == tag(APP, "br")
    assert header(reply, "access-control-allow-origin") == "*"
    assert header(reply, "content-type") == "text/plain; charset=utf-8"
    assert not {"content-encoding", "content-range", "last-modified", "repr-digest"} & names(reply)
    assert reply.body == b"" if method == "HEAD" else word.encode() in _text(reply)


@pytest.mark.parametrize("coding", ["identity", "br"])
def test_a_part_is_of_the_selected_representation(coding: Coding) -> None:
    """§14.2: a range counts octets of the coded bytes; §15.3.7: the fields of the 200, and Content-Range."""
    whole, part = (get(APP, accept_encoding=coding, **more) for more in ({}, {"range": "bytes=2-8"}))
    assert part.status == 206
    assert part.body == Stored(sha256("any/app.js", coding), 2, 7)
    assert header(part, "content-range") == f"bytes 2-8/{SIZES[coding]}"
    assert header(part, "content-length") == "7"
    apart = {"content-range", "content-length"}
    assert {name: header(whole, name) for name in names(whole) - apart} == {
        name: header(part, name) for name in names(part) - apart
    }


@pytest.mark.parametrize(
    ("if_range", "status"),
    [
        pytest.param(tag(FONT), 206, id="the tag"),
        pytest.param(f"W/{tag(FONT)}", 200, id="the tag, but weak"),
        pytest.param('"x"', 200, id="another tag"),
        pytest.param(MODIFIED_DATE, 206, id="the date of a file that never changes"),
        pytest.param("Thu, 29 Feb 2024 12:34:57 GMT", 200, id="a later date"),
        pytest.param("broken", 200, id="neither"),
    ],
)
def test_if_range_guards_the_part(if_range: str, status: int) -> None:
    """§13.1.5; a Range that may not be honoured is ignored, also an unsatisfiable one."""
    assert status == get(FONT, range="bytes=0-9", if_range=if_range).status
    assert (416 if status == 206 else 200) == get(FONT, range="bytes=9999-", if_range=if_range).status
    assert get(FONT) == get(FONT, if_range=if_range)


def test_a_date_that_two_codings_share_is_no_strong_validator_of_coded_bytes() -> None:
    """§8.8.1: "a validator is weak if it is shared by two or more representations of a given resource".

    The date stays when a newer encoder writes other bytes of the same file: parts of both must not be joined.
    """
    whole = get(APP, accept_encoding="br")
    assert whole == get(APP, accept_encoding="br", range="bytes=9-", if_range=MODIFIED_DATE)
    assert get(APP, accept_encoding="br", range="bytes=9-", if_range=tag(APP, "br")).status == 206


@pytest.mark.parametrize("coding", ["identity", "gzip"])
def test_an_unsatisfiable_range_is_416(coding: Coding) -> None:
    reply = get(APP, accept_encoding=coding, range="bytes=1000-")
    assert reply.status == 416
    assert header(reply, "content-range") == f"bytes */{SIZES[coding]}"
    assert header(reply, "accept-ranges") == "bytes"
    assert header(reply, "etag") == tag(APP, coding)
    assert header(reply, "access-control-allow-origin") == "*"
    assert str(SIZES[coding]).encode() in _text(reply)
    assert not {"content-encoding", "last-modified", "repr-digest"} & names(reply)


@pytest.mark.parametrize("value", ["bytes=0-0,5-6", "items=0-1", "broken", "", "bytes=9-5"])
def test_a_range_that_is_ignored(value: str) -> None:
    assert get(APP) == get(APP, range=value)


@pytest.mark.parametrize("value", ["bytes=0-0", "bytes=9999-"])
def test_a_range_of_head_is_ignored(value: str) -> None:
    """§14.2: "A server MUST ignore a Range header field received with a request method that is unrecognized"."""
    assert catalogs.ask("HEAD", APP) == catalogs.ask("HEAD", APP, range=value)


def test_last_modified_is_never_later_than_the_response() -> None:
    """§8.8.2.1: an origin server with a clock "MUST NOT generate a Last-Modified date that is later" than Date."""
    soon = catalogs.asset("a.js", modified=int(catalogs.NOW) + 3600)
    origin = catalogs.origin({"a.js": soon}, (catalogs.rule("**", ANY),))
    assert header(respond(catalogs.request("GET", "/a.js"), origin), "last-modified") in (
        None,
        "Sun, 15 Jun 2025 15:06:40 GMT",
    )


CDN = Cache("edge", cdn_max_age=31_536_000)


@pytest.mark.parametrize(
    ("status", "fields"),
    [
        pytest.param(200, {}, id="whole"),
        pytest.param(206, {"range": "bytes=0-1"}, id="a range"),
        pytest.param(304, {"if_none_match": "*"}, id="not modified"),
        pytest.param(412, {"if_match": '"x"'}, id="a precondition that failed"),
        pytest.param(416, {"range": "bytes=9999-"}, id="an unsatisfiable range"),
        pytest.param(406, {"accept_encoding": "*;q=0"}, id="nothing acceptable"),
    ],
)
def test_a_cdn_is_told_what_browsers_are_not(status: int, fields: dict[str, str]) -> None:
    """RFC 9213 §3: wherever Cache-Control is that of the file."""
    files = {"a.js": catalogs.asset("a.js")}
    for cache, control in ((CDN, "max-age=31536000"), (REVALIDATE, None)):
        origin = catalogs.origin(files, (catalogs.rule("**", ANY, cache),))
        reply = respond(catalogs.request("GET", "/a.js", **fields), origin)
        assert status == reply.status
        assert (control if status != 406 else None) == header(reply, "cdn-cache-control")
        assert ("no-store" if status == 406 else "public, no-cache") == header(reply, "cache-control")


RULE = PublishRule(RULES[0])
CODED_APP = catalogs.asset("any/app.js", "br", "gzip", modified=catalogs.MODIFIED)


def test_files_of_one_form() -> None:
    other = catalogs.asset("any/other.js", "br", "gzip", size=2000, modified=1)
    assert (
        form("any/app.js", RULE, CODED_APP, catalogs.NOW) == form("any/other.js", RULE, other, catalogs.NOW) is not None
    )


@pytest.mark.parametrize(
    ("path", "other"),
    [
        pytest.param("any/app.css", CODED_APP, id="another type"),
        pytest.param("any/app.js", catalogs.asset("any/app.js", "br", modified=1), id="other codings"),
        pytest.param("any/app.js", catalogs.asset("any/app.js", "br", "gzip"), id="no date"),
        pytest.param("any/app.js", catalogs.asset("any/app.js", "br", "gzip", at=1, modified=1), id="another rule"),
        pytest.param("any/app.js", structs.replace(CODED_APP, form="other"), id="no UTF-8"),
    ],
)
def test_another_form(path: str, other: Asset) -> None:
    assert form("any/app.js", RULE, CODED_APP, catalogs.NOW) != form(path, RULE, other, catalogs.NOW) is not None


@pytest.mark.parametrize(
    ("rule", "asset", "now"),
    [
        pytest.param(RULE, catalogs.asset("any/app.js", "br", size=1), catalogs.NOW, id="a coding makes it larger"),
        pytest.param(
            PublishRule(replace(RULES[0], digests=("repr",))), CODED_APP, catalogs.NOW, id="a digest of its own"
        ),
        pytest.param(RULE, CODED_APP, catalogs.MODIFIED - 1, id="a date that is not over"),
    ],
)
def test_a_file_of_no_form(rule: PublishRule, asset: Asset, now: float) -> None:
    assert form("any/app.js", rule, asset, now) is None
