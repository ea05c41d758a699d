"""Vary honesty (RFC 9110 §12.5.5): requests that differ in one field alone get one answer, unless Vary names it.

What a cache does, done with everything: an answer may be stored and given to whoever asks for the same target with
other fields, save for those that its Vary names. Only these may differ without being named:

- Range, If-Range and the four conditions, where the stored answer is a 200, 206, 304 or an error that ignores them. A
  cache handles them itself (RFC 9111 §3.4, §4.3.2) and gives nobody a 206 or 304 who did not ask. A 412 or 416 has no
  such rule, yet is fresh as long as its file: it must name the field that led to it.
- Accept-Encoding, where a file without content codings was found acceptable and the other client refuses even that: the
  stored answer is the only one there is, and RFC 9110 §12.5.3 would let the server give it, too.
- The four conditions, where the stored answer is a 416: it is as true for whoever asks for the same range of the file.
- Host, which is a part of the target, and fields of the connection.
"""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.contract import site as sites
from tests.contract.edges import Edge
from tests.contract.wire import Field, Response

PATHS = [f"/{folder}/{name}" for folder in sites.FOLDERS for name in ("app.js", "tiny.txt", "empty.css", "absent.js")]
PATHS += ["/any/1.0.0/page.html", "/live/page.html", "/secret.txt", "/nowhere", "/any/../secret.txt", "/any/%zz"]
METHODS = ["GET", "HEAD", "OPTIONS", "POST"]

NEGOTIATION = {
    "Origin": [sites.ORIGIN, sites.STRANGER, "null", "", "https://a.example.org", "http://localhost:1"],
    "Accept-Encoding": ["", "gzip", "br", "zstd, gzip", "*", "identity;q=0", "*;q=0", "gzip;q=0.5, identity", "x"],
    "Access-Control-Request-Method": ["GET", "PUT", "DELETE", "get", ""],
    "Access-Control-Request-Headers": ["x-custom", "x-other", "authorization", "", "x-a,x-b"],
    "Access-Control-Request-Private-Network": ["true", "false", ""],
    "Accept": ["*/*", "text/html", "image/png;q=0", ""],
    "Accept-Language": ["de", "*;q=0"],
    "User-Agent": ["Mozilla/5.0", "curl/8", ""],
    "Cookie": ["a=b"],
    "Authorization": ["Basic YTpi"],
    "Referer": [f"{sites.STRANGER}/", "x"],
    "Sec-Fetch-Mode": ["cors", "no-cors", "navigate"],
    "Sec-Fetch-Site": ["cross-site", "same-origin"],
    "Save-Data": ["on"],
    "Cache-Control": ["no-cache", "max-age=0"],
    "Pragma": ["no-cache"],
    "X-Forwarded-Proto": ["https"],
    "X-Forwarded-For": ["1.2.3.4"],
    "Want-Repr-Digest": ["sha-256=1"],
    "Priority": ["u=1"],
}
CONDITIONS = {
    "If-Match": ["*", '"other"', "x"],
    "If-None-Match": ["*", '"other"', "x"],
    "If-Modified-Since": [sites.MODIFIED_DATE, "Thu, 01 Jan 1970 00:00:00 GMT", "x"],
    "If-Unmodified-Since": [sites.MODIFIED_DATE, "Thu, 01 Jan 1970 00:00:00 GMT", "x"],
    "Range": ["bytes=0-1", "bytes=99999999-", "bytes=-0", "x"],
    "If-Range": ['"other"', sites.MODIFIED_DATE, "x"],
}
FIELDS = NEGOTIATION | CONDITIONS


@st.composite
def _pairs(draw: st.DrawFn) -> tuple[str, str, list[Field], str, list[str | None]]:
    """Return a method, a path, some fields, and one more field with two values; `None` leaves it out."""
    names = draw(st.lists(st.sampled_from(sorted(FIELDS)), max_size=4, unique=True))
    differing = draw(st.sampled_from(sorted(FIELDS)))
    common: list[Field] = [(name, draw(st.sampled_from(FIELDS[name]))) for name in names if name != differing]
    values: st.SearchStrategy[str | None] = st.none() | st.sampled_from(FIELDS[differing])
    pair = draw(st.lists(values, min_size=2, max_size=2, unique=True))
    return draw(st.sampled_from(METHODS)), draw(st.sampled_from(PATHS)), common, differing, pair


def _may_differ(stored: Response, other: Response, name: str) -> bool:
    if name in CONDITIONS:
        return stored.status != 412 and (stored.status != 416 or name not in ("Range", "If-Range"))
    # One stored representation, and a client that would rather have an error than it.
    return name == "Accept-Encoding" and other.status == 406 and stored.get("content-encoding") is None


@settings(max_examples=600, deadline=None)
@given(pair=_pairs())
def test_two_requests_that_differ_in_one_field(
    edge: Edge, pair: tuple[str, str, list[Field], str, list[str | None]]
) -> None:
    method, path, common, name, values = pair
    stored, other = (edge.ask(method, path, *common, *([] if v is None else [(name, v)])) for v in values)
    for first, second in ((stored, other), (other, stored)):
        if name.lower() not in first.members("vary") and not _may_differ(first, second, name):
            assert first.comparable() == second.comparable()


def test_a_412_and_a_416_are_for_nobody_else(edge: Edge) -> None:
    """The rows that the property leans on, said aloud."""
    for fields in ((("If-Match", '"other"'),), (("If-Unmodified-Since", "Thu, 01 Jan 1970 00:00:00 GMT"),)):
        response = edge.get("/any/1.0.0/app.js", *fields)
        assert (response.status, {fields[0][0].lower()} <= response.members("vary")) == (412, True)
    response = edge.get("/any/1.0.0/app.js", ("Range", "bytes=99999999-"))
    assert (response.status, {"range", "if-range"} <= response.members("vary")) == (416, True)


@settings(max_examples=150, deadline=None)
@given(
    name=st.from_regex(r"[A-Za-z][A-Za-z0-9-]{0,20}", fullmatch=True),
    value=st.text(st.characters(codec="ascii", categories=["L", "N", "P"]), max_size=20),
    path=st.sampled_from(PATHS),
)
def test_unknown_fields_change_nothing(edge: Edge, name: str, value: str, path: str) -> None:
    """RFC 9110 §5.1: unrecognized fields are ignored."""
    meaningful = {known.lower() for known in FIELDS} | {
        "host",
        "connection",
        "content-length",
        "transfer-encoding",
        "upgrade",
    }
    if name.lower() not in meaningful:
        assert edge.get(path).comparable() == edge.get(path, (f"X-{name}", value)).comparable()
