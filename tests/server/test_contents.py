"""The scrubber: what a disk changes without a trace is found while the server runs, and made again."""

from __future__ import annotations

import asyncio
import logging
import os
from dataclasses import replace

import pytest

from cdnserve.release.blobs import is_right
from cdnserve.release.store import Store
from cdnserve.server.contents import scrub
from cdnserve.server.settings import ServerSettings
from tests.server.conftest import Built
from tests.server.connections import until


def test_it_finds_and_mends(few: Built, caplog: pytest.LogCaptureFixture) -> None:
    store = Store(few.state)
    digest = store.read().assets["any/tiny.txt"].identity.sha256
    octets = store.blob(digest).read_bytes()
    store.blob(digest).write_bytes(bytes([octets[0] ^ 1]) + octets[1:])

    async def run() -> None:
        stop = asyncio.Event()
        scrubbing = asyncio.create_task(scrub(replace(ServerSettings(few.root, few.state), scrub_rate=1 << 30), stop))
        assert await until(lambda: is_right(str(few.state), digest.hex()) and "blob-mended" in caplog.text)
        stop.set()
        await scrubbing

    with caplog.at_level(logging.WARNING, "cdnserve"):
        asyncio.run(run())
    assert octets == store.blob(digest).read_bytes()


def test_no_rate_means_no_scrubber(few: Built) -> None:
    before = os.stat(few.state)

    async def run() -> None:
        stop = asyncio.Event()
        stop.set()
        await scrub(replace(ServerSettings(few.root, few.state), scrub_rate=0), stop)

    asyncio.run(run())
    assert before.st_mtime_ns == os.stat(few.state).st_mtime_ns
