"""Preconditions (RFC 9110 §13): what a conditional request leads to, whatever it sends."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cdnserve.rules.conditional import (
    Outcome,
    Preconditions,
    Validators,
    entity_tags,
    evaluate,
    format_http_date,
    range_applies,
)

MODIFIED = 784_111_777  # the example of §5.6.7
NOW = 1_700_000_000.0
SAME = "Sun, 06 Nov 1994 08:49:37 GMT"
EARLIER = "Sun, 06 Nov 1994 08:49:36 GMT"
LATER = "Sun, 06 Nov 1994 08:49:38 GMT"
HELD = Validators('"a"', MODIFIED)
UNDATED = Validators('"a"')
SHARED = Validators('"a"', MODIFIED, date_is_strong=False)


def outcome(held: Validators = HELD, **fields: str) -> Outcome:
    """Evaluate the given fields."""
    return evaluate(Preconditions(**fields), held, NOW)


LISTS_A = [
    pytest.param('"a"', id="it alone"),
    pytest.param("*", id="any"),
    pytest.param(" *\t", id="any, with white space"),
    pytest.param('"b", "a"', id="last of two"),
    pytest.param('"a", "b"', id="first of two"),
    pytest.param('"b","a","c"', id="without spaces"),
    pytest.param('"b"\t , \t"a"', id="white space before the comma"),
    pytest.param(', ,"b",, "a" ,', id="§5.6.1.2: empty elements"),
    pytest.param('W/"b", "a"', id="after a weak one"),
    pytest.param('"x,", "a"', id="after a tag that holds a comma"),
    pytest.param('"x\\", "a"', id="a backslash does not escape"),
    pytest.param('"", "a"', id="after an empty tag"),
    pytest.param('"\x80\xff", "a"', id="after a tag of obs-text"),
    pytest.param('"a", broken', id="before a malformed member"),
    pytest.param('"b", ' * 10_000 + '"a"', id="after ten thousand others"),
]

LISTS_NO_A = [
    pytest.param('"b"', id="another"),
    pytest.param("", id="nothing"),
    pytest.param(",", id="only empty elements"),
    pytest.param('"A"', id="in another case"),
    pytest.param('" a"', id="with a space inside"),
    pytest.param('""a""', id="in two quotes"),
    pytest.param("a", id="without quotes"),
    pytest.param("'a'", id="in single quotes"),
    pytest.param('"a', id="unterminated"),
    pytest.param('a"', id="not begun"),
    pytest.param('w/"a"', id="§8.8.3: a weak mark in lower case"),
    pytest.param('W/ "a"', id="a weak mark with a space"),
    pytest.param('W"a"', id="a weak mark without its slash"),
    pytest.param('"b" "a"', id="without a comma"),
    pytest.param('"b"; "a"', id="with a semicolon"),
    pytest.param('"b"x, "a"', id="after a word that touches a tag"),
    pytest.param('"*"', id="a tag that is a star"),
    pytest.param("**", id="two stars"),
    pytest.param("*, *", id="a list of stars"),
    pytest.param('"b", *', id="a star as a member"),
    pytest.param('"a\x7f"', id="a control character inside"),
    pytest.param('"' * 10_000, id="ten thousand quotes"),
]


@pytest.mark.parametrize("field", LISTS_A)
def test_a_tag_that_is_listed(field: str) -> None:
    """§13.1.1: If-Match is true, so the request proceeds; §13.1.2: If-None-Match is false, so 304."""
    assert Outcome.PROCEED is outcome(if_match=field)
    assert Outcome.NOT_MODIFIED is outcome(if_none_match=field)


@pytest.mark.parametrize("field", LISTS_NO_A)
def test_a_tag_that_is_not_listed(field: str) -> None:
    """§13.1.1: If-Match is false, so 412; §13.1.2: If-None-Match is true, so the request proceeds."""
    assert Outcome.FAILED is outcome(if_match=field)
    assert Outcome.PROCEED is outcome(if_none_match=field)


@pytest.mark.parametrize("field", ['W/"a"', '"b", W/"a"', 'W/"a", W/"b"'])
def test_a_tag_that_is_listed_as_weak(field: str) -> None:
    """§13.1.1: If-Match compares strongly; §13.1.2: If-None-Match compares weakly."""
    assert Outcome.FAILED is outcome(if_match=field)
    assert Outcome.NOT_MODIFIED is outcome(if_none_match=field)


@pytest.mark.parametrize(
    ("date", "since", "unmodified"),
    [
        pytest.param(SAME, Outcome.NOT_MODIFIED, Outcome.PROCEED, id="the same second"),
        pytest.param(LATER, Outcome.NOT_MODIFIED, Outcome.PROCEED, id="a second later"),
        pytest.param(EARLIER, Outcome.PROCEED, Outcome.FAILED, id="a second earlier"),
        pytest.param("Fri, 01 Jan 2100 00:00:00 GMT", Outcome.NOT_MODIFIED, Outcome.PROCEED, id="in the future"),
        pytest.param("Mon, 01 Jan 1900 00:00:00 GMT", Outcome.PROCEED, Outcome.FAILED, id="before 1970"),
        pytest.param("Sunday, 06-Nov-94 08:49:37 GMT", Outcome.NOT_MODIFIED, Outcome.PROCEED, id="in RFC 850's form"),
        pytest.param("Sun Nov  6 08:49:36 1994", Outcome.PROCEED, Outcome.FAILED, id="in asctime's form, earlier"),
        pytest.param("", Outcome.PROCEED, Outcome.PROCEED, id="no date is ignored"),
        pytest.param("0", Outcome.PROCEED, Outcome.PROCEED, id="a number is ignored"),
        pytest.param(f"{EARLIER}, {EARLIER}", Outcome.PROCEED, Outcome.PROCEED, id="a list of dates is ignored"),
        pytest.param("1994-11-06T08:49:36Z", Outcome.PROCEED, Outcome.PROCEED, id="another format is ignored"),
    ],
)
def test_a_date(date: str, since: Outcome, unmodified: Outcome) -> None:
    """§13.1.3 and §13.1.4."""
    assert since is outcome(if_modified_since=date)
    assert unmodified is outcome(if_unmodified_since=date)


@pytest.mark.parametrize("date", [EARLIER, SAME, LATER])
def test_dates_are_ignored_where_there_is_no_modification_date(date: str) -> None:
    assert Outcome.PROCEED is outcome(UNDATED, if_modified_since=date, if_unmodified_since=date)


FIELDS = {
    "if_match": (None, '"a"', '"b"', "*", "broken"),
    "if_unmodified_since": (None, SAME, EARLIER, "broken"),
    "if_none_match": (None, '"a"', 'W/"a"', '"b"', "*", "broken"),
    "if_modified_since": (None, SAME, EARLIER, "broken"),
}


@pytest.mark.parametrize(
    "held",
    [pytest.param(HELD, id="dated"), pytest.param(SHARED, id="weakly dated"), pytest.param(UNDATED, id="undated")],
)
def test_the_order_of_evaluation(held: Validators) -> None:
    """§13.2.2, told again step by step, over every combination of the four fields."""
    for values in itertools.product(*FIELDS.values()):
        asked = Preconditions(*(values[list(FIELDS).index(name)] for name in Preconditions.__dataclass_fields__))
        assert _by_the_steps(dict(zip(FIELDS, values, strict=True)), dated=held.last_modified is not None) is evaluate(
            asked, held, NOW
        ), values


def _by_the_steps(fields: dict[str, str | None], *, dated: bool) -> Outcome:
    match, unmodified, none_match, modified = fields.values()
    if match is not None:
        if match not in ('"a"', "*"):
            return Outcome.FAILED
    elif dated and unmodified == EARLIER:
        return Outcome.FAILED
    if none_match is not None:
        return Outcome.NOT_MODIFIED if none_match in ('"a"', 'W/"a"', "*") else Outcome.PROCEED
    return Outcome.NOT_MODIFIED if dated and modified == SAME else Outcome.PROCEED


@pytest.mark.parametrize(
    ("if_range", "held", "applies"),
    [
        pytest.param(None, HELD, True, id="no field"),
        pytest.param('"a"', HELD, True, id="the tag"),
        pytest.param('"b"', HELD, False, id="another tag"),
        pytest.param('W/"a"', HELD, False, id="§13.1.5: the tag, but weak"),
        pytest.param('"a", "a"', HELD, False, id="a list"),
        pytest.param("a", HELD, False, id="the tag without quotes"),
        pytest.param('"a', HELD, False, id="an unterminated tag"),
        pytest.param("*", HELD, False, id="a star"),
        pytest.param("", HELD, False, id="nothing"),
        pytest.param(SAME, HELD, True, id="§13.1.5: exactly the date"),
        pytest.param("Sun Nov  6 08:49:37 1994", HELD, True, id="exactly the date in another format"),
        pytest.param(LATER, HELD, False, id="§13.1.5: a later date is no exact match"),
        pytest.param(EARLIER, HELD, False, id="an earlier date"),
        pytest.param(SAME, SHARED, False, id="§13.1.5: a date that is no strong validator"),
        pytest.param('"a"', SHARED, True, id="the tag beside such a date"),
        pytest.param(SAME, UNDATED, False, id="a date where there is none"),
        pytest.param("soon", UNDATED, False, id="no date where there is none"),
    ],
)
def test_if_range(if_range: str | None, held: Validators, applies: bool) -> None:
    assert applies is range_applies(if_range, held, NOW)


opaque = st.text(alphabet=st.characters(codec="latin-1", exclude_characters='"\x7f', min_codepoint=0x21), max_size=8)
tags = st.tuples(st.booleans(), opaque.filter(lambda text: not any("\x80" > c > "\x7e" for c in text)))
separators = st.text(alphabet=" \t,", max_size=4)
octets = st.text(alphabet=st.characters(codec="latin-1"))


@given(st.lists(st.tuples(tags, separators, separators), max_size=8), separators)
def test_a_list_of_tags_is_read_as_it_was_written(
    members: list[tuple[tuple[bool, str], str, str]], leading: str
) -> None:
    written = [(weak, f'"{text}"') for (weak, text), _, _ in members]
    value = leading + "".join(
        f'{"W/" if weak else ""}"{text}"{before},{after}' for (weak, text), before, after in members
    )
    assert written == list(entity_tags(value))
    assert written == list(entity_tags(value.rstrip(" \t,")))


@given(octets | st.text(alphabet='Ww/"a, \t*', max_size=30), octets)
def test_any_list_is_read_without_a_failure(value: str, other: str) -> None:
    listed = list(entity_tags(value))
    assert all(tag[0] == tag[-1] == '"' and '"' not in tag[1:-1] and tag in value for _, tag in listed)
    for asked in (Preconditions(if_match=value), Preconditions(if_none_match=value, if_modified_since=other)):
        assert evaluate(asked, HELD, NOW) in Outcome
    assert range_applies(value, HELD, NOW) in (True, False)
    # §8.8.3.2: what matches strongly matches weakly.
    assert outcome(if_match=value) is not Outcome.PROCEED or outcome(if_none_match=value) is Outcome.NOT_MODIFIED


@given(st.integers(-10_000_000_000, 10_000_000_000), st.integers(-10_000_000_000, 10_000_000_000))
def test_dates_compare_as_their_seconds(modified: int, asked: int) -> None:
    held, date = Validators('"a"', modified), format_http_date(asked)
    assert (modified <= asked) == (outcome(held, if_modified_since=date) is Outcome.NOT_MODIFIED)
    assert (modified > asked) == (outcome(held, if_unmodified_since=date) is Outcome.FAILED)
    assert (modified == asked) == range_applies(date, held, NOW)
