"""What RFC 9113 and RFC 7541 demand of a server: the cases of h2spec 2.6, by frames, over TLS, from both lanes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, closing
from dataclasses import replace

import pytest

from cdnserve.server.tls import Pair
from tests.certificates import Identity, identity
from tests.server.conformance import connections, frames, generic, hpack, messages
from tests.server.conftest import Built
from tests.server.http2_peer import Peer, Step
from tests.server.serving import LANES, PATIENCE, Served, serving, settings

TABLES = (generic.CASES, connections.CASES, frames.CASES, messages.CASES, hpack.CASES)
# RFC 9113 §5.3.2 deprecates priorities; a wrong frame about them does no more than a right one.
PASSED_OVER = {
    "http2/5.3.1/1": "RFC 7540 alone demands it, and zttp passes over priorities",
    "http2/5.3.1/2": "RFC 7540 alone demands it, and zttp passes over priorities",
    "http2/6.3/1": "zttp passes over priorities, those of no stream too",
}


def cases() -> Iterator[object]:
    """Yield a parameter for each case."""
    for (number, section, what), steps in (row for table in TABLES for row in table.items()):
        reason = PASSED_OVER.get(number)
        marks = [pytest.mark.xfail(strict=True, raises=AssertionError, reason=reason)] if reason else []
        # The preface (RFC 9113 §3.4) is what its own cases are about.
        yield pytest.param(section != "3.4", steps, id=f"{number}: {what} ({section})", marks=marks)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Identity:
    """A certificate for both."""
    return identity(tmp_path_factory.mktemp("tls"))


@pytest.fixture(scope="module")
def over_h2(built: Built, made: Identity, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Served]]:
    """A server of each lane; whatever they are sent, their logs stay quiet."""
    folder, pair = tmp_path_factory.mktemp("log"), Pair(made.certificate, made.key)
    wanted = {lane: replace(settings(built.root, built.state, lane), pair=pair, http2=True) for lane in LANES}
    with ExitStack() as stack:
        yield {lane: stack.enter_context(serving(wanted[lane], folder / f"{lane}.txt")) for lane in LANES}
    for lane in LANES:
        log = (folder / f"{lane}.txt").read_text(errors="replace")
        assert [] == [line for line in log.splitlines() if not line.startswith("INFO")]


@pytest.mark.parametrize(("shakes_hands", "steps"), list(cases()))
@pytest.mark.parametrize("lane", LANES)
def test_what_the_specification_demands(
    over_h2: dict[str, Served], made: Identity, lane: str, shakes_hands: bool, steps: tuple[Step, ...]
) -> None:
    with closing(Peer(over_h2[lane].address, made.client("h2"), PATIENCE)) as peer:
        if shakes_hands:
            peer.shake_hands()
        for step in steps:
            if isinstance(step, bytes):
                peer.send(step)
            else:
                step(peer)


def test_each_case_of_h2spec_is_there_once() -> None:
    """146, and two that it plays if it is asked to be strict."""
    numbers = [number for table in TABLES for number, _, _ in table]
    assert 146 + 2 == len(numbers) == len(set(numbers))
