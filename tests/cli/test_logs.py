"""The log of a running server."""

from __future__ import annotations

import logging
import re

import pytest

from cdnserve.cli.logs import logging_to_stderr
from cdnserve.errors import Problem

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
