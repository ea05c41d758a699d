"""The portable edge under other ASGI servers: called by hand, and under Hypercorn, set up by the environment."""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from starlette.applications import Starlette

from cdnserve.errors import ConfigurationError
from cdnserve.release.build import build
from cdnserve.release.scan import signature
from cdnserve.release.store import Store
from cdnserve.server import asgi
from cdnserve.server.access_log import AccessLog
from cdnserve.server.asgi import create_app
from cdnserve.server.contents import name_file
from cdnserve.server.live import Live
from tests.contract.wire import Connection, message
from tests.server import tree
from tests.server.conftest import Built
from tests.server.serving import PATIENCE, eventually, settings

HOST = (b"host", b"cdn.example.com")


@dataclass(slots=True)
class Heard:
    """What the application sent in answer to one request."""

    messages: list[dict[str, Any]] = field(default_factory=list)

    @property
    def status(self) -> int:
        return int(self.messages[0]["status"])

    @property
    def headers(self) -> dict[bytes, bytes]:
        return dict(self.messages[0]["headers"])

    @property
    def body(self) -> bytes:
        return b"".join(message["body"] for message in self.messages[1:])


def scope(path: str, method: str = "GET", **more: object) -> dict[str, Any]:
    """Make the scope of a request, as a server that leaves out all that ASGI lets it."""
    return {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "path": path,
        "query_string": b"",
        "headers": [HOST],
        **more,
    }


async def exchange(app: Starlette, asked: dict[str, Any]) -> Heard:
    """Have one request answered."""
    heard = Heard()

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        heard.messages.append(dict(message))

    await app(asked, receive, send)
    return heard


def play(app: Starlette, *scopes: dict[str, Any]) -> list[Heard]:
    """Start the application, have some requests answered, and end it."""

    async def all_of_it() -> list[Heard]:
        async with app.router.lifespan_context(app):
            return [await exchange(app, asked) for asked in scopes]

    return asyncio.run(all_of_it())


def application(place: Built, log: AccessLog | None = None) -> Starlette:
    """Make the application for a release that is there."""
    return create_app(lambda: settings(place.root, place.state), lambda _: Live(Store(place.state)), log=log)


def test_a_scope_without_a_raw_path(built: Built) -> None:
    """ASGI 3: raw_path is optional; the decoded path is quoted again, so that it can't mean another file."""
    found, escaped, missing = play(
        application(built), scope("/any/tiny.txt"), scope("/any/%2e%2e/any/tiny.txt"), scope("/any/ü?.txt")
    )
    assert (200, tree.TINY) == (found.status, found.body)
    assert [404, 404] == [escaped.status, missing.status]


def test_large_content_comes_in_pieces(built: Built) -> None:
    (heard,) = play(application(built), scope("/any/large.woff2", raw_path=b"/any/large.woff2"))
    assert tree.LARGE == heard.body
    assert max(len(message["body"]) for message in heard.messages[1:]) <= 256 * 1024
    # The last octet ends it, so that what follows in the log was asked for later.
    assert [True, False] == [message["more_body"] for message in heard.messages[1:]]


def test_what_is_found_damaged_is_sent_no_further(built: Built) -> None:
    """The content stays short of what its head says, so the server cuts the connection."""
    heard = Heard()

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        heard.messages.append(dict(message))
        if heard.body:
            app.state.endpoints.supervisor.count_damage(name_file(digest.hex(), now))

    app, store = application(built), Store(built.state)
    digest = store.read().assets["any/large.woff2"].identity.sha256
    now = signature(store.blob(digest).stat())

    async def run() -> None:
        async with app.router.lifespan_context(app):
            await app(scope("/any/large.woff2"), receive, send)

    asyncio.run(run())
    assert (200, tree.LARGE[: 256 * 1024]) == (heard.status, heard.body)
    assert heard.messages[-1] == {"type": "http.response.body", "body": b"", "more_body": False}


def test_head_and_errors_have_no_pieces(built: Built) -> None:
    head, absent = play(application(built), scope("/any/large.woff2", "HEAD"), scope("/any/absent.js"))
    assert (200, b"", b"300000") == (head.status, head.body, head.headers[b"content-length"])
    assert (404, b"*") == (absent.status, absent.headers[b"access-control-allow-origin"])


@pytest.mark.parametrize("path", ["/partners/tiny.txt", "/partners/large.woff2"])
@pytest.mark.parametrize("harm", [Path.unlink, lambda blob: os.truncate(blob, 3)], ids=["gone", "too short"])
def test_a_lost_blob_is_503_with_cors(few: Built, path: str, harm: Any, caplog: pytest.LogCaptureFixture) -> None:
    asked = scope(path, headers=[HOST, (b"origin", tree.ORIGIN.encode())])

    async def lose_it() -> list[Heard]:
        app = application(few)
        async with app.router.lifespan_context(app):
            live: Live = app.state.live
            sha256 = live.origin.catalog.assets[path[1:]].identity.sha256
            blob = live.store.blob(sha256)
            blob.chmod(0o600)
            harm(blob)
            return [await exchange(app, asked)]

    (heard,) = asyncio.run(lose_it())
    assert (503, b"no-store", tree.ORIGIN.encode()) == (
        heard.status,
        heard.headers[b"cache-control"],
        heard.headers[b"access-control-allow-origin"],
    )
    assert "[blob-corrupt]" in caplog.text


def test_every_request_is_in_the_log(built: Built) -> None:
    written: list[bytes] = []
    log = AccessLog("combined", written.append)
    voice = [(b"referer", b"https://a.example/"), (b"user-agent", b"me")]
    play(
        application(built, log),
        scope(
            "/any/tiny.txt", raw_path=b"/any/tiny.txt", query_string=b"v=1", client=("::1", 7), headers=[HOST, *voice]
        ),
        scope("/any/large.woff2", client=None),
        scope("/any/absent.js", "HEAD", client=("127.0.0.1", 7)),
    )
    log.flush()
    lines = b"".join(written).decode().splitlines()
    assert len(lines) == 3
    assert lines[0].startswith("::1 - - [")
    assert lines[0].endswith('] "GET /any/tiny.txt?v=1 HTTP/1.1" 200 6 "https://a.example/" "me"')
    assert lines[1].endswith('] "GET /any/large.woff2 HTTP/1.1" 200 300000 "-" "-"')
    assert lines[2].endswith('] "HEAD /any/absent.js HTTP/1.1" 404 0 "-" "-"')


def test_warnings_of_the_first_build_are_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    root = tree.write(tmp_path / "root", tree.FEW)
    (root / "any/dangling.js").symlink_to("nowhere")
    monkeypatch.setenv("CDNSERVE_ROOT", str(root))
    monkeypatch.setenv("CDNSERVE_STATE", str(tmp_path / "state"))
    (heard,) = play(asgi.app, scope("/any/tiny.txt"))
    assert tree.TINY == heard.body
    assert "dangling.js" in caplog.text


def test_settings_are_read_as_it_starts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CDNSERVE_ROOT", str(tmp_path / "nowhere"))
    with pytest.raises(ConfigurationError, match="root-missing"):
        play(asgi.app)


@contextmanager
def hypercorn(root: Path, log: Path) -> Iterator[tuple[str, int]]:
    """Run the application under Hypercorn."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        command = [sys.executable, "-m", "hypercorn", "--bind", f"fd://{listener.fileno()}", "cdnserve.server.asgi:app"]
        environment = {**os.environ, "CDNSERVE_ROOT": str(root), "CDNSERVE_STATE": str(root / "../state")}
        with log.open("wb") as errors:
            process = subprocess.Popen(
                command,
                stdout=errors,
                stderr=errors,
                env=environment,
                cwd=Path(__file__).parents[2],
                pass_fds=[listener.fileno()],
            )
        try:
            yield listener.getsockname()
        finally:
            process.terminate()
            process.wait(PATIENCE)


def test_under_hypercorn(tmp_path: Path) -> None:
    root = tree.write(tmp_path / "root", tree.FEW)
    with hypercorn(root, tmp_path / "log.txt") as address, Connection(address) as connection:
        found = connection.exchange(message("GET", "/any/large.woff2"))
        assert (200, "*", tree.LARGE) == (found.status, found["access-control-allow-origin"], found.body)
        part = connection.exchange(
            message("GET", "/partners/large.woff2", [("Range", "bytes=7-290000"), ("Origin", tree.ORIGIN)])
        )
        assert (206, tree.ORIGIN, "Origin") == (part.status, part["access-control-allow-origin"], part["vary"])
        assert tree.LARGE[7:290_001] == part.body
        absent = connection.exchange(message("GET", "/any/absent.js", [("Origin", tree.STRANGER)]))
        assert (404, "*") == (absent.status, absent["access-control-allow-origin"])
        same = connection.exchange(message("GET", "/any/large.woff2", [("If-None-Match", found["etag"])]))
        assert (304, found["etag"]) == (same.status, same["etag"])
        assert connection.exchange(message("HEAD", "/any/large.woff2"), "HEAD")["content-length"] == "300000"
        assert connection.exchange(message("DELETE", "/any/large.woff2"))["allow"] == "GET, HEAD, OPTIONS"
        (root / "any/tiny.txt").write_bytes(b"changed\n")
        assert eventually(lambda: connection.exchange(message("GET", "/any/tiny.txt")).body == b"changed\n")
    assert "Traceback" not in (tmp_path / "log.txt").read_text()


def test_build_is_what_the_application_serves(few: Built) -> None:
    """The store is followed: a release that another process builds is served, too."""

    async def build_meanwhile() -> list[bytes]:
        app = application(few)
        async with app.router.lifespan_context(app):
            before = await exchange(app, scope("/any/tiny.txt"))
            (few.root / "any/tiny.txt").write_bytes(b"changed\n")
            await asyncio.to_thread(build, few.root, few.state)
            after = before
            for _ in range(PATIENCE * 20):
                after = await exchange(app, scope("/any/tiny.txt"))
                if after.body != before.body:
                    break
                await asyncio.sleep(0.05)
            return [before.body, after.body]

    assert [tree.TINY, b"changed\n"] == asyncio.run(build_meanwhile())
