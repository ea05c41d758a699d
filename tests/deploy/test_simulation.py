"""The simulation in docs/scale.md: it agrees with what is known of caches, and the table is the one that it prints."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from scripts.simulate_scale import HEAD, Load, Lru, Plan, Prices, Shares, main, row, simulate

PAGE = Path(__file__).parents[2] / "docs/scale.md"


def test_what_was_asked_for_least_lately_goes_first() -> None:
    cache = Lru(2)
    assert [False, False, True, False, False] == [cache.has(file) for file in (1, 2, 1, 3, 2)]


@pytest.mark.parametrize("zipf", [0.6, 1.0])
def test_an_edge_has_what_ches_approximation_says(zipf: float) -> None:
    """Che, Tung, Wang 2002: a file is there if it was asked for within the time in which as many others are."""
    files, room = 1_000, 100
    rates = [1 / rank**zipf for rank in range(1, files + 1)]
    low, high = 0.0, 1e9
    for _ in range(200):
        time = (low + high) / 2
        low, high = (time, high) if sum(1 - math.exp(-rate * time) for rate in rates) < room else (low, time)
    expected = sum(rate * (1 - math.exp(-rate * low)) for rate in rates) / sum(rates)
    found = simulate(Plan(files, zipf, edges=1, edge_room=room), 30_000)
    assert 1 - found.shield == pytest.approx(expected, abs=0.02)


def test_each_layer_gets_no_more_than_the_one_before() -> None:
    plain = simulate(Plan(1_000, edges=4, edge_room=50, replica_room=400), 10_000)
    shielded = simulate(Plan(1_000, edges=4, edge_room=50, shield_room=500, replica_room=400), 10_000)
    assert 1 > plain.shield == plain.origin > plain.store > 0
    assert shielded.shield == pytest.approx(plain.shield, abs=0.02)
    assert shielded.origin < plain.origin


def test_a_row() -> None:
    load, prices = Load(1000, 1_000_000, 100), Prices(1, 0.1, 0.01, 1, 10)
    cells = row("name", Shares(0.5, 0.25, 0.001), load, prices)
    # 2,592 million requests of a MB a month; 250 a second and one read a second behind the edges.
    assert ["name", "50.00%", "75.00%", "250", "2.00", "3", "1.0", "261,792", "6,513"] == cells


def test_the_page_has_the_head_and_the_plans_of_the_table() -> None:
    text = PAGE.read_text(encoding="utf-8")
    head, _, *rows = main(["--requests", "100", "--files", "100"]).splitlines()
    assert f"| {' | '.join(HEAD)} |" == head
    assert [] == [line for line in (head, *(row.split(" | ")[0] + " | " for row in rows)) if line not in text]
