"""What each layer before and behind replicas gets of so many requests: `python scripts/simulate_scale.py --help`.

Requests ask for files by Zipf's law. Edges, a shield before the origin, and replicas keep what was asked for lately
(LRU), so what one layer lacks is what the next one gets. The table is for a rate; prices are assumptions of yours.
"""

from __future__ import annotations

import argparse
import math
import random
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate

_MONTH = 30 * 86_400
_MILLION = 1_000_000


class Lru:
    """A cache of so many files, at first the most popular ones; what was asked for least lately goes first."""

    def __init__(self, room: int, files: int = 0) -> None:
        self._room = room
        self._kept: OrderedDict[int, None] = OrderedDict.fromkeys(reversed(range(min(room, files))))

    def has(self, file: int) -> bool:
        """Ask for a file, which is kept from then on; return whether it was."""
        known = file in self._kept
        self._kept[file] = None
        self._kept.move_to_end(file)
        if len(self._kept) > self._room:
            self._kept.popitem(last=False)
        return known


@dataclass(frozen=True, slots=True)
class Plan:
    """How many files of which popularity, and how much of them each layer has room for; a shield of 0 is none."""

    files: int = 20_000
    zipf: float = 1.1
    edges: int = 20
    edge_room: int = 2_000
    shield_room: int = 0
    replicas: int = 3
    replica_room: int = 20_000


@dataclass(frozen=True, slots=True)
class Shares:
    """The parts of all requests that get so far."""

    shield: float
    origin: float
    store: float


def simulate(plan: Plan, requests: int, seed: int = 1) -> Shares:
    """Return what gets through, of so many requests after as many that bring the caches to their ordinary state."""
    rng = random.Random(seed)
    edges = [Lru(plan.edge_room, plan.files) for _ in range(plan.edges)]
    shield = Lru(plan.shield_room, plan.files) if plan.shield_room else None
    replicas = [Lru(plan.replica_room, plan.files) for _ in range(plan.replicas)]
    at_shield = at_origin = at_store = 0
    for turn, file in enumerate(_asked(plan, 2 * requests, rng)):
        counts = turn >= requests
        if rng.choice(edges).has(file):
            continue
        at_shield += counts
        if shield and shield.has(file):
            continue
        at_origin += counts
        at_store += counts and not rng.choice(replicas).has(file)
    return Shares(at_shield / requests, at_origin / requests, at_store / requests)


def _asked(plan: Plan, count: int, rng: random.Random) -> Iterator[int]:
    weights = list(accumulate(1 / rank**plan.zipf for rank in range(1, plan.files + 1)))
    while count > 0:
        yield from rng.choices(range(plan.files), cum_weights=weights, k=min(count, 100_000))
        count -= 100_000


@dataclass(frozen=True, slots=True)
class Prices:
    """What is paid, in one currency: for a million requests and a GB at the edge, for a million reads, for a core."""

    edge_million: float = 0.5
    edge_gb: float = 0.02
    origin_gb: float = 0.05
    read_million: float = 0.4
    core_month: float = 30.0


@dataclass(frozen=True, slots=True)
class Load:
    """Requests a second, octets of each, and how many of them a core of the origin answers at half of its time."""

    rate: float = 1_000_000.0
    octets: int = 30_000
    core_rate: float = 10_000.0


def row(name: str, shares: Shares, load: Load, prices: Prices) -> list[str]:
    """Return what the table says of one plan."""
    origin, reads = load.rate * shares.origin, load.rate * shares.store
    cores = max(2, math.ceil(origin / load.core_rate))
    gigabytes = load.octets * _MONTH / 1e9
    edge = load.rate * (_MONTH / _MILLION * prices.edge_million + gigabytes * prices.edge_gb)
    behind = origin * gigabytes * prices.origin_gb + reads * _MONTH / _MILLION * prices.read_million
    numbers = (f"{origin:,.0f}", f"{origin * load.octets * 8 / 1e9:,.2f}", f"{cores}", f"{reads:,.1f}")
    cost = (f"{edge:,.0f}", f"{behind + cores * prices.core_month:,.0f}")
    return [name, f"{1 - shares.shield:.2%}", f"{1 - shares.origin:.2%}", *numbers, *cost]


HEAD = (
    *("plan", "edges have", "edges and shield have", "origin, requests/s", "origin, Gbit/s", "cores"),
    *("store, reads/s", "edges, a month", "behind them, a month"),
)


def table(rows: Sequence[Sequence[str]]) -> str:
    """Return rows as Markdown, the first of them as its head."""
    head, *rest = (f"| {' | '.join(cells)} |" for cells in rows)
    return "\n".join([head, "|---|" + "---:|" * (len(rows[0]) - 1), *rest])


def plans(plan: Plan) -> dict[str, Plan]:
    """Return a plan, and what each change of it would do."""
    more = {"edge_room": plan.edge_room * 4}
    shield = {"shield_room": plan.files // 2}
    given = {name: getattr(plan, name) for name in Plan.__slots__}
    return {
        "as given": plan,
        "edges with 4 times the room": Plan(**given | more),
        "with a shield": Plan(**given | shield),
        "both": Plan(**given | more | shield),
        "both, and replicas with an eighth of the room": Plan(
            **given | more | shield | {"replica_room": plan.replica_room // 8}
        ),
    }


def main(arguments: Sequence[str] | None = None) -> str:
    """Return the table for what the command line says."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    for values in (Plan(), Load(), Prices()):
        for name in values.__slots__:
            default = getattr(values, name)
            parser.add_argument(f"--{name.replace('_', '-')}", type=type(default), default=default, help=" ")
    parser.add_argument("--requests", type=int, default=400_000, help="how many are simulated, after as many before")
    chosen = vars(parser.parse_args(arguments))
    requests = chosen.pop("requests")
    plan = Plan(**{name: chosen[name] for name in Plan.__slots__})
    load = Load(**{name: chosen[name] for name in Load.__slots__})
    prices = Prices(**{name: chosen[name] for name in Prices.__slots__})
    found = {name: simulate(one, requests) for name, one in plans(plan).items()}
    return table([HEAD, *(row(name, shares, load, prices) for name, shares in found.items())])


if __name__ == "__main__":
    print(main())
