"""Preconditions (RFC 9110 §13): five fields, their order, lists, weak and strong comparison, and dates."""

from __future__ import annotations

import pytest

from tests.contract.edges import Edge
from tests.contract.site import DATED, EARLIER, LATER, UNDATED
from tests.contract.site import MODIFIED_DATE as SAME
from tests.contract.wire import Field

EVERY_PATH = pytest.mark.parametrize("path", [pytest.param(DATED, id="dated"), pytest.param(UNDATED, id="undated")])

# {tag} is the file's entity tag, {opaque} is that without its quotes.
MATCHING = [
    pytest.param(("{tag}",), id="the tag"),
    pytest.param(("*",), id="an asterisk"),
    pytest.param(("  *\t",), id="an asterisk in white space"),
    pytest.param(('"other", {tag}',), id="last of a list"),
    pytest.param(('{tag}, "other"',), id="first of a list"),
    pytest.param(('"a","b",{tag},"c"',), id="in a list without spaces"),
    pytest.param(('"a" ,\t{tag}\t, "b"',), id="in a list with tabs"),
    pytest.param((',, ,"a",,{tag},',), id="in a list with empty elements"),
    pytest.param(('"a"', "{tag}"), id="on another line"),
    pytest.param(('"1a2b"', 'W/"x",{tag},W/"*"', '"y"'), id="in the middle of three lines"),
    pytest.param(('"a,b", {tag}',), id="after a tag with a comma"),
    pytest.param(('"*", {tag}',), id="after a quoted asterisk"),
    pytest.param(('"", {tag}',), id="after an empty tag"),
    pytest.param(('"a\\", {tag}',), id="after a tag with a backslash, which escapes nothing"),
    pytest.param(('"a\'!#$%&()*+-./:;<=>?@[]^_`{{|}}~\x80\xff", {tag}',), id="after a tag of every kind of character"),
    pytest.param((*(f'"{n}"' for n in range(40)), "{tag}"), id="after forty lines"),
]
NOT_MATCHING = [
    pytest.param(('"other"',), id="another tag"),
    pytest.param(('"other", W/"another"',), id="other tags"),
    pytest.param(('"{opaque}x"',), id="a longer tag"),
    pytest.param(('"x{opaque}"',), id="a tag that ends in it"),
    pytest.param(('" {opaque}"',), id="a space in the quotes"),
    pytest.param(('"{swapped}"',), id="the other case of letters"),
    pytest.param(('"*"',), id="an asterisk in quotes"),
    pytest.param(('W/"*"',), id="a weak asterisk in quotes"),
    pytest.param(('"{opaque},"',), id="a comma in the quotes"),
    pytest.param(('"a,{opaque},b"',), id="the tag between commas in quotes"),
    pytest.param(('""',), id="an empty tag"),
]
# Against the grammar of §8.8.3; the standard leaves open what to do, but nothing of it is our tag.
MALFORMED = [
    pytest.param(("",), id="empty"),
    pytest.param((",",), id="a comma"),
    pytest.param(("{opaque}",), id="without quotes"),
    pytest.param(('"{opaque}',), id="an open quote"),
    pytest.param(('{opaque}"',), id="a closing quote"),
    pytest.param(("'{opaque}'",), id="single quotes"),
    pytest.param(('w/"{opaque}"',), id="a weak prefix in lower case"),
    pytest.param(('W"{opaque}"',), id="a weak prefix without its slash"),
    pytest.param(('W/ "{opaque}"',), id="white space after the prefix"),
    pytest.param(("W/{opaque}",), id="weak without quotes"),
    pytest.param(("**",), id="two asterisks"),
    pytest.param(('"{opaque}"x',), id="a letter after the quote"),
    pytest.param(("invalid-no-quotes",), id="a word"),
]


class Tags:
    """Fills a row's templates with the file's present entity tag."""

    def __init__(self, edge: Edge, path: str, *fields: Field) -> None:
        self.tag = edge.get(path, *fields)["etag"]
        self.opaque = self.tag.strip('"')

    def fields(self, name: str, values: tuple[str, ...]) -> tuple[Field, ...]:
        swapped = self.opaque.swapcase()
        return tuple((name, v.format(tag=self.tag, opaque=self.opaque, swapped=swapped)) for v in values)


@pytest.mark.parametrize("values", MATCHING)
@EVERY_PATH
def test_if_none_match_of_the_present_tag_is_304(edge: Edge, path: str, values: tuple[str, ...]) -> None:
    """§13.1.2: false where a listed tag matches by weak comparison; 304 for GET and HEAD."""
    for method in ("GET", "HEAD"):
        assert edge.ask(method, path, *Tags(edge, path).fields("If-None-Match", values)).status == 304


@pytest.mark.parametrize("values", MATCHING)
@EVERY_PATH
def test_if_match_of_the_present_tag_is_200(edge: Edge, path: str, values: tuple[str, ...]) -> None:
    """§13.1.1: true where a listed tag matches by strong comparison."""
    for method in ("GET", "HEAD"):
        assert edge.ask(method, path, *Tags(edge, path).fields("If-Match", values)).status == 200


@pytest.mark.parametrize("values", NOT_MATCHING + MALFORMED)
@EVERY_PATH
def test_if_none_match_of_other_tags_is_200(edge: Edge, path: str, values: tuple[str, ...]) -> None:
    for method in ("GET", "HEAD"):
        assert edge.ask(method, path, *Tags(edge, path).fields("If-None-Match", values)).status == 200


@pytest.mark.parametrize("values", NOT_MATCHING)
@EVERY_PATH
def test_if_match_of_other_tags_is_412(edge: Edge, path: str, values: tuple[str, ...]) -> None:
    for method in ("GET", "HEAD"):
        assert edge.ask(method, path, *Tags(edge, path).fields("If-Match", values)).status == 412


@pytest.mark.parametrize("values", MALFORMED)
def test_a_malformed_if_match_never_holds(edge: Edge, values: tuple[str, ...]) -> None:
    """What can't be read can't be met: the client gets no content that it did not ask for."""
    assert edge.get(DATED, *Tags(edge, DATED).fields("If-Match", values)).status in (400, 412)


@pytest.mark.parametrize("name", ["If-Match", "If-None-Match"])
@pytest.mark.parametrize("values", [('*, "other"',), ('"other", *',), ("*", 'W/"other"'), ("*, *",), ("*", "*")])
def test_an_asterisk_in_a_list_is_no_asterisk(edge: Edge, name: str, values: tuple[str, ...]) -> None:
    """§13.1.1: a list with "*" and other values is syntactically invalid; whatever comes, it is no 304."""
    allowed = (400, 412) if name == "If-Match" else (200, 400)
    assert edge.get(DATED, *((name, value) for value in values)).status in allowed


def test_weak_tags_match_weakly_only(edge: Edge) -> None:
    """§8.8.3.2: W/"1" and "1" match by weak comparison (If-None-Match), not by strong (If-Match)."""
    for path in (DATED, UNDATED):
        weak = f"W/{edge.get(path)['etag']}"
        assert edge.get(path, ("If-None-Match", weak)).status == 304
        assert edge.get(path, ("If-None-Match", f'"other", {weak}')).status == 304
        assert edge.get(path, ("If-Match", weak)).status == 412
        assert edge.get(path, ("If-Match", f'{weak}, "other"')).status == 412


ORDER = [
    # Step 1, and its precedence over step 2.
    pytest.param(
        {"If-Match": "{tag}", "If-Unmodified-Since": EARLIER}, 200, id="If-Match holds, the date is not asked"
    ),
    pytest.param({"If-Match": "*", "If-Unmodified-Since": EARLIER}, 200, id="If-Match: *, the date is not asked"),
    pytest.param(
        {"If-Match": '"other"', "If-Unmodified-Since": LATER}, 412, id="If-Match fails, the date does not save it"
    ),
    # Steps 1 and 2 before 3 and 4.
    pytest.param({"If-Match": "{tag}", "If-None-Match": "{tag}"}, 304, id="If-Match holds, If-None-Match does not"),
    pytest.param({"If-Match": "{tag}", "If-None-Match": '"other"'}, 200, id="both hold"),
    pytest.param({"If-Match": '"other"', "If-None-Match": "{tag}"}, 412, id="both fail: 412 is first"),
    pytest.param({"If-Match": '"other"', "If-None-Match": '"other"'}, 412, id="only If-Match fails"),
    pytest.param({"If-Match": "{tag}", "If-Modified-Since": LATER}, 304, id="If-Match holds, then the other date"),
    pytest.param({"If-Unmodified-Since": EARLIER, "If-None-Match": "{tag}"}, 412, id="a date of step 2 before step 3"),
    pytest.param(
        {"If-Unmodified-Since": LATER, "If-None-Match": "{tag}"}, 304, id="a date of step 2 holds, step 3 not"
    ),
    pytest.param({"If-Unmodified-Since": EARLIER, "If-Modified-Since": LATER}, 412, id="both dates: 412 is first"),
    pytest.param({"If-Unmodified-Since": LATER, "If-Modified-Since": EARLIER}, 200, id="both dates hold"),
    pytest.param({"If-Unmodified-Since": SAME, "If-Modified-Since": SAME}, 304, id="both dates are the file's"),
    # §13.1.3: "A recipient MUST ignore If-Modified-Since if the request contains an If-None-Match header field".
    pytest.param({"If-None-Match": '"other"', "If-Modified-Since": LATER}, 200, id="other tag, the date is not asked"),
    pytest.param({"If-None-Match": "{tag}", "If-Modified-Since": EARLIER}, 304, id="the tag, the date is not asked"),
    pytest.param({"If-None-Match": '"other"', "If-Modified-Since": SAME}, 200, id="other tag with the file's date"),
    pytest.param({"If-None-Match": "", "If-Modified-Since": LATER}, 200, id="an empty If-None-Match is still one"),
    pytest.param({"If-None-Match": "{tag}", "If-Modified-Since": "foo"}, 304, id="the tag and no date"),
    pytest.param({"If-Match": '"other"', "If-Unmodified-Since": "foo"}, 412, id="other tag and no date"),
    # Step 5, and Range after all of them.
    pytest.param({"If-Match": "{tag}", "Range": "bytes=0-9"}, 206, id="a range after If-Match"),
    pytest.param({"If-Match": '"other"', "Range": "bytes=0-9"}, 412, id="If-Match fails before the range"),
    pytest.param({"If-Match": '"other"', "Range": "bytes=99999999-"}, 412, id="If-Match fails before a bad range"),
    pytest.param({"If-Unmodified-Since": LATER, "Range": "bytes=0-9"}, 206, id="a range after a date"),
    pytest.param({"If-Unmodified-Since": EARLIER, "Range": "bytes=0-9"}, 412, id="a date fails before the range"),
    pytest.param({"If-Unmodified-Since": "foo", "Range": "bytes=0-9"}, 206, id="a range after no date"),
    pytest.param({"If-None-Match": "{tag}", "Range": "bytes=0-9"}, 304, id="not modified before the range"),
    pytest.param({"If-None-Match": "{tag}", "Range": "bytes=99999999-"}, 304, id="not modified before a bad range"),
    pytest.param({"If-None-Match": '"other"', "Range": "bytes=0-9"}, 206, id="a range of what is modified"),
    pytest.param({"If-Modified-Since": SAME, "Range": "bytes=0-9"}, 304, id="not modified by date before the range"),
    pytest.param(
        {"If-None-Match": "{tag}", "Range": "bytes=0-9", "If-Range": '"other"'}, 304, id="If-Range comes last"
    ),
    pytest.param({"If-Match": "{tag}", "Range": "bytes=0-9", "If-Range": '"other"'}, 200, id="If-Match, then If-Range"),
    pytest.param({"If-Match": "{tag}", "Range": "bytes=0-9", "If-Range": "{tag}"}, 206, id="If-Match and If-Range"),
]


@pytest.mark.parametrize(("fields", "status"), ORDER)
@pytest.mark.parametrize("reverse", [False, True], ids=["as listed", "lines in reverse"])
def test_the_order_of_evaluation(edge: Edge, fields: dict[str, str], status: int, reverse: bool) -> None:
    """§13.2.2, whatever the order of the lines."""
    tags = Tags(edge, DATED)
    lines = [line for name, value in fields.items() for line in tags.fields(name, (value,))]
    assert status == edge.get(DATED, *(reversed(lines) if reverse else lines)).status


CONDITIONS: list[Field] = [
    ("If-Match", '"other"'),
    ("If-Match", "*"),
    ("If-None-Match", "*"),
    ("If-None-Match", '"other"'),
    ("If-Modified-Since", "Fri, 31 Dec 9999 23:59:59 GMT"),
    ("If-Unmodified-Since", "Thu, 01 Jan 1970 00:00:00 GMT"),
    ("If-Range", '"other"'),
    ("If-Match", "malformed"),
]


@pytest.mark.parametrize("field", CONDITIONS, ids=": ".join)
@pytest.mark.parametrize(
    ("method", "path", "more", "status"),
    [
        pytest.param("GET", "/any/1.0.0/absent.js", (), 404, id="a missing file"),
        pytest.param("HEAD", "/any/1.0.0/absent.js", (), 404, id="HEAD of a missing file"),
        pytest.param("GET", "/secret.txt", (), 404, id="an unlisted file"),
        pytest.param("GET", "/any/%zz", (), 400, id="a malformed path"),
        pytest.param("POST", DATED, (), 405, id="POST"),
        pytest.param("PUT", DATED, (), 405, id="PUT"),
        pytest.param("DELETE", "/any/1.0.0/absent.js", (), 405, id="DELETE of a missing file"),
        pytest.param("GET", DATED, (("Accept-Encoding", "*;q=0"),), 406, id="nothing acceptable"),
        pytest.param("OPTIONS", DATED, (), 204, id="OPTIONS"),
        pytest.param("OPTIONS", DATED, (("Access-Control-Request-Method", "GET"),), 204, id="a preflight"),
        pytest.param("OPTIONS", DATED, (("Access-Control-Request-Method", "PUT"),), 403, id="a refused preflight"),
        pytest.param("OPTIONS", "*", (), 204, id="OPTIONS of the server"),
    ],
)
def test_conditions_are_ignored(
    edge: Edge, field: Field, method: str, path: str, more: tuple[Field, ...], status: int
) -> None:
    """§13.2.1: MUST be ignored where the answer without them is no 2xx, or the method selects no representation."""
    with_field, without = edge.ask(method, path, field, *more), edge.ask(method, path, *more)
    assert status == with_field.status
    assert without.comparable() == with_field.comparable()
