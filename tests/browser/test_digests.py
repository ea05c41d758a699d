"""Digest fields in Chromium: without them everything loads and streams, and what a rule that wants them gives up."""

from __future__ import annotations

import http.client
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Page

from tests.browser.cdn import WASM, Cdn
from tests.browser.pages import Pages

pytestmark = pytest.mark.browser

PLAIN, DIGESTED = "lib/1.0.0", "digested"
# Each gives "ok", or the name of the error.
HEAD = "fetch('URL', {method: 'HEAD'}).then(answer => answer.ok ? 'ok' : 'error', error => error.name)"
OPAQUE = "fetch('URL', {mode: 'no-cors'}).then(answer => answer.type == 'opaque' ? 'ok' : 'error', error => error.name)"
LINK = """new Promise(done => {
    const link = Object.assign(document.createElement('link'), {href: 'URL', onload: () => done('ok')}, MORE)
    link.onerror = () => done('error')
    document.head.append(link)
})"""
PREFETCH = LINK.replace("MORE", "{rel: 'prefetch', crossOrigin: 'anonymous'}")
PRELOAD = LINK.replace("MORE", "{rel: 'preload', as: 'fetch', crossOrigin: 'anonymous'}")
WHOLE = "fetch('URL').then(answer => answer.arrayBuffer()).then(() => 'ok', error => error.name)"
COMPILED = "WebAssembly.instantiateStreaming(fetch('URL')).then(() => 'ok', error => error.name)"

LOADS = [
    pytest.param(HEAD, "large.json", id="HEAD"),
    pytest.param(HEAD, "large.wasm", id="HEAD of WebAssembly"),
    pytest.param(PREFETCH, "large.json", id="prefetch"),
    pytest.param(PRELOAD, "large.json", id="preload"),
    pytest.param(OPAQUE, "large.json", id="opaque JSON"),
    pytest.param(OPAQUE, "large.html", id="opaque HTML"),
    pytest.param(OPAQUE, "large.txt", id="opaque text"),
    pytest.param(OPAQUE, "large.js.map", id="an opaque source map"),
    pytest.param(WHOLE, "large.json", id="a fetch"),
    pytest.param(COMPILED, "large.wasm", id="WebAssembly"),
]


@pytest.mark.parametrize(("script", "name"), LOADS)
def test_everything_loads_without_digests(page: Page, cdn: Cdn, listed: Pages, script: str, name: str) -> None:
    page.goto(listed.put("loads", ""))
    assert page.evaluate(script.replace("URL", f"{cdn.url}/{PLAIN}/{name}")) == "ok"


def test_head_and_opaque_fetches_fail_where_a_rule_wants_unencoded(page: Page, cdn: Cdn, listed: Pages) -> None:
    """What docs/manifest.md warns of; once Chromium looks at content alone, the warning can go."""
    page.goto(listed.put("loads", ""))
    for script, expected in ((HEAD, "TypeError"), (OPAQUE, "TypeError"), (WHOLE, "ok")):
        assert page.evaluate(script.replace("URL", f"{cdn.url}/{DIGESTED}/large.json")) == expected


class Gate:
    """A server in front of another one, that keeps the second half of a file until it is told that the page has begun.

    `begun` is set when a page asks for `/begun`; whoever waits for it in vain is let through at last.
    """

    def __init__(self, url: str, patience: float) -> None:
        self.url = url
        self.begun = threading.Event()
        self.patience = patience
        self.in_time = False

    def forward(self, handler: BaseHTTPRequestHandler, behind: str) -> None:
        """Send a file in two halves."""
        connection = http.client.HTTPConnection(urlsplit(behind).netloc)
        connection.request(
            "GET", handler.path, headers={"Accept-Encoding": "gzip", "Origin": handler.headers["Origin"]}
        )
        answer = connection.getresponse()
        content = answer.read()
        handler.send_response(answer.status)
        for name, value in answer.getheaders():
            handler.send_header(name, value)
        handler.end_headers()
        handler.wfile.write(content[: len(content) // 2])
        self.in_time = self.begun.wait(self.patience)
        handler.wfile.write(content[len(content) // 2 :])
        connection.close()


@contextmanager
def gate(behind: str, patience: float) -> Iterator[Gate]:
    """Run a gate for as long as the block lasts; `patience` in seconds."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.path != "/begun":
                passing.forward(self, behind)
                return
            passing.begun.set()
            self.send_response(204)
            self.send_header("Access-Control-Allow-Origin", "*")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Stay silent."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    passing = Gate(f"http://127.0.0.1:{server.server_address[1]}", patience)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield passing
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


STREAMED = """async gate => {
    const answer = await fetch(`${gate}/PATH`)
    await fetch(`${gate}/begun`)
    return (await answer.arrayBuffer()).byteLength
}"""


@pytest.mark.parametrize(
    ("folder", "patience", "in_time"),
    [
        pytest.param(PLAIN, 30, True, id="without digests"),
        pytest.param(DIGESTED, 1, False, id="with Unencoded-Digest, all must have come first"),
    ],
)
def test_a_fetch_resolves_before_the_whole_content(
    page: Page, cdn: Cdn, listed: Pages, folder: str, patience: float, in_time: bool
) -> None:
    page.goto(listed.put("streams", ""))
    with gate(cdn.url, patience) as slow:
        assert len(WASM) == page.evaluate(STREAMED.replace("PATH", f"{folder}/large.wasm"), slow.url)
        assert slow.in_time is in_time
