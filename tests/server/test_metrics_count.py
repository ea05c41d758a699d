"""The meter: what a worker counts, and when its block has it."""

from __future__ import annotations

from dataclasses import dataclass

from cdnserve.server.metrics_count import BOUNDS, UNTIMED, CountedResponse, Meter, Tally
from cdnserve.server.metrics_shared import Key, SharedMetrics


@dataclass(slots=True)
class Prepared:
    tally: Tally
    hits: int = 0
    timed: int = 0


def make() -> tuple[SharedMetrics, Meter]:
    shared = SharedMetrics()
    return shared, Meter(shared.block(1))


def rows(shared: SharedMetrics, name: str) -> dict[Key, float]:
    return {key[1:]: amount for key, amount in shared.read()[1].items() if key[0] == name and amount}


def test_a_tally_is_all_that_a_response_adds() -> None:
    shared, meter = make()
    meter.add(meter.tally("fast", CountedResponse(200, "any", "br"), 100), 3)
    meter.add(meter.tally("asgi", CountedResponse(403, "partners", preflight="refused"), 0))
    meter.add(meter.tally("asgi", CountedResponse(200, "partners", "identity", refused_by="2"), 7))
    assert {
        ("200", "any", "br", "fast"): 3,
        ("403", "partners", "-", "asgi"): 1,
        ("200", "partners", "identity", "asgi"): 1,
    } == rows(shared, "responses")
    assert {("any", "br"): 300, ("partners", "identity"): 7} == rows(shared, "octets")
    assert {("partners", "refused"): 1} == rows(shared, "preflights")
    assert {("2", "partners"): 1} == rows(shared, "origin_refusals")


def test_prepared_answers_are_in_the_block_when_settled() -> None:
    """As the fast lane does: it times one in so many, and those alike stand by it."""
    shared, meter = make()
    answer = Prepared(meter.tally("fast", CountedResponse(200, "any", "identity"), 10))
    for _ in range(150):
        if answer.hits & UNTIMED:
            answer.hits += 1
        else:
            meter.count(answer, 0.002)
    assert {} == rows(shared, "responses")
    meter.settle()
    assert {("200", "any", "identity", "fast"): 150} == rows(shared, "responses")
    assert {("fast", str(BOUNDS[1])): 150} == rows(shared, "duration")
    assert round(rows(shared, "duration_sum")["fast",], 6) == 0.3
    assert (0, 0) == (answer.hits, answer.timed)
    meter.settle()
    assert {("fast", str(BOUNDS[1])): 150} == rows(shared, "duration")


def test_a_duration_is_in_the_bucket_of_its_bound() -> None:
    shared, meter = make()
    for seconds in (0, BOUNDS[0], BOUNDS[0] + 1e-9, BOUNDS[-1], BOUNDS[-1] + 1):
        meter.asgi.add(seconds)
    found = rows(shared, "duration")
    assert [2, 1, 1, 1] == [found["asgi", bound] for bound in (*map(str, (*BOUNDS[:2], BOUNDS[-1])), "+Inf")]


def test_connections_are_as_they_are_when_settled() -> None:
    shared, meter = make()
    meter.connections = lambda: [True, False, False]
    meter.settle()
    assert {("active",): 1, ("idle",): 2} == rows(shared, "connections")
    meter.connections = tuple
    meter.settle()
    assert {} == rows(shared, "connections")


def test_who_takes_a_place_counts_on() -> None:
    shared, meter = make()
    meter.add(meter.tally("fast", CountedResponse(200), 0))
    heir = Meter(shared.block(1))
    heir.add(heir.tally("fast", CountedResponse(200), 0))
    heir.accept()
    heir.refuse()
    assert {("200", "-", "-", "fast"): 2} == rows(shared, "responses")
    assert ({(): 1}, {(): 1}) == (rows(shared, "accepted"), rows(shared, "refused"))
