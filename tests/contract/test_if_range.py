"""If-Range (RFC 9110 §13.1.5): a part only of what the client has the rest of, by strong comparison."""

from __future__ import annotations

import pytest

from tests.contract.edges import Edge

PATH = "/any/1.0.0/font.woff2"  # without content codings

IF_RANGE = [
    pytest.param("{tag}", 206, id="the tag"),
    pytest.param('"other"', 200, id="another tag"),
    # §13.1.5: strong comparison, so a weak tag never matches, and a list is none.
    pytest.param("W/{tag}", 200, id="the tag, weak"),
    pytest.param("*", 200, id="an asterisk"),
    pytest.param('{tag}, "other"', 200, id="a list"),
    pytest.param("{opaque}", 200, id="without quotes"),
    pytest.param('"{opaque}', 200, id="an open quote"),
    pytest.param("", 200, id="empty"),
    pytest.param("foo", 200, id="a word"),
    pytest.param("Thu, 29 Feb 2024 12:34:56 GMT", 206, id="the date"),
    pytest.param("Thursday, 29-Feb-24 12:34:56 GMT", 206, id="the date, RFC 850"),
    pytest.param("Thu Feb 29 12:34:56 2024", 206, id="the date, asctime"),
    # §13.1.5: "exactly matches", not "not later than".
    pytest.param("Thu, 29 Feb 2024 12:34:57 GMT", 200, id="a second later"),
    pytest.param("Thu, 29 Feb 2024 12:34:55 GMT", 200, id="a second earlier"),
    pytest.param("Fri, 31 Dec 9999 23:59:59 GMT", 200, id="a late date"),
    pytest.param("Thu, 01 Jan 1970 00:00:00 GMT", 200, id="an early date"),
    pytest.param("Thu, 29 Feb 2024 12:34:56", 200, id="no whole date"),
    pytest.param("Thu, 29 Feb 2024 12:34:56 GMT, Thu, 29 Feb 2024 12:34:56 GMT", 200, id="the date twice"),
]


@pytest.mark.parametrize(("value", "status"), IF_RANGE)
def test_if_range(edge: Edge, value: str, status: int) -> None:
    tag = edge.get(PATH)["etag"]
    condition = ("If-Range", value.format(tag=tag, opaque=tag.strip('"')))
    assert status == edge.get(PATH, ("Range", "bytes=2-8"), condition).status
    # A false condition makes a bad range vanish, too; a true one lets it be judged.
    expected = 416 if status == 206 else 200
    assert expected == edge.get(PATH, ("Range", "bytes=99999999-"), condition).status
    # §13.1.5: "MUST ignore an If-Range header field received in a request that does not contain a Range header field".
    assert edge.get(PATH, condition).status == 200
    assert edge.ask("HEAD", PATH, ("Range", "bytes=2-8"), condition).status == 200


@pytest.mark.parametrize("path", ["/fresh/app.js", "/none/app.js", "/weekly/app.js"])
@pytest.mark.parametrize("date", ["Thu, 29 Feb 2024 12:34:56 GMT", "Fri, 31 Dec 9999 23:59:59 GMT"])
def test_if_range_with_a_date_is_false_where_there_is_none(edge: Edge, path: str, date: str) -> None:
    assert edge.get(path, ("Range", "bytes=2-8"), ("If-Range", date)).status == 200
    assert edge.get(path, ("Range", "bytes=2-8"), ("If-Range", edge.get(path)["etag"])).status == 206


def test_if_range_on_several_lines_is_false(edge: Edge) -> None:
    tag = edge.get(PATH)["etag"]
    assert edge.get(PATH, ("Range", "bytes=2-8"), ("If-Range", tag), ("If-Range", tag)).status == 200


def test_if_range_with_the_tag_of_another_coding_is_false(edge: Edge) -> None:
    """Octets of two codings must never be put together."""
    tags = {coding: edge.get("/any/1.0.0/app.js", ("Accept-Encoding", coding))["etag"] for coding in ("", "gzip", "br")}
    for asked in tags:
        for held, tag in tags.items():
            fields = (("Accept-Encoding", asked), ("Range", "bytes=0-9"), ("If-Range", tag))
            expected = 206 if asked == held else 200
            assert expected == edge.get("/any/1.0.0/app.js", *fields).status
