"""Methods (RFC 9110 §9): GET, HEAD and OPTIONS everywhere, 405 for every other one."""

from __future__ import annotations

import pytest

from tests.contract import site as sites
from tests.contract.edges import Edge
from tests.contract.invariants import violations
from tests.contract.scenes import EVERY_SCENE, Scene
from tests.contract.site import Site
from tests.contract.wire import message

OTHERS = ("POST", "PUT", "DELETE", "PATCH", "TRACE", "PROPFIND", "MKCOL", "LOCK", "REPORT", "PURGE", "QUERY")
# Every kind of path, and the Access-Control-Allow-Origin of its rule.
PATHS = {
    "/any/1.0.0/app.js": "*",
    "/any/1.0.0/absent.js": "*",
    "/secret.txt": None,
    "/nowhere": None,
    "/none/app.js": None,
    "/any/1.0.0/%zz": "*",
    "/any/../secret.txt": "*",
    "/elsewhere/%zz": None,
    "/elsewhere/../any/1.0.0/app.js": None,
    "/": None,
}


@pytest.mark.parametrize("method", OTHERS)
def test_other_methods_are_405_with_allow(edge: Edge, method: str) -> None:
    """RFC 9110 §15.5.6; the rule's CORS headers let a script read the 405."""
    for path, origin in PATHS.items():
        response = edge.ask(method, path)
        assert (path, response.status) == (path, 405)
        assert response["allow"] == "GET, HEAD, OPTIONS"
        assert response["cache-control"] == "no-store"
        assert (path, origin) == (path, response.get("access-control-allow-origin"))


STRANGE = ("get", "Get", "head", "FOO", "GETT", "HEADER", "G", "M-SEARCH", "PLAY", "SOURCE", "!#$%&'*+.^_`|~", "x" * 64)


@pytest.mark.parametrize("method", STRANGE)
def test_methods_that_nobody_knows_are_405(edge: Edge, method: str) -> None:
    """RFC 9110 §9.1: the token is case-sensitive; 501 would do as well, ours is 405, as that of any other method."""
    for path, origin in PATHS.items():
        response = edge.ask(method, path, ("Origin", sites.ORIGIN))
        assert (path, response.status) == (path, 405)
        assert response["allow"] == "GET, HEAD, OPTIONS"
        assert (path, origin) == (path, response.get("access-control-allow-origin"))
        assert response.comparable() == edge.ask("DELETE", path, ("Origin", sites.ORIGIN)).comparable()


def test_a_method_that_nobody_knows_changes_nothing_for_what_comes_around_it(edge: Edge) -> None:
    """However TCP cuts it; its content is its own, and the connection goes on."""
    octets = message("GET", "/any/1.0.0/app.js")
    octets += message("GETX", "/partners/app.js", [("Content-Length", "5")], body=b"GET /") + octets
    octets += message("FOO", "/any/1.0.0/app.js", [("Transfer-Encoding", "chunked")], body=b"1\r\na\r\n0\r\n\r\n")
    with edge.connect() as connection:
        for cut in range(1, len(octets), 7):
            connection.send(octets[:cut])
            connection.send(octets[cut:])
            assert [200, 405, 200, 405] == [connection.receive().status for _ in range(4)]
        assert connection.exchange(message("GET", "/any/1.0.0/app.js")).body == sites.APP


@pytest.mark.parametrize("method", ["\x80", "(", "G(T", "GET/", '"GET"', "", "\xff" * 5000, "x" * 65])
def test_what_is_no_method_is_400(edge: Edge, method: str) -> None:
    with edge.connect() as connection:
        response = connection.exchange(message(method, "/any/1.0.0/app.js"), method)
    assert (response.status, violations(response, method)) == (400, [])


@pytest.mark.parametrize("target", ["cdn.example.com:443", "/any/1.0.0/app.js", "*"])
def test_connect_opens_no_tunnel(edge: Edge, target: str) -> None:
    """RFC 9110 §9.3.6: what follows was written for a tunnel, perhaps by somebody else: it is no request to answer."""
    with edge.connect() as connection:
        connection.send(message("CONNECT", target) + message("GET", "/any/1.0.0/app.js"))
        connection.finish()
        response = connection.receive("CONNECT")
        assert response.status in (400, 405, 501)
        assert sites.APP not in connection.drain()


@EVERY_SCENE
@pytest.mark.parametrize("folder", ["any/1.0.0", "partners", "none"])
def test_head_has_the_fields_of_get(edge: Edge, folder: str, scene: Scene) -> None:
    """RFC 9110 §9.3.2: the server SHOULD send the same fields as for GET; but a range of HEAD is no range (§14.2)."""
    fields = tuple(field for field in scene.fields if field[0] != "Range")
    full, head = (edge.ask(m, f"/{folder}/{scene.name}", *fields, host=scene.host) for m in ("GET", "HEAD"))
    assert full.comparable()[:2] == head.comparable()[:2]
    assert head.body == b""


@pytest.mark.parametrize(
    "path",
    [
        pytest.param("/any/1.0.0/app.js", id="any"),
        pytest.param("/partners/app.js", id="allow-list"),
        pytest.param("/none/app.js", id="none"),
        pytest.param("/any/1.0.0/app.js?query", id="with a query"),
    ],
)
def test_options_names_the_methods(edge: Edge, path: str) -> None:
    """RFC 9110 §9.3.7: a successful OPTIONS lists what applies to the target resource, without content."""
    response = edge.ask("OPTIONS", path)
    assert (204, "GET, HEAD, OPTIONS") == (response.status, response["allow"])


def test_options_of_the_server(edge: Edge) -> None:
    """RFC 9110 §9.3.7: an asterisk asks about the server in general."""
    response = edge.ask("OPTIONS", "*")
    assert (204, "GET, HEAD, OPTIONS") == (response.status, response["allow"])
    assert response.get("access-control-allow-origin") is None


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST"])
def test_an_asterisk_is_for_options_only(edge: Edge, method: str) -> None:
    """RFC 9112 §3.2.4: asterisk-form is used with OPTIONS alone."""
    with edge.connect() as connection:
        assert connection.exchange(message(method, "*"), method).status in (400, 404, 405)


@pytest.mark.parametrize("path", ["/secret.txt", "/nowhere", "/any/1.0.0/absent.js"])
def test_options_of_an_absent_file_is_404(edge: Edge, path: str) -> None:
    assert edge.ask("OPTIONS", path).status == 404


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS"])
@pytest.mark.parametrize(
    "query", ["?", "?a=1", "?%zz", "?a?b", "?../../secret.txt", "?%00", "?a=/../b", "?" + "x" * 5000]
)
def test_the_query_is_ignored(edge: Edge, method: str, query: str) -> None:
    with_query, without = (edge.ask(method, f"/any/1.0.0/app.js{q}") for q in (query, ""))
    assert without.comparable() == with_query.comparable()


def test_every_public_file_is_served_as_it_is(edge: Edge, site: Site) -> None:
    for path, content in site.files.items():
        if not path.startswith("any/odd/"):
            response = edge.get(f"/{path}")
            assert (path, 200, content) == (path, response.status, response.body)
