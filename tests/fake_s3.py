"""A small S3 on loopback that keeps objects in memory, notes what it is asked, and lies when a test tells it to.

Google's XML API is the same but for its conditions, which are on generations: this one knows them as well.
"""

from __future__ import annotations

import hashlib
import json
import re
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from time import time
from urllib.parse import parse_qs, unquote, urlsplit
from xml.sax.saxutils import escape

Lie = Callable[[str, str], bytes | None]
"""From method and key to octets that are sent instead of an answer, after which the connection ends; or to `None`."""


@dataclass(slots=True)
class FakeS3:
    """The state of a server: its one bucket's objects, with the time at which each was written.

    Without `conditions` it knows If-None-Match: * alone, as some stores do.
    """

    port: int = 0
    objects: dict[str, tuple[bytes, float]] = field(default_factory=dict)
    generations: Counter[str] = field(default_factory=Counter)
    asked: list[tuple[str, str]] = field(default_factory=list)
    conditions: bool = True
    lie: Lie = lambda method, key: None
    lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def url(self) -> str:
        return "s3://bucket/prefix"

    @property
    def environment(self) -> dict[str, str]:
        return {
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{self.port}",
            "AWS_ACCESS_KEY_ID": "key",
            "AWS_SECRET_ACCESS_KEY": "secret",
            "AWS_REGION": "us-east-1",
        }

    @property
    def google(self) -> dict[str, str]:
        """The environment by which it is Google's."""
        account = {"private_key": "", "private_key_id": "", "client_email": "", "disable_oauth": True}
        return {
            "GOOGLE_BASE_URL": f"http://127.0.0.1:{self.port}",
            "GOOGLE_SERVICE_ACCOUNT_KEY": json.dumps(account),
        }

    def put(self, key: str, octets: bytes, headers: dict[str, str]) -> tuple[int, str]:
        """Write an object as its conditions allow; return status and code."""
        with self.lock:
            there = self.objects.get(key)
            if "if-match" in headers and not self.conditions:
                return 501, "NotImplemented"
            wrong = "if-match" in headers and (not there or headers["if-match"] != tag(there[0]))
            generation = str(self.generations[key] if there else 0)
            wrong = wrong or headers.get("x-goog-if-generation-match", generation) != generation
            if wrong or (there and headers.get("if-none-match") == "*"):
                return 412, "PreconditionFailed"
            digest = hashlib.sha256(octets).hexdigest()
            if digest != headers.get("x-amz-content-sha256", digest):
                return 400, "XAmzContentSHA256Mismatch"
            self.objects[key] = octets, time()
            self.generations[key] += 1
            return 200, ""

    def page(self, prefix: str, after: str) -> str:
        """Return the XML of at most 1,000 keys."""
        keys = sorted(key for key in self.objects if key.startswith(prefix) and key > after)
        rows = "".join(
            f"<Contents><Key>{escape(key)}</Key><Size>{len(self.objects[key][0])}</Size>"
            f"<LastModified>{iso(self.objects[key][1])}</LastModified></Contents>"
            for key in keys[:1000]
        )
        more = f"<NextContinuationToken>{keys[999]}</NextContinuationToken>" if keys[1000:] else ""
        return f"<ListBucketResult><IsTruncated>{str(bool(more)).lower()}</IsTruncated>{rows}{more}</ListBucketResult>"


def tag(octets: bytes) -> str:
    """Return the entity tag of an object."""
    return f'"{hashlib.md5(octets, usedforsecurity=False).hexdigest()}"'


def iso(seconds: float) -> str:
    """Return a date as listings have it.

    >>> iso(0)
    '1970-01-01T00:00:00.000Z'
    """
    from datetime import UTC, datetime  # noqa: PLC0415

    return f"{datetime.fromtimestamp(int(seconds), UTC):%Y-%m-%dT%H:%M:%S}.000Z"


def head(status: int, octets: bytes, *more: str) -> bytes:
    """Return a whole answer, for lies."""
    lines = (f"HTTP/1.1 {status} Any", f"Content-Length: {len(octets)}", "Connection: close", *more)
    return "\r\n".join((*lines, "", "")).encode() + octets


def answer(octets: bytes, *, length: int | None = None) -> bytes:
    """Return the answer that has these octets as an object, of another length than they have if so wanted."""
    facts = (f"ETag: {tag(octets)}", f"Last-Modified: {formatdate(0, usegmt=True)}")
    whole = head(200, octets, *facts)
    return whole if length is None else whole.replace(b"Length: %d" % len(octets), b"Length: %d" % length)


@contextmanager
def fake_s3() -> Iterator[FakeS3]:
    """Run a server until the block ends."""
    fake = FakeS3()

    class Handler(_Handler):
        s3 = fake

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    fake.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield fake
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class _Handler(BaseHTTPRequestHandler):
    s3: FakeS3
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, *_: object) -> None:
        pass

    def handle(self) -> None:
        with suppress(OSError):
            super().handle()

    def do_GET(self) -> None:
        self._answer(b"")

    do_HEAD = do_DELETE = do_GET  # noqa: N815

    def do_PUT(self) -> None:
        self._answer(self.rfile.read(int(self.headers["Content-Length"] or 0)))

    do_POST = do_PUT  # noqa: N815

    def _answer(self, octets: bytes) -> None:
        parts = urlsplit(self.path)
        query = {name: values[0] for name, values in parse_qs(parts.query, keep_blank_values=True).items()}
        key = unquote(parts.path).removeprefix("/bucket").removeprefix("/") or query.get("prefix", "")
        method = "LIST" if "list-type" in query else self.command
        self.s3.asked.append((method, key))
        if (lie := self.s3.lie(method, key)) is not None:
            self.close_connection = True
            self.wfile.write(lie)
            return
        if method == "LIST":
            self._send(200, self.s3.page(key, query.get("continuation-token", "")).encode())
        elif method == "PUT":
            headers = {name.lower(): value for name, value in self.headers.items()}
            status, code = self.s3.put(key, octets, headers)
            self._send(status, f"<Error><Code>{code}</Code></Error>".encode() if code else b"", tag(octets))
        elif method == "POST":
            found = re.findall(rb"<Key>([^<]*)</Key>", octets)
            for name in found:
                self.s3.objects.pop(name.decode(), None)
            rows = b"".join(b"<Deleted><Key>%b</Key></Deleted>" % name for name in found)
            self._send(200, b"<DeleteResult>%b</DeleteResult>" % rows)
        elif method == "DELETE":
            self.s3.objects.pop(key, None)
            self._send(204, b"")
        else:
            self._read(key)

    def _read(self, key: str) -> None:
        if key not in self.s3.objects:
            self._send(404, b"<Error><Code>NoSuchKey</Code></Error>")
            return
        octets, written = self.s3.objects[key]
        if self.headers["If-None-Match"] == tag(octets):
            self._send(304, b"", tag(octets))
        else:
            generation = str(self.s3.generations[key])
            self._send(200, octets, tag(octets), formatdate(written, usegmt=True), generation)

    def _send(self, status: int, octets: bytes, entity_tag: str = "", modified: str = "", generation: str = "") -> None:
        self.send_response(status)
        for name, value in (("ETag", entity_tag), ("Last-Modified", modified), ("x-goog-generation", generation)):
            if value:
                self.send_header(name, value)
        if status not in (204, 304):
            self.send_header("Content-Length", str(len(octets)))
        self.end_headers()
        if self.command != "HEAD" and status not in (204, 304):
            self.wfile.write(octets)
