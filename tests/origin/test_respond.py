"""Host (RFC 9112 §3.2): exactly one, well-formed."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from cdnserve.manifest.model import Site
from cdnserve.origin.lookup import Origin
from cdnserve.origin.message import Reply, Request, Stored
from cdnserve.origin.respond import failure, is_valid_host, respond
from cdnserve.rules.cors import ANY
from tests.origin import catalogs
from tests.origin.catalogs import APP, HOST, ORIGIN, STRANGER, ask, get, header, members, names


@pytest.mark.parametrize(
    "value",
    [
        pytest.param("cdn.example.com", id="a name"),
        pytest.param("CDN.Example.COM", id="in any case"),
        pytest.param("localhost", id="one label"),
        pytest.param("localhost:8080", id="a port"),
        pytest.param("localhost:65535", id="the last port"),
        pytest.param("localhost:", id="RFC 3986 §3.2.3: an empty port"),
        pytest.param("127.0.0.1:80", id="an IPv4 address"),
        pytest.param("[::1]", id="an IPv6 address"),
        pytest.param("[2001:db8::1]:443", id="an IPv6 address with a port"),
        pytest.param("[::ffff:192.0.2.1]", id="an IPv6 address that ends as IPv4"),
        pytest.param("cdn.example.com.", id="a dot at the end"),
        pytest.param("a_b.example", id="an underscore"),
        pytest.param("xn--bcher-kva.example", id="an IDN"),
        pytest.param("a~b!$&'()*+;=c%20d", id="RFC 3986 §3.2.2: all that a reg-name may hold"),
        pytest.param("a" * 255, id="the longest name"),
    ],
)
@pytest.mark.parametrize("version", ["1.0", "1.1", "2"])
def test_a_well_formed_host(value: str, version: str) -> None:
    assert is_valid_host([value], version) is True


@pytest.mark.parametrize(
    "value",
    [
        pytest.param("", id="empty, which no http URL's authority is"),
        pytest.param(":80", id="a port alone"),
        pytest.param("a,b", id="a comma, as of two lines that were joined"),
        pytest.param("a, b", id="a comma and a space"),
        pytest.param("a b", id="a space"),
        pytest.param("user@cdn.example.com", id="userinfo"),
        pytest.param("user:x@cdn.example.com", id="userinfo with a password"),
        pytest.param("cdn.example.com/", id="a slash"),
        pytest.param("cdn.example.com/path", id="a path"),
        pytest.param("cdn.example.com?x", id="a query"),
        pytest.param("cdn.example.com#x", id="a fragment"),
        pytest.param("http://cdn.example.com", id="a URL"),
        pytest.param("cdn.example.com\\x", id="a backslash"),
        pytest.param("cdn.example.com:http", id="a port that is a word"),
        pytest.param("cdn.example.com:-1", id="a port with a sign"),
        pytest.param("cdn.example.com:+1", id="a port with a plus"),
        pytest.param("cdn.example.com:8_0", id="a port with an underscore"),
        pytest.param("cdn.example.com:²", id="a port in superscript"),
        pytest.param("cdn.example.com:65536", id="a port beyond the last"),
        pytest.param("cdn.example.com:80:80", id="two ports"),
        pytest.param("::1", id="an IPv6 address without brackets"),
        pytest.param("[::1", id="a bracket that isn't closed"),
        pytest.param("::1]", id="a bracket that isn't opened"),
        pytest.param("[]", id="empty brackets"),
        pytest.param("[127.0.0.1]", id="an IPv4 address in brackets"),
        pytest.param("[::1::]", id="an IPv6 address with two gaps"),
        pytest.param("[1:2:3:4:5:6:7:8:9]", id="an IPv6 address of nine groups"),
        pytest.param("[12345::]", id="a group of five digits"),
        pytest.param("[::1]x", id="a word after the brackets"),
        pytest.param("[fe80::1%25eth0]", id="a zone, which is of no meaning elsewhere"),
        pytest.param("a%2", id="half an escape"),
        pytest.param("a%zz", id="an escape that isn't hexadecimal"),
        pytest.param('a"b', id="a quote"),
        pytest.param("<a>", id="angle brackets"),
        pytest.param("bücher.example", id="a letter that isn't ASCII"),
        pytest.param("a\x00", id="a NUL"),
        pytest.param("a\n", id="a line feed at the end"),
        pytest.param("a" * 256, id="a name that is too long"),
        pytest.param("%41" * 65_536, id="a very long name"),
    ],
)
@pytest.mark.parametrize("version", ["1.0", "1.1"])
def test_a_malformed_host(value: str, version: str) -> None:
    assert is_valid_host([value], version) is False


@pytest.mark.parametrize(
    ("values", "version", "valid"),
    [
        pytest.param([], "1.1", False, id="HTTP/1.1 without Host"),
        pytest.param([], "1.0", True, id="HTTP/1.0 without Host"),
        pytest.param(["a", "b"], "1.1", False, id="two lines"),
        pytest.param(["a", "a"], "1.1", False, id="two equal lines"),
        pytest.param(["a", "a"], "1.0", False, id="two lines of HTTP/1.0"),
        pytest.param(["a", ""], "1.1", False, id="a line and an empty one"),
        pytest.param(["a"] * 5_000, "1.1", False, id="five thousand lines"),
    ],
)
def test_how_often_host_may_stand(values: list[str], version: str, valid: bool) -> None:
    assert valid is is_valid_host(values, version)


@given(st.text() | st.text(alphabet="a.:[]0123456789%-@/,", max_size=30))
def test_any_text_is_a_host_or_not(value: str) -> None:
    valid = is_valid_host([value], "1.1")
    assert not valid or re.fullmatch(r"[!$&-+.-;=A-Z\[\]_a-z~%-]+", value)
    assert not valid or is_valid_host([value], "1.0")


@given(
    st.ip_addresses(v=6).map(str) | st.ip_addresses(v=6).map(lambda address: address.exploded), st.integers(0, 65_535)
)
def test_every_ipv6_address_is_a_host(address: str, port: int) -> None:
    assert is_valid_host([f"[{address}]"], "1.1") is True
    assert is_valid_host([f"[{address}]:{port}"], "1.1") is True
    assert is_valid_host([f"{address}:{port}"], "1.1") is False


POLICIES = pytest.mark.parametrize(
    ("folder", "allowed", "vary"),
    [
        pytest.param("any", "*", set(), id="any"),
        pytest.param("partners", APP, {"origin"}, id="an allow-list"),
        pytest.param("accounts", APP, {"origin"}, id="an allow-list with credentials"),
        pytest.param("none", None, set(), id="none"),
    ],
)


def text(reply: Reply) -> str:
    """Return a reply's line of text; it must be described as one."""
    assert isinstance(reply.body, bytes)
    assert header(reply, "content-length") == str(len(reply.body))
    assert header(reply, "content-type") == "text/plain; charset=utf-8"
    assert header(reply, "x-content-type-options") == "nosniff"
    assert reply.body.endswith(b"\n")
    return reply.body.decode()


@POLICIES
@pytest.mark.parametrize(
    ("story", "status", "cache_control"),
    [
        pytest.param({"method": "GET", "name": "absent.js"}, 404, "public, max-age=60", id="not found"),
        pytest.param({"method": "DELETE", "name": "app.js"}, 405, "no-store", id="a method"),
        pytest.param({"method": "PUT", "name": "absent.js"}, 405, "no-store", id="a method, no file"),
        pytest.param({"method": "GET", "name": "app.js", "host": "a,b"}, 400, "no-store", id="a malformed Host"),
    ],
)
def test_a_refusal_carries_the_policy_of_its_path(
    folder: str, allowed: str | None, vary: set[str], story: dict[str, str], status: int, cache_control: str
) -> None:
    """The contract: everything holds on every status, so that a script can read it."""
    host = (b"host", story.get("host", "cdn.example.com").encode())
    asked = Request(story["method"], f"/{folder}/{story['name']}".encode(), (host, (b"origin", APP.encode())))
    reply = respond(asked, ORIGIN)
    assert (status, cache_control) == (reply.status, header(reply, "cache-control"))
    assert allowed == header(reply, "access-control-allow-origin")
    assert vary == members(reply, "vary")
    assert ("true" if folder == "accounts" else None) == header(reply, "access-control-allow-credentials")
    assert ("same-origin" if folder == "none" else "cross-origin") == header(reply, "cross-origin-resource-policy")
    assert ("GET, HEAD, OPTIONS" if status == 405 else None) == header(reply, "allow")
    assert text(reply)


@POLICIES
@pytest.mark.parametrize("fields", [{}, {"origin": STRANGER}])
@pytest.mark.parametrize("name", ["app.js", "absent.js"])
def test_an_allow_list_varies_also_without_an_allowed_origin(
    folder: str, allowed: str | None, vary: set[str], fields: dict[str, str], name: str
) -> None:
    reply = get(f"/{folder}/{name}", **fields)
    assert (allowed if allowed == "*" else None) == header(reply, "access-control-allow-origin")
    assert vary <= members(reply, "vary")
    assert not {"access-control-allow-credentials"} & names(reply)
    assert ("timing-allow-origin" in names(reply)) == (allowed == "*")


@pytest.mark.parametrize(
    "path",
    [
        pytest.param("/elsewhere/app.js", id="no rule"),
        pytest.param("/any/app.js.map", id="left out by the rule"),
        pytest.param("/manifest.toml", id="the manifest"),
        pytest.param("/any/.git/config", id="a dot-folder"),
        pytest.param("/-/health", id="ours"),
        pytest.param("/any/", id="a folder"),
        pytest.param("//", id="two slashes"),
        pytest.param("/elsewhere//app.js", id="an empty segment where no rule is"),
        pytest.param("/elsewhere/%2e%2e/any/app.js", id="encoded dots where no rule is"),
        pytest.param("/any//.git/config", id="an empty segment before a dot-folder"),
        pytest.param("/any%2fapp.js.map", id="an encoded slash, and left out by the rule"),
        pytest.param("", id="no path"),
    ],
)
def test_what_is_not_public_is_like_what_is_absent(path: str) -> None:
    """The contract: 404, no CORS headers, and the same answer whether or not a file lies there."""
    reply = get(path, origin=APP)
    assert reply == get("/never/was", origin=APP)
    assert reply.status == 404
    assert names(reply) == {"content-length", "content-type", "x-content-type-options", "cache-control"}
    assert path.strip("/") == "" or path not in text(reply)


@pytest.mark.parametrize("path", ["/%zz", "/any/%", "/any/app.js%00", "/any/%ff"])
def test_a_malformed_path_is_400(path: str) -> None:
    reply = get(path, origin=APP)
    assert (reply.status, header(reply, "cache-control")) == (400, "no-store")
    assert ("*" if "any" in path else None) == header(reply, "access-control-allow-origin")
    assert text(reply)


@pytest.mark.parametrize(
    ("path", "status"),
    [
        pytest.param("/any//app.js", 404, id="an empty segment"),
        pytest.param("/any/%2e%2e/partners/app.js", 404, id="encoded dots: never the rule that they lead to"),
        pytest.param("/any%2fapp.js", 404, id="an encoded slash"),
        pytest.param("/any/%2fapp.js%ff", 400, id="malformed"),
    ],
)
def test_a_flawed_path_has_the_headers_of_the_rule_above_it_and_never_a_file(path: str, status: int) -> None:
    reply = get(path, origin=APP)
    assert (status, "*") == (reply.status, header(reply, "access-control-allow-origin"))
    assert not {"etag", "location", "vary"} & names(reply)


def test_a_missing_file_gets_a_suggestion() -> None:
    assert "/any/app.js?" in text(get("/any/ap.js"))
    for path in ("/elsewhere/ap.js", "/any/far/away", "/%2e%2e/ap.js"):
        assert text(get(path)) == "No public file has this path.\n"


@pytest.mark.parametrize("pages", [True, False])
def test_a_folder_leads_to_its_page_where_there_are_pages(pages: bool) -> None:
    files = {path: catalogs.asset(path) for path in ("npm/lib@1.0.0/ä b/a.js", "npm/lib@1.0.0/ä b/b.js")}
    site = catalogs.origin(files, (catalogs.rule("npm/**", ANY),))
    site = Origin(structs.replace(site.catalog, site=Site(pages=pages)))
    reply = respond(catalogs.request("GET", "/npm/lib@1.0.0/%C3%A4%20b/"), site)
    told = "No public file has this path. It is a folder of 2 public files, such as /npm/lib@1.0.0/ä b/a.js."
    page = " Its page is /-/folder/npm/lib@1.0.0/%C3%A4%20b/"
    assert (404, f"{told}{page if pages else ''}\n") == (reply.status, text(reply))


@pytest.mark.parametrize("path", ["/partners/ap.js", "/none/ap.js", "/partners/", "/any/../partners/ap.js"])
def test_what_is_not_listed_is_not_suggested(path: str) -> None:
    assert "No public file has this path.\n" == text(get(path))


def test_versions_that_are_not_listed_are_not_named() -> None:
    """A rule may list some versions of a library, and not others."""
    paths = {"npm/lib@1.0.0/a.js": 1, "npm/lib@2.0.0/b.js": 0, "npm/own@1.0.0/a.js": 0}
    files = {path: catalogs.asset(path, at=at) for path, at in paths.items()}
    partners = catalogs.rule("npm/lib@2.0.0/**", catalogs.PARTNERS)
    partners = replace(partners, paths=(*partners.paths, "npm/own@1.0.0/**"))
    site = catalogs.origin(files, (partners, catalogs.rule("npm/**", ANY)))
    listed = " Hosted versions of lib: 1.0.0."
    for path, said in (("lib@9/a.js", listed), ("lib@2.0.0/c.js", listed), ("own@9/a.js", "")):
        assert f"No public file has this path.{said}\n" == text(respond(catalogs.request("GET", f"/npm/{path}"), site))


@pytest.mark.parametrize(
    ("hosts", "version", "status"),
    [
        pytest.param([b"cdn.example.com"], "1.1", 200, id="one"),
        pytest.param([], "1.1", 400, id="none"),
        pytest.param([], "1.0", 200, id="none, HTTP/1.0"),
        pytest.param([b""], "1.1", 400, id="empty"),
        pytest.param([b"a", b"a"], "1.1", 400, id="two"),
        pytest.param([b"user@a"], "1.1", 400, id="userinfo"),
        pytest.param([b"a/b"], "1.1", 400, id="a path"),
    ],
)
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_host_must_stand_once(hosts: list[bytes], version: str, status: int, method: str) -> None:
    fields = tuple((b"host", host) for host in hosts)
    assert status == respond(Request(method, b"/any/app.js", fields, version), ORIGIN).status


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "TRACE", "CONNECT", "get", "HEAD ", "", "é"])
@pytest.mark.parametrize("path", ["/any/app.js", "/elsewhere", "/%zz", "*"])
def test_other_methods_are_405_everywhere(method: str, path: str) -> None:
    """RFC 9110 §9.1: methods are case-sensitive; §15.5.6: Allow says which there are."""
    reply = ask(method, path, if_match='"x"', access_control_request_method="GET")
    assert (405, "GET, HEAD, OPTIONS") == (reply.status, header(reply, "allow"))


@pytest.mark.parametrize(
    ("path", "fields"),
    [
        pytest.param("/any/absent.js", {}, id="not found"),
        pytest.param("/%zz", {}, id="malformed"),
        pytest.param("/any/app.js", {"accept_encoding": "*;q=0"}, id="nothing acceptable"),
    ],
)
def test_preconditions_and_ranges_are_ignored_where_the_answer_is_no_2xx(path: str, fields: dict[str, str]) -> None:
    """RFC 9110 §13.2.1 and §14.2."""
    conditions = {"if_match": '"x"', "if_none_match": "*", "range": "bytes=9999-"}
    assert get(path, **fields) == get(path, **fields, **conditions)


@pytest.mark.parametrize("path", ["/any/app.js", "/any/absent.js", "/elsewhere", "/%zz", "/any/font.woff2"])
@pytest.mark.parametrize("fields", [{}, {"accept_encoding": "br"}, {"if_match": '"x"'}, {"accept_encoding": "*;q=0"}])
def test_head_is_get_without_content(path: str, fields: dict[str, str]) -> None:
    """§9.3.2: "the server SHOULD send the same header fields"."""
    whole, head = get(path, **fields), ask("HEAD", path, **fields)
    assert (whole.status, whole.headers, b"") == (head.status, head.headers, head.body)


@POLICIES
@pytest.mark.parametrize("name", ["app.js", "absent.js"])
def test_a_failure_can_be_read_by_who_may_read_the_path(
    folder: str, allowed: str | None, vary: set[str], name: str
) -> None:
    reply = failure(catalogs.request("GET", f"/{folder}/{name}", origin=APP), ORIGIN, 503, "Come back.")
    assert (503, "no-store", "Come back.\n") == (reply.status, header(reply, "cache-control"), text(reply))
    assert allowed == header(reply, "access-control-allow-origin")
    assert vary == members(reply, "vary")


@pytest.mark.parametrize("path", ["/elsewhere/app.js", "/%zz", "*"])
def test_a_failure_without_a_rule_has_no_cors_headers(path: str) -> None:
    reply = failure(catalogs.request("GET", path, origin=APP), ORIGIN, 500, "Failed.")
    assert names(reply) == {"content-length", "content-type", "x-content-type-options", "cache-control"}


def test_a_failure_of_head_has_no_content() -> None:
    """§9.3.2: "the server MUST NOT send content in the response" to HEAD."""
    whole, head = (
        failure(catalogs.request(method, "/any/app.js"), ORIGIN, 500, "Failed.") for method in ("GET", "HEAD")
    )
    assert (whole.status, whole.headers, b"") == (head.status, head.headers, head.body)


def test_thousands_of_lines_are_one_list() -> None:
    """§5.3: the order of lines is the order of the list."""
    etag = ORIGIN.catalog.assets["any/app.js"].identity
    current = header(get("/any/app.js"), "etag")
    assert current is not None
    assert etag.size == 1000
    lines = [(b"if-none-match", b'"%d"' % number) for number in range(5_000)]
    fields = (HOST, *lines, (b"if-none-match", current.encode()))
    assert respond(Request("GET", b"/any/app.js", fields), ORIGIN).status == 304
    assert respond(Request("GET", b"/any/app.js", (HOST, *lines)), ORIGIN).status == 200


octets = st.binary(max_size=60)
NAMES = (
    b"origin",
    b"accept-encoding",
    b"range",
    b"if-range",
    b"if-match",
    b"if-none-match",
    b"if-modified-since",
    b"if-unmodified-since",
    b"access-control-request-method",
    b"access-control-request-headers",
    b"access-control-request-private-network",
    b"host",
    b"x-other",
)
VALUES = (
    APP.encode(),
    b"null",
    b"br, gzip;q=0.5",
    b"*;q=0",
    b"bytes=0-9",
    b"bytes=-0",
    b"bytes=9999-",
    b'"x", W/"y"',
    b"*",
    b"Thu, 29 Feb 2024 12:34:56 GMT",
    b"GET",
    b"x-custom",
    b"true",
)
lines = st.tuples(st.sampled_from(NAMES), octets | st.sampled_from(VALUES))
methods = st.sampled_from(["GET", "HEAD", "OPTIONS", "POST"]) | st.text(max_size=5)
raw_paths = st.sampled_from([f"/{path}".encode() for path in catalogs.assets()]) | octets | octets.map(b"/any/".__add__)
requests = st.builds(
    Request,
    methods,
    raw_paths,
    st.lists(lines, max_size=8).map(lambda more: (HOST, *more)),
    st.sampled_from(["1.0", "1.1"]),
)
EXPECTED = {200, 204, 206, 304, 400, 403, 404, 405, 406, 412, 416}


@given(requests)
def test_any_request_gets_a_sound_reply(request: Request) -> None:
    reply = respond(request, ORIGIN)
    fields = dict(reply.headers)
    assert len(fields) == len(reply.headers)
    assert all(name == name.lower() and not set(b"\x00\r\n") & set(name + value) for name, value in reply.headers)
    assert reply.status in EXPECTED
    assert (reply.status == 206) == (b"content-range" in fields and reply.status != 416)
    assert (b"content-length" in fields) == (reply.status not in (204, 304))
    assert (b"cache-control" in fields) == (reply.status != 204)
    if isinstance(reply.body, Stored):
        assert (request.method, reply.status) in (("GET", 200), ("GET", 206))
        assert fields[b"content-length"] == b"%d" % reply.body.length
        sizes = {r.sha256: r.size for asset in ORIGIN.catalog.assets.values() for r in asset.representations}
        assert 0 <= reply.body.start <= reply.body.start + reply.body.length <= sizes[reply.body.sha256]
    elif request.method == "HEAD" or reply.status in (204, 304):
        assert reply.body == b""
    else:
        assert text(reply)
    allowed = fields.get(b"access-control-allow-origin")
    assert allowed in (None, b"*") or request.values(b"origin") == [allowed.decode()]
    assert (allowed in (None, b"*")) or b"Origin" in fields[b"vary"]
    assert allowed != b"*" or b"Origin" not in fields.get(b"vary", b"")


def test_the_root_redirects_to_the_pages() -> None:
    reply = get("/", origin=APP)
    assert (302, "./-/") == (reply.status, header(reply, "location"))
    assert "public, max-age=600, stale-while-revalidate=86400" == header(reply, "cache-control")
    assert header(reply, "access-control-allow-origin") is None
    assert 204 == ask("OPTIONS", "/").status
