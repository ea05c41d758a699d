"""Events of a running server: what a log of JSON says besides the text for people.

Never decides how an event is written: the handlers of the logger do.
"""

from __future__ import annotations

from collections.abc import Iterable

from cdnserve.errors import Problem

START = "start"
ADMIN = "admin"
BUILD = "build"
REFUSED = "refused"
RECOVERED = "recovered"
WAITING = "waiting"
SWAP = "swap"
CERTIFICATE = "certificate"
CERTIFICATE_REFUSED = "certificate-refused"
WORKER_REPLACED = "worker-replaced"
SHUTDOWN_DELAY = "shutdown-delay"
DRAIN_BEGIN = "drain-begin"
DRAIN_CUT = "drain-cut"
DRAIN_END = "drain-end"
DESCRIPTORS = "descriptors"


def event(name: str, **facts: object) -> dict[str, object]:
    """Give what a logger takes as `extra`: the event's name and its facts, all of which JSON can hold.

    >>> event("swap", before=1, now=2)
    {'event': 'swap', 'facts': {'before': 1, 'now': 2}}
    """
    return {"event": name, "facts": facts}


def refusal(problems: Iterable[Problem]) -> dict[str, object]:
    """Give the event of a build that was refused: how many problems there are, and their ids."""
    ids = [problem.reference for problem in problems]
    return event(REFUSED, problems=len(ids), ids=sorted(set(ids)))
