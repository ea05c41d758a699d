"""An edge's answer is cdnserve's, field by field and octet by octet: with an empty cache and with a full one."""

from __future__ import annotations

import json

import pytest

from tests.cli.processes import run_in_pipe
from tests.contract.wire import Field, Response
from tests.edges.conftest import Pair
from tests.edges.site import APP, FILES, OTHER, STRANGER

# What an edge may put in, or says of its own connection.
OWN = frozenset({"age", "alt-svc", "connection", "date", "server", "via", "x-varnish", "keep-alive"})
# What an edge may keep to itself: tags, and that it takes ranges where it has just shown it.
KEPT = frozenset({"surrogate-key", "accept-ranges"})
BROWSER = "gzip, deflate, br, zstd"
LIB, TINY, WIDGET, PARTNERS = "/npm/lib@1.2.0/lib.js", "/npm/lib@1.2.0/tiny.txt", "/widgets/app.js", "/partners/app.js"
ACCOUNTS, PAGE, FONT = "/accounts/me.json", "/pages/app.js", "/widgets/font.woff2"


def seen(response: Response) -> tuple[int, dict[str, str], bytes]:
    names = [name.lower() for name, _ in response.fields]
    twice = {name for name in names if names.count(name) > 1} - OWN
    assert set() == twice
    fields = {name.lower(): value for name, value in response.fields if name.lower() not in OWN | KEPT}
    return response.status, fields, response.body


def coded(value: str) -> Field:
    return "Accept-Encoding", value


def asks(method: str, **fields: str) -> tuple[Field, ...]:
    asked = {"Origin": APP, "Access-Control-Request-Method": method}
    return (*asked.items(), *((name.replace("_", "-"), value) for name, value in fields.items()))


SCENES = [
    pytest.param("GET", LIB, (), 200, id="a library"),
    pytest.param("GET", LIB, (coded(BROWSER),), 200, id="as browsers ask"),
    pytest.param("GET", LIB, (coded("gzip"),), 200, id="gzip"),
    pytest.param("GET", LIB, (coded("zstd, br;q=0"),), 200, id="zstd, not br"),
    pytest.param("GET", LIB, (coded("br;q=0.000, GZIP ;q=0.5"),), 200, id="gzip in capitals, not br"),
    pytest.param("GET", LIB, (coded("deflate"),), 200, id="a coding that nobody has"),
    pytest.param("GET", LIB, (coded("brotli, xbr, br-x"),), 200, id="codings with names alike"),
    pytest.param("GET", LIB, (coded("*;q=0"),), 406, id="nothing acceptable"),
    pytest.param("GET", TINY, (coded("identity;q=0"),), 406, id="nothing acceptable without codings"),
    pytest.param("HEAD", LIB, (coded("br"),), 200, id="HEAD"),
    pytest.param("GET", f"{LIB}?v=1&w", (coded("br"),), 200, id="a query"),
    pytest.param("GET", "/npm/lib@1.2.0/a%20b%25.js", (), 200, id="an odd name"),
    pytest.param("GET", "/npm/lib@1.2.0/%61%20b%25.js", (), 200, id="an odd name, escaped without need"),
    pytest.param("GET", "/widgets/empty.css", (), 200, id="an empty file"),
    pytest.param("GET", "/widgets/page.html", (), 200, id="a document"),
    pytest.param("GET", FONT, (coded(BROWSER),), 200, id="a large file"),
    pytest.param("GET", "/npm/lib@1/lib.js", (("Origin", APP),), 302, id="an alias"),
    pytest.param("GET", "/npm/lib/lib.js", (coded(BROWSER),), 302, id="an alias without a version"),
    pytest.param("GET", "/widgets/absent.js", (("Origin", APP),), 404, id="no such file"),
    pytest.param("GET", "/nowhere", (), 404, id="no rule"),
    pytest.param("GET", WIDGET, (("Range", "bytes=5-104"),), 206, id="a range"),
    pytest.param("GET", WIDGET, (("Range", "bytes=-10"), coded("br")), 206, id="the end of a coded file"),
    pytest.param("GET", FONT, (("Range", "bytes=300000-"),), 206, id="the rest of a large file"),
    pytest.param("GET", PAGE, (("Range", "bytes=5-104"),), 206, id="a range of what is validated each time"),
    pytest.param("GET", WIDGET, (("Range", "lines=1-2"),), 200, id="an unknown unit"),
    pytest.param("GET", WIDGET, (("Range", "bytes=0-1"), ("If-Range", '"other"')), 200, id="a range of another file"),
    pytest.param("GET", WIDGET, (("If-None-Match", '"other"'),), 200, id="another entity tag"),
    pytest.param("GET", WIDGET, (("If-Match", '"other"'),), 412, id="a precondition that fails"),
    pytest.param("GET", LIB, (("If-Unmodified-Since", "Thu, 01 Jan 1970 00:00:00 GMT"),), 412, id="one of time"),
    pytest.param("GET", PARTNERS, (("Origin", APP),), 200, id="an allowed origin"),
    pytest.param("GET", PARTNERS, (("Origin", OTHER),), 200, id="another allowed origin"),
    pytest.param("GET", PARTNERS, (("Origin", STRANGER),), 200, id="a stranger"),
    pytest.param("GET", PARTNERS, (), 200, id="an allow-list, without Origin"),
    pytest.param("GET", PARTNERS, (("Origin", APP), ("Range", "bytes=0-9")), 206, id="an allow-list, a range"),
    pytest.param("GET", "/partners/absent.js", (("Origin", APP),), 404, id="an allow-list, no such file"),
    pytest.param("GET", ACCOUNTS, (("Origin", APP), ("Cookie", "a=b")), 200, id="credentials"),
    pytest.param("GET", "/own/page.txt", (), 200, id="for no origin"),
    pytest.param("OPTIONS", WIDGET, asks("GET"), 204, id="a preflight"),
    pytest.param("OPTIONS", PARTNERS, asks("GET", Access_Control_Request_Headers="x-custom"), 204, id="a listed one"),
    pytest.param("OPTIONS", PARTNERS, asks("DELETE"), 403, id="a refused preflight"),
    pytest.param("OPTIONS", LIB, (), 204, id="OPTIONS"),
    pytest.param("DELETE", LIB, (("Origin", APP),), 405, id="another method"),
]


def test_verify_has_no_finding(pair: Pair) -> None:
    for _ in range(2):
        arguments = ("--root", str(pair.origin.root), "--state", str(pair.origin.state), "--json")
        done = run_in_pipe("verify", pair.edge.url, *arguments, cwd=pair.edge.folder)
        said = json.loads(done.stdout)
        assert ([], 0) == (said["findings"], done.returncode), json.dumps(said, indent=1)
        assert len(FILES) == said["paths"]


@pytest.mark.parametrize(("method", "target", "fields", "status"), SCENES)
def test_the_edge_says_what_the_origin_server_says(
    pair: Pair, method: str, target: str, fields: tuple[Field, ...], status: int
) -> None:
    expected = pair.origin.ask(method, target, *fields)
    assert status == expected.status
    for _ in range(3):
        assert seen(expected) == seen(pair.edge.ask(method, target, *fields))


@pytest.mark.parametrize("coding", ["br", "gzip, zstd;q=0", "identity"])
@pytest.mark.parametrize("target", [LIB, WIDGET, PARTNERS, PAGE, TINY])
def test_who_has_it_is_told_so(pair: Pair, target: str, coding: str) -> None:
    """RFC 9110 §15.4.5: with the fields of a 200 that steer a cache, and CORS; more of them do no harm."""
    fields = (coded(coding), ("Origin", APP))
    whole = pair.origin.ask("GET", target, *fields)
    held = ("If-None-Match", whole["etag"])
    expected = seen(pair.origin.ask("GET", target, *fields, held))[1]
    for _ in range(3):
        status, got, content = seen(pair.edge.get(target, *fields, held))
        assert (304, b"") == (status, content)
        assert expected.items() <= got.items() <= seen(whole)[1].items() | expected.items()


def test_several_ranges_are_no_multipart(pair: Pair) -> None:
    """RFC 9110 §14.2 lets a server ignore them; many are a way to keep it busy."""
    response = pair.edge.get(WIDGET, ("Range", "bytes=0-1,5-6,10-11"))
    assert response.status in (200, 206)
    assert "multipart" not in response["content-type"]
    assert "*" == response["access-control-allow-origin"]


@pytest.mark.parametrize("target", [WIDGET, PAGE])
def test_an_unsatisfiable_range_is_refused(pair: Pair, target: str) -> None:
    expected = pair.origin.ask("GET", target, ("Range", "bytes=99999999-"))
    response = pair.edge.get(target, ("Range", "bytes=99999999-"))
    assert (416, expected["content-range"]) == (response.status, response["content-range"])
    assert expected["access-control-allow-origin"] == response["access-control-allow-origin"]
    if pair.edge.name == "nginx":
        # It says twice what is added, at first before it has looked at the range; no-store is the stronger one.
        assert "no-store" in response.members("cache-control")


@pytest.mark.parametrize("target", ["/-/health", "/-/metrics", "/-/ready", "/%2d/metrics", "/-/"])
def test_what_is_ours_is_not_the_publics(pair: Pair, target: str) -> None:
    assert 404 == pair.edge.get(target).status
