"""An outside judge: httplint finds nothing to complain of in any status, policy or coding, but for what is listed."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from httplint import HttpRequestLinter, HttpResponseLinter, levels
from httplint.note import Note

from tests.contract import site as sites
from tests.contract.edges import Edge
from tests.contract.scenes import SCENES
from tests.contract.wire import Field, Response, octets

# Notes that stay: on which statuses, and why.
ACCEPTED = {
    # RFC 9111 §3.5: without it a shared cache may not store the answer to a request that had Authorization.
    "STORE_PUBLIC_UNNECESSARY": {200, 206, 304, 404, 412, 416},
    # It says what the status means.
    "STATUS_BAD_REQUEST": {400},
    # A part of coded content can't be decoded alone; the whole is judged by the 200.
    "BAD_BROTLI": {206},
    # Under an allow-list these depend on four fields, and they are fresh as long as the file.
    "VARY_COMPLEX": {412, 416},
    # It means 'unsafe-inline' of style-src: inline styles are drawn, and scripts stay off (default-src 'none').
    "CSP_UNSAFE_INLINE": {200, 206, 304},
}

Asked = tuple[str, str, tuple[Field, ...], str]

AGENT: Field = ("User-Agent", "contract/1")


def _requests() -> Iterator[tuple[str, Asked]]:
    for folder in ("any/1.0.0", "fresh", "weekly", "partners", "accounts", "none"):
        for scene in SCENES:
            for origin in (sites.ORIGIN, None):
                fields = (AGENT, *scene.fields, *([("Origin", origin)] if origin else []))
                story = f"{folder}, {scene.story}{', with Origin' if origin else ''}"
                yield story, (scene.method, f"/{folder}/{scene.name}", fields, scene.host)
        for coding in ("gzip", "br", "zstd", "identity"):
            fields = (AGENT, ("Accept-Encoding", coding))
            yield f"{folder}, {coding}", ("GET", f"/{folder}/app.js", fields, "cdn.example.com")
        for method in ("GET", "DELETE"):
            fields = (AGENT, ("Origin", sites.ORIGIN), ("Access-Control-Request-Method", method))
            yield f"{folder}, preflight for {method}", ("OPTIONS", f"/{folder}/app.js", fields, "cdn.example.com")
    for path in ("/secret.txt", "/any/%zz", "/any/1.0.0/page.html", "/any/1.0.0/font.woff2", "/any/1.0.0/data.json"):
        yield path, ("GET", path, (AGENT,), "cdn.example.com")
    yield "OPTIONS *", ("OPTIONS", "*", (AGENT,), "cdn.example.com")


def lint(asked: Asked, response: Response) -> list[Note]:
    """Return httplint's notes on a response that are a warning or worse."""
    method, target, fields, host = asked
    request = HttpRequestLinter()
    request.process_request_topline(method.encode(), octets(target), b"1.1")
    request.process_headers([(b"Host", host.encode()), *((octets(name), octets(value)) for name, value in fields)])
    request.finish_content(True)
    linter = HttpResponseLinter()
    linter.request, linter.is_head_response = request, method == "HEAD"
    linter.process_response_topline(b"1.1", str(response.status).encode(), response.reason.encode())
    linter.process_headers([(octets(name), octets(value)) for name, value in response.fields])
    linter.feed_content(response.body)
    linter.finish_content(True)
    notes = [note for top in linter.notes for note in (top, *top.subnotes)]
    return [note for note in notes if note.level in (levels.WARN, levels.BAD)]


@pytest.mark.parametrize("asked", [pytest.param(asked, id=story) for story, asked in _requests()])
def test_httplint_has_nothing_to_complain_of(edge: Edge, asked: Asked) -> None:
    method, target, fields, host = asked
    response = edge.ask(method, target, *fields, host=host)
    notes = {type(note).__name__: str(note) for note in lint(asked, response)}
    assert {} == {name: note for name, note in notes.items() if response.status not in ACCEPTED.get(name, set())}


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        pytest.param({"etag": "abc"}, "BAD_SYNTAX", id="an entity tag without quotes"),
        pytest.param({"content-length": "4"}, "CL_INCORRECT", id="a wrong length"),
    ],
)
def test_the_judge_is_awake(changes: dict[str, str], name: str) -> None:
    good = {"date": "Thu, 29 Feb 2024 12:34:56 GMT", "content-type": "text/plain; charset=utf-8", "content-length": "3"}
    response = Response(200, "OK", tuple((good | {"cache-control": "no-store"} | changes).items()), b"abc")
    notes = lint(("GET", "/", (AGENT,), "cdn.example.com"), response)
    assert any(name in type(note).__name__ for note in notes), [type(note).__name__ for note in notes]
