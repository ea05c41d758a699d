"""Dates of preconditions (RFC 9110 §5.6.7, §13.1.3, §13.1.4): three formats, and what is no date is not there."""

from __future__ import annotations

import pytest

from tests.contract.edges import Edge
from tests.contract.site import DATED, EARLIER, LATER, UNDATED
from tests.contract.site import MODIFIED_DATE as SAME

GET_AND_HEAD = ("GET", "HEAD")


DATES = [
    pytest.param("Thu, 29 Feb 2024 12:34:56 GMT", 0, id="IMF-fixdate"),
    pytest.param("Thursday, 29-Feb-24 12:34:56 GMT", 0, id="RFC 850"),
    pytest.param("Thu Feb 29 12:34:56 2024", 0, id="asctime"),
    pytest.param("Thu, 29 Feb 2024 12:34:57 GMT", 1, id="a second later"),
    pytest.param("Thursday, 29-Feb-24 12:34:57 GMT", 1, id="a second later, RFC 850"),
    pytest.param("Thu Feb 29 12:34:57 2024", 1, id="a second later, asctime"),
    pytest.param("Fri Mar  1 00:00:00 2024", 1, id="asctime with a day of one digit"),
    pytest.param("Wed, 08 Jul 2037 22:53:52 GMT", 1, id="0x7F000000 seconds"),
    pytest.param("Tue, 19 Jan 2038 03:14:08 GMT", 1, id="2^31 seconds"),
    pytest.param("Sun, 07 Feb 2106 06:28:16 GMT", 1, id="2^32 seconds"),
    pytest.param("Fri, 25 Feb 2174 09:42:23 GMT", 1, id="0x17FFFFFFF seconds"),
    pytest.param("Fri, 31 Dec 9999 23:59:59 GMT", 1, id="the last date of four digits"),
    pytest.param("Thu, 29 Feb 2024 12:34:55 GMT", -1, id="a second earlier"),
    pytest.param("Thursday, 29-Feb-24 12:34:55 GMT", -1, id="a second earlier, RFC 850"),
    pytest.param("Thu Feb 29 12:34:55 2024", -1, id="a second earlier, asctime"),
    # §5.6.7: a two-digit year more than 50 years ahead is the most recent past year with the same digits.
    pytest.param("Sunday, 06-Nov-94 08:49:37 GMT", -1, id="RFC 850 of the last century"),
    pytest.param("Friday, 01-Jan-99 00:00:00 GMT", -1, id="RFC 850, end of the last century"),
    pytest.param("Thu, 01 Jan 1970 00:00:00 GMT", -1, id="second zero"),
    pytest.param("Wed, 31 Dec 1969 23:59:59 GMT", -1, id="before 1970"),
    pytest.param("Mon, 01 Jan 1900 00:00:00 GMT", -1, id="1900"),
    pytest.param("Mon, 01 Jan 0001 00:00:00 GMT", -1, id="the year 1"),
]


# §13.1.3, §13.1.4: to be ignored "if the received field value is not a valid HTTP-date".
NOT_DATES = [
    pytest.param("", id="empty"),
    pytest.param("0", id="zero"),
    pytest.param("-1", id="minus one"),
    pytest.param("1709210096", id="seconds since 1970"),
    pytest.param("foo", id="a word"),
    pytest.param("*", id="an asterisk"),
    pytest.param('"other"', id="an entity tag"),
    pytest.param("2024-02-29T12:34:56Z", id="RFC 3339"),
    pytest.param("2024.12.09 GMT", id="dots"),
    pytest.param("{date} GMT", id="GMT twice"),
    pytest.param("{date}; length=3", id="an old parameter"),
    pytest.param("{date}, {date}", id="twice"),
    pytest.param("{date}x", id="a letter more"),
    pytest.param("29 Feb 2024 12:34:56 GMT", id="no day of the week"),
    pytest.param("Thu, 29 Feb 2024 12:34:56", id="no zone"),
    pytest.param("Thu, 29 Feb 2024 12:34:56 +0000", id="a zone of digits"),
    pytest.param("Thu, 29 Feb 2024 12:34:56 -0000", id="no known zone"),
    pytest.param("Thu, 29 Feb 2024 12:34:56 UTC", id="UTC"),
    pytest.param("Thu, 29 Feb 2024 12:34:56 Z", id="Z"),
    pytest.param("Thu, 29 Feb 2024 12:34:56 EST", id="another zone"),
    pytest.param("Thu, 29 Feb 2024 12:34 GMT", id="no seconds"),
    pytest.param("Thu, 29 Feb 24 12:34:56 GMT", id="a year of two digits"),
    pytest.param("Thu, 29 Feb 02024 12:34:56 GMT", id="a year of five digits"),
    pytest.param("Thu, 29-Feb-2024 12:34:56 GMT", id="hyphens"),
    pytest.param("Thu, 29  Feb 2024 12:34:56 GMT", id="two spaces"),
    pytest.param("Thu,29 Feb 2024 12:34:56 GMT", id="no space"),
    pytest.param("Thu 29 Feb 2024 12:34:56 GMT", id="no comma"),
    pytest.param("Xyz, 29 Feb 2024 12:34:56 GMT", id="no such day"),
    pytest.param("Thu, 29 Xyz 2024 12:34:56 GMT", id="no such month"),
    pytest.param("Thu, 29 Feb 2024 24:00:00 GMT", id="hour 24"),
    pytest.param("Thu, 29 Feb 2024 12:60:00 GMT", id="minute 60"),
    pytest.param("Thu, 29 Feb 2024 12:34:99 GMT", id="second 99"),
    pytest.param("Fri, 30 Feb 2024 12:34:56 GMT", id="30 February"),
    pytest.param("Wed, 29 Feb 2023 12:34:56 GMT", id="29 February of another year"),
    pytest.param("Thu, 00 Feb 2024 12:34:56 GMT", id="day 0"),
    pytest.param("Thu, 32 Jan 2024 12:34:56 GMT", id="day 32"),
    pytest.param("Thu, 2_ Feb 2024 12:34:56 GMT", id="an underscore"),
    pytest.param("Thu, +9 Feb 2024 12:34:56 GMT", id="a sign"),
    pytest.param("Thu, 2\xb2 Feb 2024 12:34:56 GMT", id="a superscript"),
    pytest.param("Thu Feb 29 12:34:56 24", id="asctime with two digits"),
    pytest.param("Thu Feb 29 12:34:56 2024 GMT", id="asctime with a zone"),
    pytest.param("Thu, 29-Feb-24 12:34:56 GMT", id="RFC 850 with a short day"),
    pytest.param("Thu, 29 Feb 2024 12:34:56 GMT" + "0" * 5_000, id="five thousand zeros"),
    pytest.param("9" * 5_000, id="five thousand nines"),
]


@pytest.mark.parametrize(("date", "order"), DATES)
def test_if_modified_since(edge: Edge, date: str, order: int) -> None:
    """§13.1.3: false (304) where the file's date is earlier or equal; all three formats (§5.6.7)."""
    expected = 304 if order >= 0 else 200
    for method in GET_AND_HEAD:
        assert expected == edge.ask(method, DATED, ("If-Modified-Since", date)).status


@pytest.mark.parametrize(("date", "order"), DATES)
def test_if_unmodified_since(edge: Edge, date: str, order: int) -> None:
    """§13.1.4: true where the file's date is earlier or equal, else 412."""
    expected = 200 if order >= 0 else 412
    for method in GET_AND_HEAD:
        assert expected == edge.ask(method, DATED, ("If-Unmodified-Since", date)).status


@pytest.mark.parametrize("value", NOT_DATES)
@pytest.mark.parametrize("name", ["If-Modified-Since", "If-Unmodified-Since"])
def test_what_is_no_date_is_ignored(edge: Edge, name: str, value: str) -> None:
    for date in (EARLIER, LATER):
        assert edge.get(DATED, (name, value.format(date=date))).status == 200


@pytest.mark.parametrize("name", ["If-Modified-Since", "If-Unmodified-Since"])
@pytest.mark.parametrize("dates", [(EARLIER, SAME, LATER), (LATER, SAME, EARLIER), (SAME, SAME)])
def test_a_date_on_several_lines_is_ignored(edge: Edge, name: str, dates: tuple[str, ...]) -> None:
    """Combined (§5.3) it is no HTTP-date."""
    assert edge.get(DATED, *((name, date) for date in dates)).status == 200


@pytest.mark.parametrize("name", ["If-Modified-Since", "If-Unmodified-Since"])
@pytest.mark.parametrize(
    "date", [EARLIER, SAME, LATER, "Fri, 31 Dec 9999 23:59:59 GMT", "Thu, 01 Jan 1970 00:00:00 GMT"]
)
@pytest.mark.parametrize("path", [UNDATED, "/weekly/app.js", "/none/app.js"])
def test_dates_are_ignored_where_there_is_none(edge: Edge, name: str, date: str, path: str) -> None:
    """§13.1.3, §13.1.4: MUST be ignored where the resource has no modification date available."""
    assert edge.get(path, (name, date)).status == 200
