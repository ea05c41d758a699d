"""The lane: what the connections of one worker share.

Never outlives the worker, and never mixes releases: its answers are those of one.
"""

from __future__ import annotations

from email.utils import formatdate

from cdnserve.server.access_log import AccessLog
from cdnserve.server.answers import Answers
from cdnserve.server.limits import Limits
from cdnserve.server.live import Live
from cdnserve.server.wire import Openings


class Lane:
    """What the connections of one worker share."""

    def __init__(self, live: Live, limits: Limits, log: AccessLog | None = None) -> None:
        self.live = live
        self.limits = limits
        self.log = log
        self.openings = Openings()
        self.tick = 0
        self.beat()
        self.renew_answers()
        live.on_swap(self.renew_answers)

    def renew_answers(self) -> None:
        """Begin anew with the release that is live."""
        self.answers = Answers(self.live, self.openings, self.limits.memory)

    def beat(self) -> None:
        """Begin a new second: connections see the time pass, responses get its Date (RFC 9110 §6.6.1)."""
        self.tick += 1
        self.openings.renew(f"date: {formatdate(usegmt=True)}\r\n".encode("ascii"))
        if self.log:
            self.log.beat()
