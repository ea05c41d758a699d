"""Content-Type (RFC 9110 §8.3, RFC 7303 §3): a charset only where the octets are known to be that; files under gzip."""

from __future__ import annotations

import gzip

import pytest

from tests.contract import site as sites
from tests.contract.edges import Edge

SVGZ = "/any/typed/icon.svgz"


@pytest.mark.parametrize("name", sites.TYPED)
def test_the_type_is_what_name_and_octets_say(edge: Edge, name: str) -> None:
    content, expected = sites.TYPED[name]
    for method in ("GET", "HEAD"):
        response = edge.ask(method, f"/any/typed/{name}")
        assert (200, expected) == (response.status, response["content-type"])
        assert response.body == (content if method == "GET" else b"")


@pytest.mark.parametrize(
    "accept",
    [
        pytest.param((), id="nothing said"),
        pytest.param((("Accept-Encoding", "gzip, br"),), id="a browser"),
        pytest.param((("Accept-Encoding", "br"),), id="another coding only"),
        pytest.param((("Accept-Encoding", "identity"),), id="no coding wanted"),
        pytest.param((("Accept-Encoding", "gzip;q=0, *;q=0"),), id="nothing is acceptable"),
    ],
)
def test_a_file_under_gzip_is_always_sent_so(edge: Edge, accept: tuple[tuple[str, str], ...]) -> None:
    """§12.4.1: where nothing acceptable is there, a server can act as if the field had not been sent."""
    response = edge.get(SVGZ, *accept)
    assert (200, "gzip", "image/svg+xml") == (
        response.status,
        response["content-encoding"],
        response["content-type"],
    )
    assert sites.SVG == gzip.decompress(response.body)
    assert response.get("vary") is None
    assert response["etag"] == edge.get(SVGZ)["etag"]
    assert str(len(sites.SVGZ)) == edge.ask("HEAD", SVGZ, *accept)["content-length"]
    assert "sandbox" in response["content-security-policy"]


def test_a_part_of_a_file_under_gzip_is_one_of_its_octets(edge: Edge) -> None:
    """§14.2: a range is one of the selected representation, so of the coded octets."""
    response = edge.get(SVGZ, ("Range", "bytes=2-5"), ("If-Range", edge.get(SVGZ)["etag"]))
    assert (206, "gzip", sites.SVGZ[2:6]) == (response.status, response["content-encoding"], response.body)
    assert f"bytes 2-5/{len(sites.SVGZ)}" == response["content-range"]
    assert edge.get(SVGZ, ("If-None-Match", response["etag"])).status == 304


@pytest.mark.parametrize("name", ["lib.tgz", "lib.js.gz"])
def test_a_coded_file_of_that_type_is_sent_as_it_is(edge: Edge, name: str) -> None:
    """Whoever asks for a .gz wants that file."""
    assert edge.get(f"/any/typed/{name}", ("Accept-Encoding", "gzip")).get("content-encoding") is None


def test_a_name_alone_makes_nothing_gzip(edge: Edge) -> None:
    path = "/any/typed/claimed.svgz"
    assert edge.get(path).get("content-encoding") is None
    assert sites.SVG == gzip.decompress(edge.get(path, ("Accept-Encoding", "gzip")).body)
