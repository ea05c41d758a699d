"""Request targets (RFC 9112 §3.2): absolute-form, fragments, and what is none of the four forms."""

from __future__ import annotations

import pytest

from tests.contract import site as sites
from tests.contract.edges import Edge
from tests.contract.site import Site
from tests.contract.wire import message

APP_PATH = "/any/1.0.0/app.js"


@pytest.mark.parametrize("authority", ["cdn.example.com", "cdn.example.com:8080", "other.example", "[::1]:80"])
def test_absolute_form_is_accepted(edge: Edge, authority: str) -> None:
    """RFC 9112 §3.2.2: "a server MUST accept the absolute-form in requests"."""
    for suffix, plain in ((APP_PATH, APP_PATH), ("/secret.txt", "/secret.txt"), (f"{APP_PATH}?q", APP_PATH)):
        assert edge.get(plain).comparable() == edge.get(f"http://{authority}{suffix}").comparable()


@pytest.mark.parametrize("target", ["HTTP://cdn.example.com", "Http://CDN.EXAMPLE.com", "https://cdn.example.com"])
def test_absolute_form_in_other_spellings(edge: Edge, target: str) -> None:
    """RFC 9110 §4.2.3: scheme and host are case-insensitive; behind an edge, https is what the client asked for."""
    assert edge.get(APP_PATH).comparable() == edge.get(f"{target}{APP_PATH}").comparable()


def test_absolute_form_with_an_empty_path(edge: Edge) -> None:
    """RFC 9112 §3.2.1, §3.2.4: the root for GET, the server as a whole for OPTIONS."""
    assert edge.get("/").comparable() == edge.get("http://cdn.example.com").comparable()
    star = edge.ask("OPTIONS", "*")
    assert star.comparable() == edge.ask("OPTIONS", "http://cdn.example.com").comparable()


@pytest.mark.parametrize(
    "target",
    [
        pytest.param("any/1.0.0/app.js", id="without a slash"),
        pytest.param("cdn.example.com:80", id="authority-form"),
        pytest.param("?query", id="a query alone"),
        pytest.param("#fragment", id="a fragment alone"),
        pytest.param("http://", id="a scheme alone"),
        pytest.param("http:///any/1.0.0/app.js", id="an empty authority"),
        pytest.param("../secret.txt", id="a relative path"),
        pytest.param("/any/1.0.0/app.js\x00", id="NUL as it is"),
        pytest.param("/any/\x01", id="a control character as it is"),
        pytest.param("/any/\x7f", id="DEL as it is"),
        pytest.param("/any/1.0.0/ app.js", id="a space as it is"),
        pytest.param("/any/1.0.0/app.js x", id="a word after the target"),
        pytest.param("", id="nothing"),
    ],
)
def test_what_is_no_request_target_finds_nothing(edge: Edge, target: str) -> None:
    """RFC 9112 §3.2: none of the four forms; the parser or we refuse it."""
    with edge.connect() as connection:
        response = connection.exchange(message("GET", target))
    assert response.status in (400, 404)
    assert sites.APP not in response.body
    assert response.get("etag") is None


@pytest.mark.parametrize(
    "target", [f"{APP_PATH}#fragment", f"{APP_PATH}?#fragment", f"{APP_PATH}%23#", "/secret.txt#x"]
)
def test_a_fragment_leads_nowhere_else(edge: Edge, target: str) -> None:
    """RFC 9112 §3.2.1: no fragment belongs in a target; 400 is best, the file before it is no harm."""
    with edge.connect() as connection:
        response = connection.exchange(message("GET", target))
    assert response.status in (200, 400, 404)
    assert response.status != 200 or sites.APP == response.body


@pytest.mark.parametrize("name", ["ünïcode-你好.js", 'quote"<angle>.js', "semi;colon,comma=1&(x)'!$*:~.js"])
def test_octets_that_should_be_escaped_find_their_file_or_nothing(edge: Edge, site: Site, name: str) -> None:
    with edge.connect() as connection:
        response = connection.exchange(message("GET", b"/any/odd/" + name.encode()))
    assert response.status in (200, 400, 404)
    assert response.status != 200 or site.files[f"any/odd/{name}"] == response.body
