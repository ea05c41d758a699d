"""`make bench`: what a request costs cdnserve, against nginx and others, in one interleaved run.

Prints for each case the CPU microseconds a request, requests a second, p50 and p99, and the ratio to nginx: above 1
means less CPU than nginx.
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

from bench.chart import bars
from bench.load import BROWSER, Measured, measure, request_script
from bench.servers import SERVERS, Running, running

EVERYONE = tuple(SERVERS)
ABLE = ("nginx", "cdnserve")
ASKS = "Access-Control-Request-Method: GET"


@dataclass(frozen=True, slots=True)
class Case:
    """One kind of request; `bar` is the least ratio to nginx that cdnserve promises."""

    name: str
    path: str
    bar: float = 0.0
    status: int = 200
    method: str = "GET"
    fields: tuple[str, ...] = ()
    etag: bool = False
    servers: tuple[str, ...] = EVERYONE
    connections: int = 16


CASES = (
    Case("1 KB", "/npm/one@1.0.0/1k.bin", 1.0),
    Case("10 KB", "/npm/one@1.0.0/10k.bin", 1.0),
    Case("70 KB", "/npm/one@1.0.0/70k.bin", 1.0),
    Case("30 KB, precompressed", "/npm/one@1.0.0/30k.js", servers=(*ABLE, "caddy", "whitenoise")),
    Case("304", "/npm/one@1.0.0/1k.bin", 1.0, 304, etag=True),
    Case("404 inside a rule", "/npm/one@1.0.0/none.js", 0.8, 404),
    Case(
        "preflight", "/npm/one@1.0.0/1k.bin", 0.8, 204, "OPTIONS", ("Access-Control-Request-Method: GET",), servers=ABLE
    ),
    Case("allow-list origin", "/partners/1.0.0/1k.bin", servers=ABLE),
    Case("1 MB", "/npm/one@1.0.0/1m.bin", 0.7),
    Case("16 MB", "/npm/one@1.0.0/16m.bin", 0.7, connections=4),
    Case("1 KB, one request a connection", "/npm/one@1.0.0/1k.bin", fields=("Connection: close",)),
)
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
        place = root / "npm" / f"many@{at // 1000}.0.0"
        place.mkdir(exist_ok=True)
        (place / f"{at % 1000}.bin").write_bytes(noise.randbytes(256))


def run_case(case: Case, servers: dict[str, Running], folder: Path, rounds: int, seconds: int) -> dict[str, Measured]:
    """Measure every server in turn, round after round, and give the medians."""
    taken: dict[str, list[Measured]] = {name: [] for name in servers if name in case.servers}
    name = re.sub("[^0-9A-Za-z]+", "-", case.name)
    script = request_script(folder, name, (case.path,), case.method, case.status)
    for at in range(rounds + 1):
        for name, measures in taken.items():
            server = servers[name]
            url = f"http://127.0.0.1:{server.port}{case.path}"
            fields = BROWSER + case.fields + ((_condition(url),) if case.etag else ())
            measured = measure(server.pid, url, script, fields, seconds if at else 1, case.connections)
            if at:  # the first round warms up
                measures.append(measured)
    return {name: _median(measures) for name, measures in taken.items()}


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
    """Ask the same things of catalogs of several sizes, side by side, and spread over all of the largest."""
    sizes = (10, 10_000, 100_000)
    rates: dict[str, list[float]] = {}
    roots = {size: folder / f"catalog-{size}" / "root" for size in sizes}
    for size, root in roots.items():
        make_root(root, size)
    asked = {
        "same": tuple(f"/npm/many@0.0.0/{at}.bin" for at in range(10)),
        "spread": tuple(f"/npm/many@{at // 1000}.0.0/{at % 1000}.bin" for at in range(0, 100_000, 7)),
    }
    scripts = {name: request_script(folder, name, paths, "GET", 200) for name, paths in asked.items()}
    servers: dict[int, Running] = {}
    with ExitStack() as stack:
        for size, root in roots.items():
            servers[size] = stack.enter_context(running(["cdnserve"], root, folder / f"run-{size}"))["cdnserve"]
        for at in range(rounds + 1):
            for size, server in servers.items():
                for name in ("same", "spread") if size == max(sizes) else ("same",):
                    url = f"http://127.0.0.1:{server.port}/"
                    measured = measure(server.pid, url, scripts[name], BROWSER, seconds, 16)
                    if at:
                        rates.setdefault(f"{size} assets, {name} requests", []).append(measured.rate)
    medians = {name: statistics.median(values) for name, values in rates.items()}
    base = medians["10 assets, same requests"]
    print("\nRequests a second by size of the catalog, as a ratio to 10 assets  (bar 0.95 for the same requests)")
    for name, rate in medians.items():
        print(f"  {name:44}{rate / base:8.2f}", flush=True)
    return [{"catalog": name, "ratio": round(rate / base, 3)} for name, rate in medians.items()]


def main() -> None:
    """Run the cases and write the results."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=2)
    parser.add_argument("--case", action="append", help="only cases whose name begins so")
    parser.add_argument("--server", action="append", help="only these, and nginx", choices=EVERYONE)
    parser.add_argument("--no-catalogs", action="store_true")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--chart", type=Path)
    options = parser.parse_args()
    names = [name for name in EVERYONE if not options.server or name in {"nginx", *options.server}]
    cases = [case for case in CASES if not options.case or case.name.startswith(tuple(options.case))]
    with tempfile.TemporaryDirectory(prefix="cdnserve-bench-") as temporary:
        folder = Path(temporary)
        make_root(folder / "root", 10)
        with running(names, folder / "root", folder) as servers:
            results = [report(c, run_case(c, servers, folder, options.rounds, options.seconds)) for c in cases]
        with running(["nginx", "cdnserve"], folder / "root", folder, workers=2) as servers:
            two = [Case(f"{c.name}, 2 workers", c.path, servers=ABLE) for c in cases if c.name in ("1 KB", "70 KB")]
            results += [report(c, run_case(c, servers, folder, options.rounds, options.seconds)) for c in two]
        catalogs = [] if options.no_catalogs else run_catalogs(folder, options.rounds, options.seconds)
    if options.json:
        options.json.write_text(
            json.dumps({"cases": [asdict(r) for r in results], "catalogs": catalogs}, indent=1) + "\n"
        )
    if options.chart:
        options.chart.write_text(bars({result.name: result.sound for result in results}))
    missed = [case for case in results if not case.met]
    verdict = "\n".join(f"MISSED: {case.name}, {case.ratio} < {case.bar}" for case in missed)
    print(f"\n{verdict or 'every bar is met'}")
    sys.exit(1 if missed else 0)


if __name__ == "__main__":
    main()
