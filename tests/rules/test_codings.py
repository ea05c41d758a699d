"""Content codings (RFC 9110 §12.5.3): which representation an Accept-Encoding asks for."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from cdnserve.rules.codings import choose, parse_accept_encoding

ALL = (("identity", 90), ("br", 30), ("zstd", 35), ("gzip", 40))
PLAIN = (("identity", 90),)


@pytest.mark.parametrize(
    ("accept_encoding", "coding"),
    [
        pytest.param("compress, gzip", "gzip", id="§12.5.3: one of two is available"),
        pytest.param("", "identity", id="§12.5.3: an empty field asks for no content coding"),
        pytest.param("*", "br", id="§12.5.3: a star covers every coding"),
        pytest.param("compress;q=0.5, gzip;q=1.0", "gzip", id="§12.5.3: weights, one available"),
        pytest.param("gzip;q=1.0, identity; q=0.5, *;q=0", "gzip", id="§12.5.3: all weights at once"),
        pytest.param(None, "identity", id="no field"),
        pytest.param("gzip, deflate, br, zstd", "br", id="what browsers send: the smallest"),
        pytest.param("gzip, zstd", "zstd", id="the smaller of two"),
        pytest.param("br;q=0.5, gzip", "gzip", id="the highest weight beats the size"),
        pytest.param("br;q=0.001, gzip;q=0.002", "gzip", id="the smallest difference in weight"),
        pytest.param("gzip;q=0.1", "gzip", id="a coding that is asked for beats identity that isn't mentioned"),
        pytest.param("gzip;q=0.5, identity;q=0.7", "identity", id="identity may be preferred"),
        pytest.param("identity", "identity", id="identity alone"),
        pytest.param("identity, br", "br", id="equal weights: the smallest"),
        pytest.param("deflate", "identity", id="only what we don't have"),
        pytest.param("br;q=0", "identity", id="a weight of zero"),
        pytest.param("br;q=0.000, gzip;q=0.0", "identity", id="weights of zero in all lengths"),
        pytest.param("*;q=0, gzip", "gzip", id="a specific name beats the star, which comes first"),
        pytest.param("br;q=0, *", "zstd", id="a star does not cover what is excluded"),
        pytest.param("identity;q=0, *", "br", id="no identity, but anything else"),
        pytest.param("*;q=0.5, identity;q=0.9", "identity", id="a star with a weight"),
        pytest.param("*;q=0, identity", "identity", id="nothing but identity"),
        pytest.param("GZIP", "gzip", id="§8.4.1: codings are case-insensitive"),
        pytest.param("gzip;Q=0.3, zstd;q=0.2", "gzip", id="the q is case-insensitive"),
        pytest.param("x-gzip", "gzip", id="§8.4.1.3: x-gzip is gzip"),
        pytest.param("\tgzip \t;\t q=1. ,", "gzip", id="§5.6.3: optional white space"),
        pytest.param(",, ,gzip,,", "gzip", id="§5.6.1.2: empty elements"),
        pytest.param("gzip;q=0, br;q=0, gzip;q=0.4", "gzip", id="a repeated coding: the higher weight"),
        pytest.param("br;q=1.1, gzip;q=0.1", "gzip", id="a weight over 1 is malformed"),
        pytest.param("br;q=0.1234, gzip;q=0.1", "gzip", id="a weight of four digits is malformed"),
        pytest.param("br;q=-1, br;q=+1, br;q=.5, br;q=1e0, br;q=½", "identity", id="weights that are no qvalue"),
        pytest.param("br q=1, br;q, br;q=, br;, ;q=1", "identity", id="elements that are no element"),
        pytest.param("br;level=3, gzip;q=1;x=y", "identity", id="parameters that the grammar has not"),
        pytest.param("br\x00, (gzip), zstd/2", "identity", id="names that are no token"),
        pytest.param("gzip\n", "identity", id="a line feed at the end"),
        pytest.param("bz\u0131p, g\u017fip", "identity", id="letters that fold to ASCII ones"),
    ],
)
def test_the_best_acceptable_coding_is_chosen(accept_encoding: str | None, coding: str) -> None:
    assert coding == choose(accept_encoding, ALL)


@pytest.mark.parametrize(
    ("accept_encoding", "available"),
    [
        pytest.param("identity;q=0", PLAIN, id="identity is excluded by name"),
        pytest.param("*;q=0", PLAIN, id="identity is excluded by the star"),
        pytest.param("*;q=0", ALL, id="everything is excluded"),
        pytest.param("deflate, *;q=0", ALL, id="everything that we have is excluded"),
        pytest.param("deflate, identity;q=0", ALL, id="what we have isn't mentioned, and identity excluded"),
        pytest.param("identity;q=0.0, br;q=0, gzip;q=0, zstd;q=0", ALL, id="everything is excluded by name"),
        pytest.param("gzip", (), id="nothing is available"),
    ],
)
def test_nothing_is_chosen_when_nothing_is_acceptable(
    accept_encoding: str, available: tuple[tuple[str, int], ...]
) -> None:
    assert choose(accept_encoding, available) is None


def test_equal_weights_and_sizes_choose_the_first() -> None:
    assert choose("gzip, br", [("identity", 9), ("gzip", 5), ("br", 5)]) == "gzip"


def test_the_least_weight_beats_identity_that_is_not_mentioned() -> None:
    assert choose("gzip;q=0.001", [("identity", 5), ("gzip", 9)]) == "gzip"


def test_weights_are_thousandths() -> None:
    value = "a, b;q=1, c;q=1.000, d;q=0.999, e;q=0.5, f;q=0.05, g;q=0.001, h;q=0, i;q=0."
    expected = {"a": 1000, "b": 1000, "c": 1000, "d": 999, "e": 500, "f": 50, "g": 1, "h": 0, "i": 0}
    assert expected == parse_accept_encoding(value)


names = st.sampled_from(["identity", "br", "zstd", "gzip", "deflate", "*"])
spaces = st.text(alphabet=" \t", max_size=3)
availables = st.lists(
    st.tuples(st.sampled_from(["br", "zstd", "gzip"]), st.integers(0, 5)), max_size=3, unique_by=lambda pair: pair[0]
).map(lambda coded: [("identity", 5), *coded])


@given(st.text() | st.text(alphabet="brgzipdentyq=01.*;, \t", max_size=60), availables)
@example("identity;q=0", [("identity", 5)])
def test_any_field_chooses_something_available_that_is_not_excluded(
    value: str, available: list[tuple[str, int]]
) -> None:
    chosen, weights = choose(value, available), parse_accept_encoding(value)
    if chosen is None:
        assert weights.get("identity", weights.get("*")) == 0
    else:
        assert chosen in dict(available)
        assert weights.get(chosen, weights.get("*", 1)) != 0
        assert chosen == "identity" or chosen in weights or "*" in weights


@given(st.data(), st.dictionaries(names, st.integers(0, 1000)), availables)
def test_the_choice_is_the_standards(
    data: st.DataObject, asked: dict[str, int], available: list[tuple[str, int]]
) -> None:
    """§12.5.3's rules, told again over the weights that a well-formed field was written from."""
    field = ",".join(_element(data, name, weight) for name, weight in asked.items())
    ranked = {name: (-rank, size) for name, size in available if (rank := _rank(name, asked)) is not None}
    chosen = choose(field, available)
    assert (chosen is None) == (not ranked)
    assert chosen is None or min(ranked.values()) == ranked[chosen]


def _rank(name: str, asked: dict[str, int]) -> int | None:
    if name not in asked and "*" not in asked:
        return 0 if name == "identity" else None
    return asked.get(name, asked.get("*")) or None


def _element(data: st.DataObject, name: str, weight: int) -> str:
    if weight == 1000 and data.draw(st.booleans()):
        return data.draw(spaces) + name.upper() + data.draw(spaces)
    written = f"{weight / 1000:.3f}"
    shorter = written.rstrip("0") if data.draw(st.booleans()) else written
    return f"{data.draw(spaces)}{name}{data.draw(spaces)};{data.draw(spaces)}q={shorter}{data.draw(spaces)}"


@pytest.mark.parametrize("unit", ["gzip,", "a", " ", ";", "gzip;q=", "*;q=0,", "gzip \t"])
def test_a_long_field_is_read_to_its_end(unit: str) -> None:
    """A field of 64 KB and more is a field like others: what stands last still counts."""
    assert choose(unit * 65_536 + ",br", ALL) in ("br", "gzip")
