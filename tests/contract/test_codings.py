"""Content codings (RFC 9110 §12.5.3): the highest q-value, then the smallest; 406 only where nothing is acceptable."""

from __future__ import annotations

import gzip
from collections.abc import Callable

import brotli
import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.contract import site as sites
from tests.contract.edges import Edge
from tests.contract.wire import Response

PATH = "/any/1.0.0/app.js"
PLAIN = "/any/1.0.0/tiny.txt"
CODINGS = ("br", "gzip", "zstd")

DECODERS: dict[str | None, Callable[[bytes], bytes]] = {
    None: bytes,
    "gzip": gzip.decompress,
    "br": brotli.decompress,
    "zstd": lambda content: zstandard.ZstdDecompressor().decompressobj().decompress(content),
}


def coding(response: Response) -> str | None:
    return response.get("content-encoding")


@pytest.fixture(scope="module")
def smallest(edge: Edge) -> str:
    """The coding of the fewest octets, found by asking for each alone."""
    sizes = {name: len(edge.get(PATH, ("Accept-Encoding", name)).body) for name in CODINGS}
    assert len(sites.APP) > max(sizes.values())
    return min(sizes, key=lambda name: sizes[name])


@pytest.mark.parametrize("name", CODINGS)
@pytest.mark.parametrize("folder", sites.FOLDERS)
def test_each_coding_decodes_to_the_file(edge: Edge, folder: str, name: str) -> None:
    response = edge.get(f"/{folder}/app.js", ("Accept-Encoding", name))
    assert name == coding(response)
    assert sites.APP == DECODERS[name](response.body)
    assert "accept-encoding" in response.members("vary")


# What exactly one coding satisfies; None is identity, which has no Content-Encoding (§8.4.1).
ONE = [
    pytest.param("", None, id="empty: no coding is wanted"),
    pytest.param("identity", None, id="identity"),
    pytest.param("gzip", "gzip", id="gzip"),
    pytest.param("br", "br", id="br"),
    pytest.param("zstd", "zstd", id="zstd"),
    pytest.param("GZIP", "gzip", id="upper case"),
    pytest.param("Br", "br", id="mixed case"),
    pytest.param("IDENTITY", None, id="identity in upper case"),
    pytest.param("x-gzip", "gzip", id="x-gzip, the same as gzip (§8.4.1.3)"),
    pytest.param("X-GZip", "gzip", id="x-gzip in mixed case"),
    pytest.param("deflate", None, id="a coding that we don't have"),
    pytest.param("compress, deflate, x-compress, dcb, exi", None, id="codings that we don't have"),
    pytest.param("deflate, gzip", "gzip", id="one that we have"),
    pytest.param("gzip2, brr, zst", None, id="names like ours"),
    pytest.param("gzip;q=1.0, br;q=0.9, zstd;q=0.8", "gzip", id="gzip weighs most"),
    pytest.param("gzip;q=0.8, br;q=0.9, zstd;q=1", "zstd", id="zstd weighs most"),
    pytest.param("gzip;q=0.002, br;q=0.001", "gzip", id="by a thousandth"),
    pytest.param("gzip;q=0.5, br;q=0.51, zstd;q=0.509", "br", id="by a hundredth"),
    pytest.param("gzip;q=0.1", "gzip", id="a small weight is still asked for"),
    pytest.param("gzip;q=0.001", "gzip", id="the smallest weight"),
    pytest.param("br;q=0, gzip", "gzip", id="br refused"),
    pytest.param("br;q=0.0, zstd;q=0.00, gzip;q=0.000", None, id="all refused, identity by default"),
    pytest.param("gzip;q=0", None, id="gzip refused, identity by default"),
    pytest.param("x-gzip;q=0", None, id="x-gzip refused"),
    pytest.param("identity;q=1, gzip;q=0.5", None, id="identity weighs most"),
    pytest.param("gzip;q=0.5, *;q=0", "gzip", id="all others refused"),
    pytest.param("identity, *;q=0", None, id="all but identity refused"),
    pytest.param("identity;q=0.001, *;q=0", None, id="all but a hardly wanted identity refused"),
    pytest.param("*;q=0, identity;q=0.5", None, id="the order of elements says nothing"),
    pytest.param("gzip, identity;q=0", "gzip", id="identity refused, gzip asked for"),
    pytest.param("*, br;q=0, zstd;q=0", "gzip", id="an asterisk for what is not named"),
    pytest.param("*;q=0.5, gzip", "gzip", id="gzip weighs more than the asterisk"),
    pytest.param("*;q=0.1, identity", None, id="identity weighs more than the asterisk"),
    # OWS and empty elements (§5.6.1.2, §5.6.3, §12.4.2).
    pytest.param(" gzip ", "gzip", id="spaces around"),
    pytest.param("gzip\t,deflate", "gzip", id="a tab before the comma"),
    pytest.param("deflate,\tgzip", "gzip", id="a tab after the comma"),
    pytest.param("gzip;\tq=0.5", "gzip", id="a tab before the weight"),
    pytest.param("gzip ; q=0.5", "gzip", id="spaces around the semicolon"),
    pytest.param("gzip;q=0.5\t,deflate", "gzip", id="a tab after the weight"),
    pytest.param(",,gzip, ,", "gzip", id="empty elements"),
    pytest.param("gzip;Q=0", None, id="Q in upper case (RFC 5234 §2.3)"),
    pytest.param("gzip;q=1.", "gzip", id="a weight that ends in its point"),
    pytest.param("gzip;q=0.", None, id="a weight of zero that ends in its point"),
    pytest.param("gzip;q=1.000", "gzip", id="a weight of one, three decimals"),
]


@pytest.mark.parametrize(("value", "name"), ONE)
def test_one_coding_satisfies(edge: Edge, value: str, name: str | None) -> None:
    for method in ("GET", "HEAD"):
        response = edge.ask(method, PATH, ("Accept-Encoding", value))
        assert response.status == 200
        assert name == coding(response)


@pytest.mark.parametrize(
    "value",
    [
        pytest.param("gzip, br, zstd", id="all"),
        pytest.param("zstd, br, gzip", id="all, in another order"),
        pytest.param("gzip, deflate, br, zstd", id="a browser's"),
        pytest.param("gzip, br, zstd, identity", id="all and identity"),
        pytest.param("gzip;q=0.5, br;q=0.5, zstd;q=0.5", id="all alike"),
        pytest.param("*", id="an asterisk"),
        pytest.param("*;q=0.001", id="an asterisk that hardly wants any"),
        pytest.param("gzip, *", id="gzip and an asterisk"),
        pytest.param("*, identity;q=0", id="anything but identity"),
        pytest.param("identity;q=0.5, *;q=0.6", id="identity less than the rest"),
    ],
)
def test_the_smallest_of_equal_weights_wins(edge: Edge, smallest: str, value: str) -> None:
    assert smallest == coding(edge.get(PATH, ("Accept-Encoding", value)))


def test_without_the_field_there_is_no_coding(edge: Edge) -> None:
    """§12.5.3 would allow any, but who does not ask may not decode."""
    assert coding(edge.get(PATH)) is None


@pytest.mark.parametrize(
    ("values", "name"),
    [
        pytest.param(("gzip;q=0.5", "br;q=0.9"), "br", id="weights on two lines"),
        pytest.param(("deflate", "gzip"), "gzip", id="a second line"),
        pytest.param(("", "gzip"), "gzip", id="an empty line first"),
        pytest.param(("gzip", ""), "gzip", id="an empty line last"),
        pytest.param(("*;q=0", "zstd"), "zstd", id="a refusal on another line"),
        pytest.param(("", ""), None, id="two empty lines"),
    ],
)
def test_several_lines_are_one_list(edge: Edge, values: tuple[str, ...], name: str | None) -> None:
    """§5.3."""
    assert name == coding(edge.get(PATH, *(("Accept-Encoding", value) for value in values)))


NOTHING = [
    pytest.param("*;q=0", id="nothing at all"),
    pytest.param("identity;q=0", id="not identity, and nothing else is named"),
    pytest.param("identity;q=0, *;q=0", id="neither identity nor anything"),
    pytest.param("identity;q=0, deflate", id="a coding that we don't have"),
    pytest.param("deflate, *;q=0", id="only a coding that we don't have"),
    pytest.param("gzip;q=0, br;q=0, zstd;q=0, identity;q=0", id="each refused"),
    pytest.param("*;q=0.000", id="zero with three decimals"),
    pytest.param("*, gzip;q=0, br;q=0, zstd;q=0, identity;q=0", id="an asterisk with nothing left"),
]


@pytest.mark.parametrize("value", NOTHING)
@pytest.mark.parametrize("path", [PATH, PLAIN, "/any/1.0.0/empty.css", "/any/1.0.0/font.woff2", "/fresh/app.js"])
def test_406_where_nothing_is_acceptable(edge: Edge, path: str, value: str) -> None:
    for method in ("GET", "HEAD"):
        response = edge.ask(method, path, ("Accept-Encoding", value))
        assert (response.status, response["cache-control"]) == (406, "no-store")
        assert response.members("vary") == {"accept-encoding"}


@pytest.mark.parametrize(
    "value", ["gzip", "br, gzip, zstd", "*", "gzip;q=1, identity;q=0.1", "deflate", "", "identity"]
)
@pytest.mark.parametrize("path", [PLAIN, "/any/1.0.0/empty.css", "/any/1.0.0/font.woff2", "/any/1.0.0/dot.png"])
def test_what_has_no_codings_comes_as_it_is(edge: Edge, path: str, value: str) -> None:
    """§12.5.3: no coding is acceptable by default; nothing is negotiated, so nothing varies."""
    plain, response = edge.get(path), edge.get(path, ("Accept-Encoding", value))
    assert plain.comparable() == response.comparable()
    assert coding(response) is None
    assert response.members("vary") == frozenset()


@pytest.mark.parametrize("value", ["gzip, *", "*, identity;q=0", "identity;q=0, gzip"])
def test_an_asterisk_stands_for_available_codings_only(edge: Edge, value: str) -> None:
    """A file without codings has none for the asterisk to stand for but identity."""
    expected = 406 if "identity;q=0" in value else 200
    assert expected == edge.get(PLAIN, ("Accept-Encoding", value)).status


@pytest.mark.parametrize(
    "value",
    [
        "gzip;q=2",
        "gzip;q=-1",
        "gzip;q=1.001",
        "gzip;q=0.0001",
        "gzip;q=.5",
        "gzip;q=abc",
        "gzip;q=",
        "gzip;q",
        "gzip;",
        "gzip;;q=1",
        "gzip;x=1",
        "gzip;q=1;q=0",
        "gzip q=1",
        "gzip\tdeflate",
        "gz ip",
        "gzip/1",
        '"gzip"',
        ";q=1",
        "q=1",
        "gzip;q=1_0",
        "gzip;q=\xb2",
        "gzip;q=0,5",
        "\xff",
        "gzip;q=1e0",
        "gzip;q=NaN",
        "gzip;q=" + "0" * 5000,
        "*;q=2",
        ";" * 5000,
        "gzip" * 2000,
    ],
)
def test_a_malformed_element_breaks_nothing(edge: Edge, value: str) -> None:
    """No coding that was not asked for, and the file itself in any case."""
    response = edge.get(PATH, ("Accept-Encoding", value))
    assert response.status == 200
    assert coding(response) in (None, "gzip")
    assert sites.APP == DECODERS[coding(response)](response.body)
    assert edge.get(PATH, ("Accept-Encoding", f"{value}, br")).status == 200


def test_each_coding_has_its_own_tag(edge: Edge) -> None:
    """§8.8.3.3: representations of one resource that differ in their octets have different strong tags."""
    answers = [edge.get(PATH, ("Accept-Encoding", name)) for name in ("", *CODINGS)]
    assert len(answers) == len({answer["etag"] for answer in answers})
    again = [edge.get(PATH, ("Accept-Encoding", name)) for name in ("", *CODINGS)]
    assert [answer["etag"] for answer in answers] == [answer["etag"] for answer in again]


def test_equal_octets_have_equal_tags(edge: Edge) -> None:
    """The tag is made from the octets, so it does not matter where they lie."""
    assert edge.get(PATH)["etag"] == edge.get("/partners/app.js")["etag"]
    assert edge.get(PATH)["etag"] != edge.get(PLAIN)["etag"]


@pytest.mark.parametrize("path", ["/any/1.0.0/absent.js", "/secret.txt"])
def test_errors_are_not_negotiated(edge: Edge, path: str) -> None:
    """A 404 is a 404, even for a client that refuses it without a coding."""
    plain = edge.get(path)
    for value in ("gzip", "identity;q=0", "*;q=0"):
        assert plain.comparable() == edge.get(path, ("Accept-Encoding", value)).comparable()


_WEIGHT = st.integers(0, 1000).map(lambda weight: f"{weight / 1000:.3f}")


@settings(max_examples=150, deadline=None)
@given(
    weights=st.dictionaries(st.sampled_from(["gzip", "br", "zstd", "identity", "*", "deflate"]), _WEIGHT, max_size=6)
)
def test_any_weights_give_the_best_that_is_acceptable(edge: Edge, weights: dict[str, str]) -> None:
    """§12.5.3 once more, by exhaustion: what has zero weight never comes, and nothing acceptable weighs more."""
    response = edge.get(PATH, ("Accept-Encoding", ", ".join(f"{name};q={weight}" for name, weight in weights.items())))
    listed = {name: float(weights.get(name, weights.get("*", "0"))) for name in CODINGS}
    explicit = weights.get("identity", weights.get("*"))
    refused = explicit is not None and float(explicit) == 0
    best = max(listed.values())
    if best == 0 and refused:
        assert response.status == 406
    elif coding(response) is None:
        assert not refused
        assert best == 0 or (explicit is not None and best <= float(explicit))
    else:
        assert best == listed[coding(response) or ""]
        assert best > 0
        assert explicit is None or float(explicit) <= best
