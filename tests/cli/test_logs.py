"""The log of a running server."""

from __future__ import annotations

import errno
import io
import json
import logging
import os
import re
import sys

import pytest

from cdnserve.cli.logs import LOG_FORMATS, LogFormat, logging_to_stderr, tell_no_start, tell_problems
from cdnserve.errors import Problem
from cdnserve.server.access_log import event

logger = logging.getLogger("cdnserve")


def test_an_event_is_one_line_with_the_time(capsys: pytest.CaptureFixture[str]) -> None:
    with logging_to_stderr():
        logger.info("release %d is served", 2)
    assert re.fullmatch(r"\d\d:\d\d:\d\d release 2 is served\n", capsys.readouterr().err)


def test_a_problem_is_shown_as_every_command_shows_it(capsys: pytest.CaptureFixture[str]) -> None:
    with logging_to_stderr():
        logger.error("%s", Problem("an-id", "wrong", "manifest.toml:1"))
    assert "manifest.toml:1: wrong [an-id]\n" == capsys.readouterr().err


def test_libraries_are_heard_when_they_warn(capsys: pytest.CaptureFixture[str]) -> None:
    with logging_to_stderr():
        logging.getLogger("uvicorn.error").warning("Invalid HTTP request received.")
        logging.getLogger("watchfiles.main").info("3 changes detected")
    written = capsys.readouterr().err
    assert "Invalid HTTP request received." in written
    assert "changes" not in written


def test_control_characters_are_escaped_line_by_line(capsys: pytest.CaptureFixture[str]) -> None:
    with logging_to_stderr():
        logger.warning("a\x1b[2J\nb\x07")
    lines = capsys.readouterr().err.splitlines()
    assert ["a\\x1b[2J", "b\\x07"] == [lines[0][9:], lines[1]]


def test_afterwards_nothing_is_left(capsys: pytest.CaptureFixture[str]) -> None:
    before = (logger.level, list(logging.getLogger().handlers))
    with logging_to_stderr():
        pass
    assert before == (logger.level, list(logging.getLogger().handlers))
    logger.info("unheard")
    assert "" == capsys.readouterr().err


def _lines(written: str) -> list[dict[str, object]]:
    return [json.loads(line) for line in written.splitlines()]


def test_json_is_one_object_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    with logging_to_stderr("json"):
        logger.info("release %d is served", 2, extra=event("swap", before=1, now=2))
        logging.getLogger("uvicorn.error").warning("odd\x1b[2J\nindeed")
        logging.getLogger("watchfiles.main").info("unheard")
    written = capsys.readouterr().err
    assert written.isascii()
    assert "\x1b" not in written
    swap, other = _lines(written)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+00:00", str(swap.pop("time")))
    expected = {"level": "info", "event": "swap", "message": "release 2 is served", "before": 1, "now": 2}
    assert expected == swap
    assert ("other", "warning", "uvicorn.error", "odd\x1b[2J\nindeed") == tuple(
        other[name] for name in ("event", "level", "logger", "message")
    )


def test_json_has_problems_whole_and_their_number(capsys: pytest.CaptureFixture[str]) -> None:
    problems = [Problem("an-id", "wrong", "manifest.toml:1", "x\x07"), Problem("an-id", "wrong too")]
    tell_no_start(problems)
    first, second, last = _lines(capsys.readouterr().err)
    assert ("problem", "an-id", "manifest.toml:1", "x\x07") == tuple(
        first[name] for name in ("event", "reference", "where", "value")
    )
    assert ("problem", "wrong too") == (second["event"], second["message"])
    assert ("refused", 2, ["an-id"], "error") == tuple(last[name] for name in ("event", "problems", "ids", "level"))


def test_json_has_the_traceback_of_a_defect(capsys: pytest.CaptureFixture[str]) -> None:
    with logging_to_stderr("json"):
        try:
            raise RuntimeError("a defect")
        except RuntimeError:
            logger.exception("it failed")
    (line,) = _lines(capsys.readouterr().err)
    assert "RuntimeError: a defect" in str(line["traceback"])


def test_a_warning_before_the_start_is_no_error(capsys: pytest.CaptureFixture[str]) -> None:
    warning = Problem("an-id", "look here", warning=True)
    tell_problems([warning], "json")
    (line,) = _lines(capsys.readouterr().err)
    assert ("warning", True) == (line["level"], line["warning"])
    tell_problems([warning], "text")
    assert "warning: look here [an-id]\n" == capsys.readouterr().err


@pytest.mark.parametrize("form", LOG_FORMATS)
@pytest.mark.parametrize("number", [errno.EPIPE, errno.ENOSPC])
def test_a_log_that_nobody_takes_stops_nothing(monkeypatch: pytest.MonkeyPatch, form: LogFormat, number: int) -> None:
    """Whoever read stderr is gone, or its disk is full: what logs goes on."""
    monkeypatch.setattr(sys, "stderr", Refusing(number))
    with logging_to_stderr(form):
        logger.info("release 2 is served")
        logger.error("%s", Problem("an-id", "wrong"))


class Refusing(io.StringIO):
    """A stream that takes nothing."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self._number = number

    def write(self, _: str) -> int:
        raise OSError(self._number, os.strerror(self._number))


@pytest.mark.parametrize("name", ["start", "drain-begin", "drain-end"])
def test_people_are_told_of_start_and_drain(capsys: pytest.CaptureFixture[str], name: str) -> None:
    with logging_to_stderr():
        logger.info("it is so", extra=event(name))
    assert re.fullmatch(r"\d\d:\d\d:\d\d it is so\n", capsys.readouterr().err)


def test_a_terminal_that_shows_stdout_is_not_told_of_the_start_again(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for stream in (sys.stdout, sys.stderr):
        monkeypatch.setattr(stream, "isatty", lambda: True)
    with logging_to_stderr():
        logger.info("it has begun", extra=event("start"))
        logger.info("it ends", extra=event("drain-begin"))
    written = capsys.readouterr().err
    assert "it has begun" not in written
    assert "it ends" in written
