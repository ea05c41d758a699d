"""Shared metrics: rows that any process reads, and that outlive who wrote them."""

from __future__ import annotations

import multiprocessing

from hypothesis import given
from hypothesis import strategies as st

from cdnserve.server.metrics_shared import OTHER, SharedMetrics, SupervisorMetrics

LABEL = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=20)


def test_a_row_is_found_again_by_its_key() -> None:
    shared = SharedMetrics(2)
    first, again = shared.block(1), shared.block(1)
    first.values[first.cell("responses", "200", "any")] += 2
    again.values[shared.block(1).cell("responses", "200", "any")] += 1
    other = shared.block(2)
    other.values[other.cell("responses", "200", "any")] += 5
    assert [{}, {("responses", "200", "any"): 3}, {("responses", "200", "any"): 5}] == shared.read()


@given(st.lists(st.tuples(LABEL, LABEL), unique=True, max_size=50))
def test_every_key_has_its_own_row(keys: list[tuple[str, str]]) -> None:
    shared = SharedMetrics()
    block = shared.block(1)
    for at, key in enumerate(keys):
        block.values[block.cell(*key)] = at
    assert {key: at for at, key in enumerate(keys)} == shared.read()[1]


def test_too_many_rows_share_one() -> None:
    shared = SharedMetrics()
    block = shared.block(1)
    for at in range(10_000):
        block.values[block.cell("responses", str(at), "x")] += 1
    block.values[block.cell("late")] += 1
    rows = shared.read()[1]
    assert 10_000 == sum(amount for key, amount in rows.items() if key[0] == "responses")
    assert rows["responses", OTHER, OTHER] == 10_000 - (len(rows) - 2)
    assert 3000 < len(rows) < 4096
    assert rows["late",] == 1


def test_a_key_that_is_too_long_is_cut() -> None:
    shared = SharedMetrics()
    block = shared.block(1)
    block.values[block.cell("name", "ü" * 200)] = 1
    ((name, label),) = shared.read()[1]
    assert name == "name"
    assert set(label[:50]) == {"ü"}


def test_what_the_supervisor_found_damaged_is_known_to_whoever_reads() -> None:
    shared = SharedMetrics()
    writer, reader = SupervisorMetrics(shared), SupervisorMetrics(shared)
    assert 0 == reader.times_damaged("ab")
    writer.count_damage("ab")
    assert (1, 0) == (reader.times_damaged("ab"), reader.times_damaged("cd"))
    writer.count_damage("ab")
    writer.count_damage("cd")
    assert (2, 1) == (reader.times_damaged("ab"), reader.times_damaged("cd"))
    assert 3 == shared.read()[0]["damage",]


def test_what_there_is_no_room_for_counts_for_every_blob() -> None:
    shared = SharedMetrics()
    writer, reader = SupervisorMetrics(shared), SupervisorMetrics(shared)
    for at in range(4096):
        writer.count_damage(f"{at:064x}")
    before = reader.times_damaged("ab")
    assert before > 0
    writer.count_damage("f" * 64)
    assert before + 1 == reader.times_damaged("ab")


def _add(shared: SharedMetrics, worker: int) -> None:
    block = shared.block(worker)
    block.values[block.cell("seen")] += worker


def test_other_processes_write_it() -> None:
    shared = SharedMetrics.shared(2)
    context = multiprocessing.get_context("spawn")
    for worker in (1, 2, 2):
        process = context.Process(target=_add, args=(shared, worker))
        process.start()
        process.join()
        assert process.exitcode == 0
    assert [{}, {("seen",): 1}, {("seen",): 4}] == shared.read()
