"""The log of a running server, for people: one line an event on stderr, problems as every command shows them.

Never lets a client, a file name or an error write a control character.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from cdnserve.cli.problems import report
from cdnserve.cli.terminal import write
from cdnserve.errors import Problem

_STYLES = {logging.WARNING: "yellow", logging.ERROR: "red", logging.CRITICAL: "red"}


@contextmanager
def logging_to_stderr() -> Iterator[None]:
    """Show what the server tells while the block runs, and what its libraries warn of."""
    handler, everybody, ours = _Handler(), logging.getLogger(), logging.getLogger("cdnserve")
    before = ours.level
    everybody.addHandler(handler)
    ours.setLevel(logging.INFO)
    try:
        yield
    finally:
        ours.setLevel(before)
        everybody.removeHandler(handler)


class _Handler(logging.Handler):
    def __init__(self) -> None:
        super().__init__()
        self.setFormatter(logging.Formatter("%(asctime)s %(message)s", "%H:%M:%S"))

    def emit(self, record: logging.LogRecord) -> None:
        problems = [value for value in record.args or () if isinstance(value, Problem)]
        if problems:
            report(problems)
            return
        style = _STYLES.get(record.levelno, "dim")
        write([[(line, style)] for line in self.format(record).split("\n")], to_stderr=True)
