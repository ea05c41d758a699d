"""The log of a running server on stderr: one line an event, for people or as JSON.

Never lets a client, a file name or an error write a control character.
"""

from __future__ import annotations

import json
import logging
import sys
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Literal

import click

from cdnserve.cli.command import as_objects, report
from cdnserve.cli.terminal import write
from cdnserve.errors import Problem
from cdnserve.server.access_log import START, refusal

LogFormat = Literal["text", "json"]
LOG_FORMATS: tuple[LogFormat, ...] = ("text", "json")

_STYLES = {logging.WARNING: "yellow", logging.ERROR: "red", logging.CRITICAL: "red"}


@contextmanager
def logging_to_stderr(form: LogFormat = "text") -> Iterator[None]:
    """Show what the server tells while the block runs, and what its libraries warn of."""
    handler, everybody, ours = _HANDLERS[form](), logging.getLogger(), logging.getLogger("cdnserve")
    before = ours.level
    everybody.addHandler(handler)
    ours.setLevel(logging.INFO)
    try:
        yield
    finally:
        ours.setLevel(before)
        everybody.removeHandler(handler)


def tell_problems(problems: Sequence[Problem], form: LogFormat) -> None:
    """Write problems in the form of the log, before there is a server that tells anything."""
    if form == "text":
        report(problems)
        return
    with logging_to_stderr(form):
        for problem in problems:
            logging.getLogger("cdnserve").log(_level(problem), "%s", problem)


def tell_no_start(problems: Sequence[Problem]) -> None:
    """Write as JSON why the server did not start."""
    tell_problems(problems, "json")
    with logging_to_stderr("json"):
        logging.getLogger("cdnserve").error("the server does not start", extra=refusal(problems))


def _level(problem: Problem) -> int:
    return logging.WARNING if problem.warning else logging.ERROR


def _problems(record: logging.LogRecord) -> list[Problem]:
    return [value for value in record.args or () if isinstance(value, Problem)]


def _sees_stdout() -> bool:
    """Return whether who reads the log also reads stdout, whose first lines say what START says."""
    return sys.stdout.isatty() and sys.stderr.isatty()


class _Log(logging.Handler, ABC):
    def emit(self, record: logging.LogRecord) -> None:
        # Whoever read stderr may have gone, as `| tee` has after Ctrl-C, or a disk is full: the server goes on.
        with suppress(OSError):
            self.tell(record)

    @abstractmethod
    def tell(self, record: logging.LogRecord) -> None: ...


class _Text(_Log):
    def __init__(self) -> None:
        super().__init__()
        self.setFormatter(logging.Formatter("%(asctime)s %(message)s", "%H:%M:%S"))

    def tell(self, record: logging.LogRecord) -> None:
        if getattr(record, "event", "") == START and _sees_stdout():
            return
        if problems := _problems(record):
            report(problems)
            return
        style = _STYLES.get(record.levelno, "dim")
        write([[(line, style)] for line in self.format(record).split("\n")], to_stderr=True)


class _Json(_Log):
    def tell(self, record: logging.LogRecord) -> None:
        head = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
        }
        if problems := _problems(record):
            for problem in as_objects(problems):
                _write_line({**head, "event": "problem", **problem})
            return
        event, facts = getattr(record, "event", "other"), getattr(record, "facts", {})
        line = {**head, "event": event, "message": record.getMessage(), **facts}
        if event == "other":
            line["logger"] = record.name
        if record.exc_info:
            line["traceback"] = logging.Formatter().formatException(record.exc_info)
        _write_line(line)


def _write_line(line: dict[str, object]) -> None:
    # In ASCII, so that whatever a name holds is escaped.
    click.echo(json.dumps(line), err=True)


_HANDLERS: Mapping[LogFormat, type[logging.Handler]] = MappingProxyType({"text": _Text, "json": _Json})
