"""What is served now is one release, whole; a swap is one assignment."""

from __future__ import annotations

import errno
import gc

import pytest

from cdnserve.errors import ConfigurationError
from cdnserve.origin.lookup import Origin
from cdnserve.origin.message import Request, Stored
from cdnserve.release.build import build
from cdnserve.release.store import Store
from cdnserve.server import live as module
from cdnserve.server.live import Live
from tests.server import tree
from tests.server.conftest import Built

ASKED = Request("GET", b"/any/tiny.txt", ((b"host", b"a"),))


def change(place: Built, content: bytes) -> None:
    """Make another release, whose tiny file has this content."""
    (place.root / "any/tiny.txt").write_bytes(content)
    assert build(place.root, place.state).changed


def test_a_reload_takes_up_the_current_release(few: Built) -> None:
    live = Live(Store(few.state))
    told: list[int] = []
    live.on_swap(lambda: told.append(live.origin.catalog.number))
    before = live.origin
    assert not live.reload()
    change(few, b"other\n")
    assert live.reload()
    assert not live.reload()
    assert [before.catalog.number + 1] == told == [live.origin.catalog.number]
    # Who began with the release before has all of it to the end.
    old, new = (live.reply(ASKED, origin) for origin in (before, live.origin))
    assert old.header(b"etag") != new.header(b"etag")
    assert isinstance(old.body, Stored)
    assert tree.TINY == live.contents.read(old.body)


def test_a_damaged_release_is_not_taken_up(few: Built) -> None:
    live = Live(Store(few.state))
    before = live.origin
    (few.state / "current").write_text("nonsense\n")
    with pytest.raises(ConfigurationError):
        live.reload()
    assert before is live.origin


def test_a_vanished_pointer_changes_nothing(few: Built) -> None:
    live = Live(Store(few.state))
    (few.state / "current").unlink()
    assert not live.reload()
    assert live.reply(ASKED, live.origin).status == 200


def test_a_defect_of_ours_is_500_with_cors(
    few: Built, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def break_down(request: Request, origin: Origin) -> None:
        raise RuntimeError("a defect")

    monkeypatch.setattr(module, "respond", break_down)
    live = Live(Store(few.state))
    reply = live.reply(ASKED, live.origin)
    assert (500, b"*", b"no-store") == (
        reply.status,
        reply.header(b"access-control-allow-origin"),
        reply.header(b"cache-control"),
    )
    assert ["no reply could be decided"] == [record.message for record in caplog.records]
    assert b"defect" not in (reply.body if isinstance(reply.body, bytes) else b"defect")


@pytest.mark.parametrize(("start", "length"), [(0, 7), (6, 1), (3, 4)])
def test_content_that_is_too_short_is_an_error(few: Built, start: int, length: int) -> None:
    live = Live(Store(few.state))
    sha256 = live.origin.catalog.assets["any/tiny.txt"].identity.sha256
    with pytest.raises(OSError, match="damaged"):
        live.contents.read(Stored(sha256, start, length))
    assert tree.TINY[start : start + 3] == live.contents.read(Stored(sha256, start, min(3, 6 - start)))


def test_content_that_is_gone_is_told(few: Built, caplog: pytest.LogCaptureFixture) -> None:
    live = Live(Store(few.state))
    with pytest.raises(FileNotFoundError) as gone:
        live.contents.read(Stored(bytes(32), 0, 1))
    assert live.lost(ASKED, live.origin, Stored(bytes(32), 0, 1), gone.value).status == 503
    assert "[blob-corrupt]" in caplog.text


@pytest.mark.parametrize("number", [errno.EMFILE, errno.ENFILE])
def test_a_lack_of_descriptors_is_no_lack_of_content(few: Built, caplog: pytest.LogCaptureFixture, number: int) -> None:
    """It is told once a minute, however many requests meet it."""
    live = Live(Store(few.state))
    for _ in range(3):
        reply = live.lost(ASKED, live.origin, Stored(bytes(32), 0, 1), OSError(number, "too many open files"))
        assert (503, b"no-store") == (reply.status, reply.header(b"cache-control"))
    assert ["descriptors"] == [record.__dict__["event"] for record in caplog.records]
    assert "LimitNOFILE" in caplog.text


def test_a_swap_leaves_what_is_made_meanwhile_to_the_garbage_collector(few: Built) -> None:
    """Connections, for one: else those of that moment would stay in memory for ever."""
    live = Live(Store(few.state))
    (few.root / "any/tiny.txt").write_bytes(b"other\n")
    build(few.root, few.state)
    frozen = gc.get_freeze_count()
    assert live.reload()
    assert frozen >= gc.get_freeze_count()
