"""HTTP dates (RFC 9110 §5.6.7): three formats in, one out."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime, parsedate_to_datetime

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from cdnserve.rules.conditional import format_http_date, parse_http_date

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
EPOCH = datetime.fromtimestamp(0, UTC)


def read(value: str, now: datetime = NOW) -> datetime | None:
    """Read a date as a point in time."""
    seconds = parse_http_date(value, now.timestamp())
    return None if seconds is None else EPOCH + timedelta(seconds=seconds)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        pytest.param("Sun, 06 Nov 1994 08:49:37 GMT", 784111777, id="§5.6.7: IMF-fixdate"),
        pytest.param("Sunday, 06-Nov-94 08:49:37 GMT", 784111777, id="§5.6.7: the obsolete RFC 850 format"),
        pytest.param("Sun Nov  6 08:49:37 1994", 784111777, id="§5.6.7: ANSI C's asctime() format"),
        pytest.param("Wed Nov 16 08:49:37 1994", 784975777, id="asctime with a day of two digits"),
        pytest.param("Sun Nov 06 08:49:37 1994", 784111777, id="asctime with a leading zero"),
        pytest.param("Thu, 01 Jan 1970 00:00:00 GMT", 0, id="the first second"),
        pytest.param("Wed, 31 Dec 1969 23:59:59 GMT", -1, id="the second before"),
        pytest.param("Mon, 01 Jan 0001 00:00:00 GMT", -62135596800, id="the first year"),
        pytest.param("Fri, 31 Dec 9999 23:59:59 GMT", 253402300799, id="the last year"),
        pytest.param("Thu, 29 Feb 2024 12:34:56 GMT", 1709210096, id="a leap day"),
        pytest.param("Sat, 31 Dec 2016 23:59:60 GMT", 1483228800, id="a leap second"),
        pytest.param("Tue, 19 Jan 2038 03:14:08 GMT", 2147483648, id="beyond 32 bits"),
    ],
)
def test_a_date_is_read(value: str, seconds: int) -> None:
    assert seconds == parse_http_date(value, NOW.timestamp())


@pytest.mark.parametrize(
    "value",
    [
        pytest.param("", id="nothing"),
        pytest.param("0", id="a number"),
        pytest.param("784111777", id="seconds"),
        pytest.param("Sun, 06 Nov 1994 08:49:37", id="no zone"),
        pytest.param("Sun, 06 Nov 1994 08:49:37 UTC", id="another name of the zone"),
        pytest.param("Sun, 06 Nov 1994 08:49:37 +0000", id="a zone in numbers"),
        pytest.param("Sun, 06 Nov 1994 08:49:37 gmt", id="a zone in lower case"),
        pytest.param("sun, 06 nov 1994 08:49:37 GMT", id="§5.6.7: names are case-sensitive"),
        pytest.param("Sun, 6 Nov 1994 08:49:37 GMT", id="a day of one digit"),
        pytest.param("Sun, 06 Nov 94 08:49:37 GMT", id="a year of two digits"),
        pytest.param("Sun, 06 Nov 19940 08:49:37 GMT", id="a year of five digits"),
        pytest.param("06 Nov 1994 08:49:37 GMT", id="no day of the week"),
        pytest.param("Sun,06 Nov 1994 08:49:37 GMT", id="no space"),
        pytest.param("Sun,  06 Nov 1994 08:49:37 GMT", id="two spaces"),
        pytest.param("Sun, 06 Nov 1994 08:49:37 GMT ", id="a space at the end"),
        pytest.param("Sun, 06 Nov 1994 08:49:37 GMT\n", id="a line feed at the end"),
        pytest.param("Sun, 06 Nov 1994 08:49:37 GMT; length=1", id="a parameter"),
        pytest.param("Sun, 06-Nov-1994 08:49:37 GMT", id="hyphens and a year of four digits"),
        pytest.param("Sun, 06-Nov-94 08:49:37 GMT", id="a short day of the week with hyphens"),
        pytest.param("Sunday, 06 Nov 1994 08:49:37 GMT", id="a long day of the week without hyphens"),
        pytest.param("Sun Nov 6 08:49:37 1994", id="asctime without its second space"),
        pytest.param("Sun Nov  6 08:49:37 1994 GMT", id="asctime with a zone"),
        pytest.param("Sun, 06 Nov 1994 8:49:37 GMT", id="an hour of one digit"),
        pytest.param("Sun, 06 Nov 1994 08:49 GMT", id="no seconds"),
        pytest.param("Sun, 06 Nov 1994 24:00:00 GMT", id="hour 24"),
        pytest.param("Sun, 06 Nov 1994 08:60:00 GMT", id="minute 60"),
        pytest.param("Sun, 06 Nov 1994 08:49:61 GMT", id="second 61"),
        pytest.param("Sun, 00 Nov 1994 08:49:37 GMT", id="day 0"),
        pytest.param("Sun, 31 Nov 1994 08:49:37 GMT", id="the 31st of a month of 30"),
        pytest.param("Wed, 29 Feb 2023 00:00:00 GMT", id="a leap day in a common year"),
        pytest.param("Wednesday, 29-Feb-23 00:00:00 GMT", id="a leap day in a common year of two digits"),
        pytest.param("Sun, 06 Nov 0000 08:49:37 GMT", id="year 0"),
        pytest.param("Sun, 06 Nov \u0661\u0669\u0669\u0664 08:49:37 GMT", id="Arabic digits"),
        pytest.param("Sun, 06 Nov 1994 08:49:37 GMT, Sun, 06 Nov 1994 08:49:37 GMT", id="two dates"),
        pytest.param("1994-11-06T08:49:37Z", id="ISO 8601"),
        pytest.param("Sun" * 30_000, id="a long string"),
    ],
)
def test_what_is_no_date_is_none(value: str) -> None:
    assert parse_http_date(value, NOW.timestamp()) is None


@pytest.mark.parametrize(
    ("value", "year"),
    [
        pytest.param("Monday, 01-Jun-26 12:00:00 GMT", 2026, id="now"),
        pytest.param("Wednesday, 01-Jun-50 12:00:00 GMT", 2050, id="in 24 years"),
        pytest.param("Sunday, 02-Jun-75 12:00:00 GMT", 2075, id="in 49 years"),
        pytest.param("Friday, 31-Dec-99 23:59:59 GMT", 1999, id="in 73 years, so 27 years ago"),
        pytest.param("Saturday, 01-Jan-77 00:00:00 GMT", 1977, id="in 50 years and 7 months, so 49 years ago"),
        pytest.param("Monday, 01-Jun-76 12:00:00 GMT", 2076, id="in exactly 50 years"),
        pytest.param("Tuesday, 01-Jun-76 12:00:01 GMT", 1976, id="in 50 years and a second, so 50 years ago"),
        pytest.param("Friday, 31-Dec-76 23:59:59 GMT", 1976, id="in 50 years and 6 months, so 49 years ago"),
        pytest.param("Saturday, 01-Jan-00 00:00:00 GMT", 2000, id="the turn of the century"),
        pytest.param("Tuesday, 29-Feb-00 00:00:00 GMT", 2000, id="a leap day"),
    ],
)
def test_a_year_of_two_digits_is_not_more_than_50_years_in_the_future(value: str, year: int) -> None:
    """§5.6.7: a timestamp that appears to be, is of "the most recent year in the past that had the same last two"."""
    date = read(value)
    assert date is not None
    assert year == date.year


FIRST, LAST = -62_135_596_800, 253_402_300_799  # the seconds of the years 1 to 9999
moments = st.integers(FIRST, LAST).map(lambda seconds: EPOCH + timedelta(seconds=seconds))
_RFC850, _ASCTIME = "%A, %d-%b-%y %H:%M:%S GMT", "%a %b %e %H:%M:%S %Y"


# The standard library takes a year before 1000 for one of two or three digits.
@given(moments.filter(lambda moment: moment.year >= 1000))
@example(datetime(1969, 12, 31, 23, 59, 59, tzinfo=UTC))
def test_every_valid_imf_date_is_read_as_the_standard_library_reads_it(moment: datetime) -> None:
    text = format_datetime(moment, usegmt=True)
    assert parsedate_to_datetime(text) == moment == read(text)


@given(moments)
def test_what_is_written_is_read_again(moment: datetime) -> None:
    seconds = int((moment - EPOCH).total_seconds())
    text = format_http_date(seconds)
    assert format_datetime(moment, usegmt=True) == text
    assert seconds == parse_http_date(text, NOW.timestamp())


@given(moments)
def test_asctime_and_imf_dates_mean_the_same(moment: datetime) -> None:
    text = moment.strftime(_ASCTIME)
    # strftime does not fill up years before 1000.
    assert moment == read(f"{text.rpartition(' ')[0]} {moment.year:04}")


# A leap day has no anniversary in most years: the table above has one.
ordinary = moments.filter(lambda moment: (moment.month, moment.day) != (2, 29))


@given(ordinary, ordinary.filter(lambda now: 1970 <= now.year < 9900))
@example(datetime(2026, 6, 1, tzinfo=UTC), datetime(1976, 6, 1, tzinfo=UTC))
def test_a_year_of_two_digits_is_the_latest_that_is_not_50_years_ahead(moment: datetime, now: datetime) -> None:
    """§5.6.7, told again: of all years with these digits, the last whose date is not more than 50 years from now."""
    dates = [moment.replace(year=year) for year in range(moment.year % 100 or 100, now.year + 101, 100)]
    limit = (now.year + 50, *now.timetuple()[1:6])
    assert max(date for date in dates if date.timetuple()[:6] <= limit) == read(moment.strftime(_RFC850), now)


@given(st.text() | st.text(alphabet="SunMoTeWdhFriaJbNovGMT0123456789 ,:-", max_size=40), moments)
def test_any_text_is_a_date_or_none(value: str, now: datetime) -> None:
    seconds = parse_http_date(value, (now - EPOCH).total_seconds())
    assert seconds is None or FIRST <= seconds <= LAST + 1
