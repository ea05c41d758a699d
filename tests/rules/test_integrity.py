"""Subresource Integrity (W3C SRI 2): hash expressions, the strongest of them, and whether bytes match."""

from __future__ import annotations

import base64
import hashlib

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from cdnserve.rules.integrity import (
    ALGORITHMS,
    DEFAULT_ALGORITHM,
    HashExpression,
    hash_expression,
    matches,
    parse_metadata,
    strongest,
    varying,
)

# SRI §3.2.1: the standard's own example of content and of two hash expressions of it.
CONTENT = b"alert('Hello, world.');"
SHA384 = "sha384-H8BRh8j48O9oYatfu5AZzq6A9RINhZO5H16dQZngK7T62em8MUt1FLm52t+eX6xO"
SHA512 = "sha512-Q2bFTOhEALkN8hOms2FKTDLy7eugP2zFZ1T8LCvX42Fp3WoNr3bjZSAHeOsHrbV1Fu9/A0EzCinRE7Af1ofPrw=="


LENGTHS = {"sha256": 32, "sha384": 48, "sha512": 64}


def digests_of(content: bytes) -> dict[str, bytes]:
    """Hash content as a release does."""
    return {name: hashlib.new(name, content).digest() for name in LENGTHS}


DIGESTS = digests_of(CONTENT)
SHA256 = hash_expression("sha256", DIGESTS["sha256"])
OTHER = {name: hash_expression(name, digest) for name, digest in digests_of(b"tampered").items()}


def test_expressions_are_the_standards_own() -> None:
    assert SHA384 == hash_expression("sha384", DIGESTS["sha384"])
    assert SHA512 == hash_expression("sha512", DIGESTS["sha512"])


def test_algorithms_stand_from_weak_to_strong() -> None:
    """§2: "stronger algorithms appear later in the set"."""
    assert tuple(LENGTHS) == ALGORITHMS
    assert DEFAULT_ALGORITHM == "sha384"


@pytest.mark.parametrize(
    "metadata",
    [
        pytest.param(SHA384, id="one expression"),
        pytest.param(f"{SHA384} {SHA512}", id="§3.2.1: two algorithms, both right"),
        pytest.param(f"{OTHER['sha384']} {SHA384}", id="§3.3.5: two of one algorithm, the second right"),
        pytest.param(f"{SHA384} {OTHER['sha384']}", id="§3.3.5: two of one algorithm, the first right"),
        pytest.param(f"{OTHER['sha256']} {SHA384}", id="§3.3.4: the weaker one is wrong, but not looked at"),
        pytest.param(f" \t\n{SHA384}\r\f ", id="white space around"),
        pytest.param(SHA512.rstrip("="), id="Infra, forgiving-base64: without padding"),
        pytest.param(SHA512.removesuffix("="), id="Chromium: with half of its padding"),
        pytest.param(SHA384 + "=", id="Chromium: with padding that it does not need"),
        pytest.param(SHA256.replace("Tng=", "Tnh="), id="bits that no octet needs"),
        pytest.param(SHA384.replace("+", "-").replace("/", "_"), id="§3.6.2: the other two characters of base64url"),
        pytest.param(f"{SHA384}?ct=application/javascript", id="§3.6.2: options are ignored"),
        pytest.param(f"{SHA384}?", id="§3.6.2: an empty option"),
        pytest.param(f"{SHA384}?a?b-c", id="§3.6.2: several options"),
        pytest.param(f"sha1-AAAA md5-AAAA {SHA256}", id="§3.3.3: unknown algorithms are left out"),
        pytest.param(f"junk - sha384 {SHA256}", id="§3.3.3: words that are no expression are left out"),
    ],
)
def test_metadata_that_the_bytes_satisfy(metadata: str) -> None:
    assert matches(metadata, DIGESTS) is True


@pytest.mark.parametrize(
    "metadata",
    [
        pytest.param(OTHER["sha384"], id="of other bytes"),
        pytest.param(f"{SHA256} {OTHER['sha384']}", id="§3.3.4: right, but only by the weaker algorithm"),
        pytest.param(f"{SHA256} {SHA384} {OTHER['sha512']}", id="§3.3.4: right, but not by the strongest algorithm"),
        pytest.param("", id="nothing"),
        pytest.param(" ", id="white space"),
        pytest.param("sha1-AAAA", id="an unknown algorithm alone"),
        pytest.param(SHA384.replace("sha384", "SHA384"), id="an algorithm in upper case, unchecked by some browsers"),
        pytest.param(SHA384.replace("sha384", "sha-384"), id="an algorithm with a hyphen"),
        pytest.param(SHA384.replace("-", "_"), id="no hyphen"),
        pytest.param(SHA384[:-4], id="cut short"),
        pytest.param(SHA384.replace("sha384", "sha256"), id="the digest of another algorithm"),
        pytest.param(SHA384.replace("-", "-\xa0"), id="a space that isn't one"),
        pytest.param(SHA384 + "\x00", id="a NUL at the end"),
        pytest.param(SHA384[:8] + "=" + SHA384[8:], id="padding in the middle"),
    ],
)
def test_metadata_that_the_bytes_do_not_satisfy(metadata: str) -> None:
    assert matches(metadata, DIGESTS) is False


@pytest.mark.parametrize(
    "broken",
    [
        pytest.param("sha512-AAAA", id="a digest that is too short"),
        pytest.param(SHA384.replace("sha384", "sha512"), id="a digest of a shorter algorithm"),
        pytest.param(SHA512[:-3] + "==", id="a digest that lost a character"),
        pytest.param("sha512-A", id="a digest that is no base64"),
        pytest.param("sha512-=", id="padding alone"),
        pytest.param(SHA512[:9] + "=" + SHA512[9:], id="padding in the middle"),
    ],
)
def test_a_broken_expression_of_the_strongest_algorithm_still_decides(broken: str) -> None:
    """§3.3.3 leaves out unknown algorithms only, so §3.3.4 looks at nothing but sha512, which can't match: blocked."""
    assert matches(f"{broken} {SHA384} {SHA256}", DIGESTS) is False


@pytest.mark.parametrize(
    ("text", "portable"),
    [
        pytest.param(SHA512, True, id="as it is written"),
        pytest.param(SHA512.rstrip("="), True, id="without padding"),
        pytest.param(SHA512.removesuffix("="), False, id="with half of it"),
        pytest.param(SHA512 + "=", False, id="with more"),
        pytest.param(SHA384, True, id="a digest that needs no padding"),
        pytest.param(SHA384 + "=", False, id="the same, with padding"),
        pytest.param(SHA384 + "====", False, id="the same, with a whole group of it"),
    ],
)
def test_padding_that_some_browsers_refuse_is_told(text: str, *, portable: bool) -> None:
    (expression,) = parse_metadata(text)
    assert portable == expression.portable
    assert matches(text, DIGESTS) is True


def test_what_is_not_known_of_the_bytes_does_not_match() -> None:
    assert matches(SHA512, {"sha384": DIGESTS["sha384"]}) is False


def test_only_the_strongest_are_kept_in_their_order() -> None:
    listed = parse_metadata(f"{SHA256} {SHA384} {OTHER['sha384']}")
    assert [SHA384, OTHER["sha384"]] == [str(expression) for expression in strongest(listed)]
    assert strongest([]) == ()


algorithms = st.sampled_from(ALGORITHMS)
expressions = algorithms.flatmap(
    lambda name: st.binary(min_size=LENGTHS[name], max_size=LENGTHS[name]).map(
        lambda octets: HashExpression(name, octets)
    )
)
spaces = st.text(alphabet=" \t\n\f\r", min_size=1, max_size=3)


@given(st.lists(expressions, max_size=5), spaces)
def test_metadata_is_read_as_it_was_written(written: list[HashExpression], space: str) -> None:
    text = space.join(str(expression) for expression in written)
    assert tuple(written) == parse_metadata(text)
    assert tuple(written) == parse_metadata(space + text + space)


@given(expressions)
def test_an_expression_holds_the_digest_in_standard_base64(expression: HashExpression) -> None:
    name, _, value = str(expression).partition("-")
    assert (expression.algorithm, expression.digest) == (name, base64.b64decode(value, validate=True))
    assert matches(str(expression), {name: expression.digest}) is True


@given(st.text() | st.text(alphabet="sha256384512-+/_=?A \n", max_size=120))
@example("sha256-" + "A" * 41 + "===")
@example("sha256-" + "=" * 4)
def test_any_text_is_read_without_a_failure(text: str) -> None:
    assert all(expression.algorithm in ALGORITHMS for expression in parse_metadata(text))
    assert matches(text, DIGESTS) in (True, False)
    assert matches(text, {}) is False


@given(st.lists(expressions, max_size=6))
def test_bytes_match_by_the_strongest_expressions_only(listed: list[HashExpression]) -> None:
    """§3.3.4 and §3.3.5, told again."""
    text = " ".join(str(expression) for expression in listed)
    best = max((LENGTHS[expression.algorithm] for expression in listed), default=0)
    decisive = [expression for expression in listed if len(expression.digest) == best]
    assert [str(e) for e in decisive] == [str(e) for e in strongest(listed)]
    for expression in listed:
        assert (expression in decisive) == matches(text, {expression.algorithm: expression.digest})


@pytest.mark.parametrize(
    ("vary", "control", "why"),
    [
        pytest.param("", "", "", id="nothing is said"),
        pytest.param("Accept-Encoding, Origin", "public, max-age=60", "", id="codings and origins"),
        pytest.param("", "private, no-cache", "", id="it is asked for anew each time"),
        pytest.param("user-agent", "", "Vary: user-agent", id="the browser's name"),
        pytest.param("Origin ,\t*", "", "Vary: *", id="anything"),
        pytest.param("Sec-CH-UA-Mobile", "", "Vary: Sec-CH-UA-Mobile", id="a client hint"),
        pytest.param("Accept-Language", "", "Vary: Accept-Language", id="a person's language"),
        pytest.param("", "private, No-Store", "no-store", id="an answer for one use"),
    ],
)
def test_an_answer_that_varies_is_known_by_its_fields(vary: str, control: str, why: str) -> None:
    found = varying(vary, control)
    assert bool(why) == bool(found)
    assert why in found
