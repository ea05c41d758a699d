"""Pages of another origin: a small server whose documents a test writes."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

# Else Chromium asks for /favicon.ico and complains that there is none.
NO_ICON = "<link rel=icon href=data:,>"


class Pages:
    """An origin with documents; what a test puts into `documents` can be visited at once."""

    def __init__(self, port: int) -> None:
        self.origin = f"http://127.0.0.1:{port}"
        self.documents: dict[str, str] = {}

    def put(self, name: str, body: str, head: str = "") -> str:
        """Write a document and give its URL."""
        self.documents[f"/{name}"] = f"<!doctype html><meta charset=utf-8><title>{name}</title>{NO_ICON}{head}{body}"
        return f"{self.origin}/{name}"


@contextmanager
def serving_pages() -> Iterator[Pages]:
    """Run an origin for as long as the block lasts."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            document = pages.documents.get(self.path)
            content = (document or "").encode()
            self.send_response(200 if document else 404)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            """Stay silent."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    pages = Pages(server.server_address[1])
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield pages
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
