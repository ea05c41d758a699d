"""`python -m bench.es_modules`: what `add react react-dom --esm` costs, against the esbuild that it runs.

In turns, each time in a new project: with tarballs and esbuild in the cache; with the modules there, too; and without
`--esm`. Needs an npm registry. A ratio is the CPU time of everything (or its time by the clock) divided by that of all
runs of esbuild of the same turn; what is printed are medians.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

SPECS = ("react", "react-dom")
BAR = 2.0
# All children of the command are runs of esbuild; two may go on at once.
COMMAND = """
import json, os, resource, sys, time
from cdnserve.npm import esbuild

began, runs, run = time.monotonic(), [], esbuild.Esbuild.run

def timed(*arguments):
    start = time.monotonic()
    try:
        return run(*arguments)
    finally:
        runs.append(time.monotonic() - start)

esbuild.Esbuild.run = timed
report = os.open(sys.argv.pop(1), os.O_WRONLY | os.O_CREAT)
from cdnserve.cli.main import main
try:
    main()
finally:
    own, inner = (resource.getrusage(one) for one in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    cpu = [one.ru_utime + one.ru_stime for one in (own, inner)]
    os.write(report, json.dumps([*cpu, time.monotonic() - began, sum(runs)]).encode())
"""
"""Runs a command of cdnserve, and writes what it took into the file that is named first."""


@dataclass(frozen=True, slots=True)
class Cost:
    """What one command took, in seconds: CPU of its own, CPU of esbuild, by the clock, and that of esbuild's runs."""

    own: float
    esbuild: float
    clock: float
    runs: float


def run(folder: Path, cache: Path, *options: str) -> Cost:
    """Add the libraries to a new project."""
    project = Path(tempfile.mkdtemp(dir=folder))
    report = project / "report"
    # Without bytecode a start takes twice as long; what pip installs has it.
    environment = {**os.environ, "CDNSERVE_CACHE": str(cache), "PYTHONPYCACHEPREFIX": str(folder / "bytecode")}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    subprocess.run(
        [sys.executable, "-c", COMMAND, str(report), "add", *SPECS, *options],
        cwd=project,
        env=environment,
        check=True,
        capture_output=True,
    )
    cost = Cost(*json.loads(report.read_bytes()))
    shutil.rmtree(project)
    return cost


def measured(folder: Path, rounds: int) -> dict[str, tuple[float, float]]:
    """Return the median ratios of CPU and clock for each case."""
    cache = folder / "cache"
    ratios: dict[str, list[tuple[float, float]]] = {}
    for at in range(rounds + 1):
        shutil.rmtree(cache / "modules", ignore_errors=True)
        first, again, plain = run(folder, cache, "--esm"), run(folder, cache, "--esm"), run(folder, cache)
        assert not again.esbuild  # noqa: S101 - or the cache was no use
        # The first round fills the cache.
        for name, one in (("made", first), ("from the cache", again), ("without --esm", plain)) if at else ():
            ratio = ((one.own + one.esbuild) / first.esbuild, one.clock / first.runs)
            ratios.setdefault(name, []).append(ratio)
    return {
        name: (statistics.median(cpu for cpu, _ in several), statistics.median(clock for _, clock in several))
        for name, several in ratios.items()
    }


def main() -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        found = measured(Path(folder), parser.parse_args().rounds)
    print(f"add {' '.join(SPECS)} --esm against its runs of esbuild (bar {BAR})\n\n| | CPU | clock |\n|---|---|---|")
    for name, (cpu, clock) in found.items():
        print(f"| {name} | {cpu:.2f} | {clock:.2f} |")


if __name__ == "__main__":
    main()
