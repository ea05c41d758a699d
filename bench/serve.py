"""`make bench`: what a request costs cdnserve, against nginx and others, in one interleaved run.

Prints for each case the CPU microseconds a request, requests a second, p50 and p99, and the ratio to nginx: above 1
means less CPU than nginx. The cases are a table in `bench.cases`.
"""

from __future__ import annotations

import argparse
import gzip
import json
import random
import re
import statistics
import sys
import tempfile
import urllib.request
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path

from bench.cases import CASES, COLD, EVERYONE, MANY, PAGES, TWO_WORKERS, Case, many_path
from bench.chart import bars
from bench.load import BROWSER, Asked, Measured, Order, measure, measure_h2, measure_once, request_script, settle
from bench.servers import SETUPS, Running, Setup, build, running

MANIFEST = """schema = 1
[site]
name = "bench"
[[publish]]
path = "npm/**"
cors = "any"
cache = "immutable"
[[publish]]
path = "partners/**"
cors = "partners"
cache = "immutable"
[cors.partners]
allow-origins = ["https://app.example.com"]
"""


def make_root(root: Path, assets: int) -> None:
    """Make the files that all servers have, and as many further small ones."""
    noise = random.Random(1)
    root.mkdir(parents=True)
    (root / "manifest.toml").write_text(MANIFEST)
    for folder in ("npm/one@1.0.0", "partners/1.0.0"):
        (root / folder).mkdir(parents=True)
        for name, size in {"1k": 1 << 10, "10k": 10 << 10, "70k": 70 << 10, "1m": 1 << 20, "16m": 16 << 20}.items():
            (root / folder / f"{name}.bin").write_bytes(noise.randbytes(size))
        text = b"".join(b"function f%d(a) { return a * %d; }\n" % (i, noise.randrange(10**9)) for i in range(2500))
        (root / folder / "30k.js").write_bytes(text)
        (root / folder / "30k.js.gz").write_bytes(gzip.compress(text, 9, mtime=0))
    for at in range(assets):
        place = root / many_path(at)[1:]
        place.parent.mkdir(exist_ok=True)
        place.write_bytes(noise.randbytes(1 << 10 if at < MANY else 256))


class Bench:
    """A folder for all that a run writes, and how long it measures."""

    def __init__(self, folder: Path, rounds: int, seconds: int) -> None:
        self.folder, self.rounds, self.seconds = folder, rounds, seconds

    def run(self, case: Case, servers: dict[str, Running]) -> dict[str, Measured]:
        """Measure every server in turn, round after round, and give the medians."""
        taken: dict[str, list[Measured]] = {name: [] for name in servers if name in case.servers}
        for at in range(self.rounds + 1):
            for name, measures in taken.items():
                measured = self.measure(case, servers[name], self.seconds if at else 1)
                if at:  # the first round warms up
                    measures.append(measured)
        return {name: _median(measures) for name, measures in taken.items()}

    def run_cold(self, case: Case, root: Path) -> dict[str, Measured]:
        """Measure servers that have just been started and are quiet, round after round, and give the medians."""
        taken: dict[str, list[Measured]] = {name: [] for name in case.servers}
        for at in range(self.rounds + 1):
            for name, measures in taken.items():
                with running([name], root, self.folder, setup=case.setup) as servers:
                    server = servers[name]
                    settle(server.pid)
                    measured = measure_once(server.pid, server.port, case.paths, case.connections)
                if at:  # the first round brings the files into the page cache
                    measures.append(measured)
        return {name: _median(measures) for name, measures in taken.items()}

    def measure(self, case: Case, server: Running, seconds: int) -> Measured:
        """Load a server with what a case asks for."""
        url = f"{'https' if case.setup == 'tls' else 'http'}://127.0.0.1:{server.port}{case.path}"
        fields = case.browser + case.fields + ((_condition(url),) if case.etag else ())
        if case.protocol == "h2":
            return measure_h2(server.pid, url, fields, case.requests, case.connections, case.streams)
        order: Order = "at random" if case.many else "in turn"
        asked = Asked(case.paths, case.method, case.status, order, case.varies)
        script = request_script(self.folder, re.sub("[^0-9A-Za-z]+", "-", case.name), asked)
        return measure(server.pid, url, script, fields, seconds, case.connections)


def _condition(url: str) -> str:
    request = urllib.request.Request(url, headers={"Accept-Encoding": "gzip, deflate, br, zstd"})
    with urllib.request.urlopen(request) as response:
        return f"If-None-Match: {response.headers['ETag']}"


def _median(measures: list[Measured]) -> Measured:
    middle = {field: statistics.median(getattr(m, field) for m in measures) for field in ("cpu", "rate", "p50", "p99")}
    return Measured(**middle, failed=sum(m.failed for m in measures))


@dataclass(frozen=True, slots=True)
class Result:
    """A case's ratios to nginx by server (above 1: less CPU a request), and the medians behind them."""

    name: str
    bar: float
    ratios: dict[str, float]
    medians: dict[str, Measured]

    @property
    def sound(self) -> dict[str, float]:
        """Return the ratios of the servers that gave the answer that the case is about."""
        return {name: ratio for name, ratio in self.ratios.items() if self.medians[name].failed == 0}

    @property
    def ratio(self) -> float:
        """Return cdnserve's own ratio, the bar itself where it was not measured."""
        return self.ratios.get("cdnserve", self.bar)

    @property
    def met(self) -> bool:
        """Return whether the bar was met, with no request failed."""
        return self.ratio >= self.bar and all(m.failed == 0 for n, m in self.medians.items() if n == "cdnserve")


def report(case: Case, medians: dict[str, Measured]) -> Result:
    """Print a case and give it as data."""
    base = medians["nginx"].cpu
    bar = f"  (bar {case.bar})" if case.bar else ""
    print(f"\n{case.name}{bar}\n  {'':34}{'CPU us':>9}{'req/s':>9}{'p50 ms':>9}{'p99 ms':>9}{'ratio':>8}")
    for name, m in medians.items():
        failed = f"   {m.failed} FAILED" if m.failed else ""
        print(f"  {name:34}{m.cpu:9.1f}{m.rate:9.0f}{m.p50:9.2f}{m.p99:9.2f}{base / m.cpu:8.2f}{failed}", flush=True)
    ratios = {name: round(base / m.cpu, 3) for name, m in medians.items()}
    return Result(case.name, case.bar, ratios, medians)


def run_catalogs(folder: Path, rounds: int, seconds: int) -> list[dict[str, object]]:
    """Ask the same things of catalogs of several sizes, side by side."""
    sizes = (10, 10_000, 100_000)
    rates: dict[int, list[float]] = {size: [] for size in sizes}
    roots = {size: folder / f"catalog-{size}" / "root" for size in sizes}
    for size, root in roots.items():
        make_root(root, size)
    script = request_script(folder, "same", Asked(tuple(many_path(at) for at in range(10))))
    with ExitStack() as stack:
        servers = {
            size: stack.enter_context(running(["cdnserve"], root, folder / f"run-{size}"))["cdnserve"]
            for size, root in roots.items()
        }
        for at in range(rounds + 1):
            for size, server in servers.items():
                url = f"http://127.0.0.1:{server.port}/"
                measured = measure(server.pid, url, script, BROWSER, seconds, 16)
                if at:
                    rates[size].append(measured.rate)
    medians = {size: statistics.median(values) for size, values in rates.items()}
    base = medians[sizes[0]]
    print("\nRequests a second by size of the catalog, as a ratio to 10 assets  (bar 0.95)")
    for size, rate in medians.items():
        print(f"  {size:44,}{rate / base:8.2f}", flush=True)
    return [{"assets": size, "ratio": round(rate / base, 3)} for size, rate in medians.items()]


def run_pages(bench: Bench) -> list[Result]:
    """Ask cdnserve for all of `PAGES` in turn; a ratio is the CPU of the first one divided by a case's."""
    taken: dict[str, list[Measured]] = {case.name: [] for case in PAGES}
    with running(["cdnserve"], bench.folder / "root", bench.folder) as servers:
        for at in range(bench.rounds + 1):
            for case in PAGES:
                measured = bench.measure(case, servers["cdnserve"], bench.seconds)
                if at:
                    taken[case.name].append(measured)
    medians = {case: _median(measures) for case, measures in taken.items()}
    base = medians[PAGES[0].name].cpu
    print("\nPages, as a ratio to a 404: above 1 is less CPU")
    results = []
    for case in PAGES:
        ratio = round(base / medians[case.name].cpu, 3)
        results.append(Result(case.name, case.bar, {"cdnserve": ratio}, {"cdnserve": medians[case.name]}))
        print(f"  {case.name:44}{ratio:8.2f}{f'  (bar {case.bar})' if case.bar else ''}", flush=True)
    return results


def run_setup(bench: Bench, setup: Setup, cases: list[Case], names: list[str], workers: int = 1) -> list[Result]:
    """Run the cases that have a setup."""
    mine = [case for case in cases if case.setup == setup and not case.once]
    wanted = [name for name in names if any(name in case.servers for case in mine)]
    with running(wanted, bench.folder / "root", bench.folder, workers, setup) as servers:
        return [report(case, bench.run(case, servers)) for case in mine]


def run_all(bench: Bench, cases: list[Case], names: list[str], *, catalogs: bool) -> list[Result]:
    """Run all cases; the results are in the order of the table."""
    results = [result for setup in SETUPS for result in run_setup(bench, setup, cases, names)]
    if any(case.once for case in cases):
        root = bench.folder / "cold" / "root"
        make_root(root, COLD)
        build(root)
        results += [report(case, bench.run_cold(case, root)) for case in cases if case.once]
    order = [case.name for case in cases]
    results.sort(key=lambda result: order.index(result.name))
    if catalogs:
        results += run_setup(bench, "plain", list(TWO_WORKERS), ["nginx", "cdnserve"], workers=2)
    return results


def main() -> None:
    """Run the cases and write the results."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=2)
    parser.add_argument("--case", action="append", help="only cases whose name begins so, or pages")
    parser.add_argument("--server", action="append", help="only these, and nginx", choices=EVERYONE)
    parser.add_argument("--no-catalogs", action="store_true", help="neither catalogs of several sizes nor two workers")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--chart", type=Path)
    options = parser.parse_args()
    names = [name for name in EVERYONE if not options.server or name in {"nginx", *options.server}]
    cases = [case for case in CASES if not options.case or case.name.startswith(tuple(options.case))]
    with tempfile.TemporaryDirectory(prefix="cdnserve-bench-") as temporary:
        folder = Path(temporary)
        make_root(folder / "root", MANY)
        bench = Bench(folder, options.rounds, options.seconds)
        results = run_all(bench, cases, names, catalogs=not options.no_catalogs)
        wants_pages = not options.case or any("pages".startswith(name) for name in options.case)
        pages = run_pages(bench) if wants_pages else []
        catalogs = [] if options.no_catalogs else run_catalogs(folder, options.rounds, options.seconds)
    if options.json:
        options.json.write_text(
            json.dumps(
                {"cases": [asdict(r) for r in results], "pages": [asdict(r) for r in pages], "catalogs": catalogs},
                indent=1,
            )
            + "\n"
        )
    if options.chart:
        options.chart.write_text(bars({result.name: result.sound for result in results}))
    missed = [case for case in (*results, *pages) if not case.met]
    verdict = "\n".join(f"MISSED: {case.name}, {case.ratio} < {case.bar}" for case in missed)
    print(f"\n{verdict or 'every bar is met'}")
    sys.exit(1 if missed else 0)


if __name__ == "__main__":
    main()
