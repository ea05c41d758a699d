"""Progress: what builds and downloads tell, as bars."""

from __future__ import annotations

import io
from collections.abc import Callable

import pytest
from rich.console import Console
from rich.progress import Progress

from cdnserve.cli.progress import BuildBar, DownloadBars, build_progress, count_progress, download_progress
from cdnserve.release.writer import BuildProgress


class Terminal(io.StringIO):
    """A stream that says that it is a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.fixture
def on_terminal(monkeypatch: pytest.MonkeyPatch) -> Callable[[], Terminal]:
    """Make stderr a terminal from now on; pytest puts its own there after each fixture."""

    def change() -> Terminal:
        stream = Terminal()
        monkeypatch.setattr("sys.stderr", stream)
        monkeypatch.setenv("TERM", "xterm")
        return stream

    return change


def test_a_pipe_hears_of_long_downloads_and_of_each_that_is_tried_again(capsys: pytest.CaptureFixture[str]) -> None:
    with download_progress() as downloading:
        for library, size in (("long\x1b@1.0.0", 4 << 20), ("short@1.0.0", (4 << 20) - 1), ("unknown", None)):
            downloading.begin(library, size)
            downloading.advance(library, 9)
            downloading.retry(library, "the\x1bhost is busy", 2.0)
            downloading.begin(library, size)
            downloading.finish(library)
    downloading.retry("soon", "no answer came in time", 0.3)
    assert [
        "downloading long\\x1b@1.0.0: 4 MiB",
        "long\\x1b@1.0.0: again in 2 s, the\\x1bhost is busy",
        "downloaded long\\x1b@1.0.0",
        "short@1.0.0: again in 2 s, the\\x1bhost is busy",
        "unknown: again in 2 s, the\\x1bhost is busy",
        "soon: again at once, no answer came in time",
    ] == capsys.readouterr().err.splitlines()


@pytest.mark.parametrize(("total", "expected"), [(499, ""), (12_000, "auditing pages: 12,000\n")])
def test_a_pipe_hears_of_many_things_as_they_begin(
    capsys: pytest.CaptureFixture[str], total: int, expected: str
) -> None:
    with count_progress("auditing pages") as on_page:
        for number in (1, 2, total):
            on_page(number, total)
    assert ("", expected) == capsys.readouterr()


def test_things_are_counted_on_a_terminal(on_terminal: Callable[[], Terminal]) -> None:
    terminal = on_terminal()
    with count_progress("auditing pages") as on_page:
        on_page(3, 7)
        on_page(7, 7)
        shown = terminal.getvalue()
        with download_progress() as downloading:
            downloading.begin("a@1.0.0", 100)
    assert [] == [text for text in ("auditing pages", "7/7") if text not in shown]
    assert "auditing" not in terminal.getvalue().removeprefix(shown)


def test_a_build_shows_its_phases(on_terminal: Callable[[], Terminal]) -> None:
    terminal = on_terminal()
    with build_progress() as building:
        building.advance(1, 1)
        building.start("waiting", 0, 0)
        building.start("reading", 1200, 5000)
        building.advance(3, 4000)
        building.finish()
        building.start("encoding", 2, 10)
    told = ("waiting for another build", "reading files: 3 of 1,200", "3.9/4.9 KiB", "encoding representations: 0 of 2")
    assert [] == [text for text in told if text not in terminal.getvalue()]
    assert ":--" not in terminal.getvalue()  # an estimate
    assert terminal.getvalue().endswith("\x1b[2K")


def test_a_build_without_work_shows_nothing(on_terminal: Callable[[], Terminal]) -> None:
    terminal = on_terminal()
    with build_progress() as building:
        assert isinstance(building, BuildBar)
    assert "" == terminal.getvalue()


@pytest.mark.parametrize(
    ("octets", "done", "expected"),
    [
        pytest.param((32 << 20) - 1, 7, "", id="short"),
        pytest.param(
            32 << 20,
            7,
            "reading files: 0 of 7, 0 octets of 32 MiB\nreading files: 7 of 7, 32 MiB of 32 MiB\n",
            id="long",
        ),
        pytest.param(
            64 << 20,
            3,
            "reading files: 0 of 7, 0 octets of 64 MiB\nreading files: 3 of 7, 32 MiB of 64 MiB\n",
            id="interrupted",
        ),
    ],
)
def test_a_pipe_gets_a_line_as_a_long_phase_begins_and_ends(
    capsys: pytest.CaptureFixture[str], octets: int, done: int, expected: str
) -> None:
    with build_progress() as building:
        building.start("waiting", 0, 0)
        building.finish()
        building.start("reading", 7, octets)
        building.advance(done, 32 << 20)
        building.finish()
    assert ("", expected) == capsys.readouterr()


def test_a_log_for_machines_gets_no_lines(capsys: pytest.CaptureFixture[str]) -> None:
    with build_progress(lines=False) as building:
        building.start("reading", 7, 64 << 20)
        building.advance(7, 64 << 20)
    assert ("", "") == capsys.readouterr()


def failing(building: BuildProgress) -> None:
    """Begin to read, and fail."""
    building.start("reading", 1, 1)
    raise KeyError


def test_a_build_that_fails_takes_its_bar_away(on_terminal: Callable[[], Terminal]) -> None:
    terminal = on_terminal()
    with pytest.raises(KeyError), build_progress() as building:
        failing(building)
    assert terminal.getvalue().endswith("\x1b[2K")


def test_downloads_have_a_bar_each_and_may_begin_again() -> None:
    bars = Progress(console=Console(file=io.StringIO()), auto_refresh=False)
    downloads = DownloadBars(bars)
    downloads.begin("a@1.0.0", 100)
    downloads.begin("b\x1b@1.0.0", None)
    downloads.advance("a@1.0.0", 60)
    assert [("a@1.0.0", 100, 60), ("b\\x1b@1.0.0", None, 0)] == [
        (task.description, task.total, task.completed) for task in bars.tasks
    ]
    downloads.begin("a@1.0.0", 200)
    assert (200, 0) == (bars.tasks[0].total, bars.tasks[0].completed)
    downloads.retry("a@1.0.0", "the\x1bhost is busy", 2.0)
    assert "a@1.0.0: again in 2 s, the\\x1bhost is busy" == bars.tasks[0].description
    downloads.begin("a@1.0.0", 300)
    assert ("a@1.0.0", 300, 0) == (bars.tasks[0].description, bars.tasks[0].total, bars.tasks[0].completed)
    downloads.finish("a@1.0.0")
    assert ["b\\x1b@1.0.0"] == [task.description for task in bars.tasks]


def test_downloads_are_shown_on_a_terminal(on_terminal: Callable[[], Terminal]) -> None:
    terminal = on_terminal()
    with download_progress() as downloading:
        downloading.begin("a@1.0.0", 100)
    assert "a@1.0.0" in terminal.getvalue()


def test_a_download_that_never_began_may_fail_and_finish() -> None:
    bars = Progress(console=Console(file=io.StringIO()), auto_refresh=False)
    downloads = DownloadBars(bars)
    downloads.advance("a@1.0.0", 1)
    downloads.finish("a@1.0.0")
    assert [] == bars.tasks
    downloads.retry("a", "no answer came in time", 1.0)
    assert ["a: again in 1 s, no answer came in time"] == [task.description for task in bars.tasks]
    downloads.finish("a")
    assert [] == bars.tasks
