"""Load and cost: requests as a browser sends them, and what they cost the server's processes.

Never reports an absolute time alone: what counts is the ratio of two servers in one run.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

SERVER_CORE, CLIENT_CORE = 0, 1
Order = Literal["in turn", "at random"]
# A server that takes less than this part of a core does nothing, and so long it is looked at.
_QUIET, _LOOK_SECONDS = 0.02, 0.5

# What Chromium sends for a module of another origin (Host is wrk's own): 13 fields in all.
BROWSER = (
    "User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36",
    "Accept: */*",
    "Accept-Encoding: gzip, deflate, br, zstd",
    "Accept-Language: en-US,en;q=0.9",
    "Origin: https://app.example.com",
    "Referer: https://app.example.com/",
    "Sec-Fetch-Dest: script",
    "Sec-Fetch-Mode: cors",
    "Sec-Fetch-Site: cross-site",
    'Sec-CH-UA: "Chromium";v="140", "Not=A?Brand";v="24"',
    "Sec-CH-UA-Mobile: ?0",
    'Sec-CH-UA-Platform: "Linux"',
)

# What it sends for a page, of the site where the link to it was.
NAVIGATION = (
    *(line for line in BROWSER if not line.startswith(("Accept:", "Origin:", "Referer:", "Sec-Fetch-"))),
    "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,image/apng,*/*;q=0.8",
    "Referer: http://127.0.0.1/-/",
    "Sec-Fetch-Dest: document",
    "Sec-Fetch-Mode: navigate",
    "Sec-Fetch-Site: same-origin",
    "Sec-Fetch-User: ?1",
    "Upgrade-Insecure-Requests: 1",
)


@dataclass(frozen=True, slots=True)
class Measured:
    """One run: CPU microseconds of the server a request, requests a second, milliseconds at p50 and p99."""

    cpu: float
    rate: float
    p50: float
    p99: float
    failed: int


def measure(pid: int, url: str, script: Path, fields: tuple[str, ...], seconds: int, connections: int) -> Measured:
    """Load a server with wrk from the client's core."""
    command = ["taskset", "-c", str(CLIENT_CORE), "wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--latency"]
    command += ["--script", str(script)]
    for line in fields:
        command += ["--header", line]
    before = cpu_seconds(pid)
    done = subprocess.run([*command, url], capture_output=True, text=True, check=True)
    spent = cpu_seconds(pid) - before
    if done.stderr:  # wrk goes on without a program that it can't read
        raise SystemExit(done.stderr)
    return _read(done.stdout, spent)


def measure_h2(pid: int, url: str, fields: tuple[str, ...], requests: int, connections: int, streams: int) -> Measured:
    """Load a server with h2load from the client's core, over HTTP/2 with so many requests and streams a connection.

    A server may want a new connection after a thousand requests; h2load doesn't make one.
    """
    command = ["taskset", "-c", str(CLIENT_CORE), "h2load", "-t1", f"-c{connections}", f"-m{streams}"]
    command += [f"-n{requests * connections}"]
    for line in fields:
        command += ["--header", line]
    before = cpu_seconds(pid)
    done = subprocess.run([*command, url], capture_output=True, text=True, check=True)
    spent = cpu_seconds(pid) - before
    answered, failed = _number(r"(\d+) succeeded", done.stdout), _number(r"(\d+) failed", done.stdout)
    rate = _number(r"finished in .*, ([0-9.]+) req/s", done.stdout)
    middle = _milliseconds(re.search(r"time for request: +\S+ +\S+ +([0-9.]+)(us|ms|s)", done.stdout))
    # h2load tells the mean and the longest, no percentiles.
    longest = _milliseconds(re.search(r"time for request: +\S+ +([0-9.]+)(us|ms|s)", done.stdout))
    return Measured(spent / max(answered, 1) * 1e6, rate, middle, longest, int(failed))


def settle(pid: int) -> None:
    """Wait until a server does next to nothing: what it does as it starts is no request's."""
    deadline, before = time.monotonic() + 30, -1.0
    while (spent := cpu_seconds(pid)) - before > _QUIET * _LOOK_SECONDS and time.monotonic() < deadline:
        before = spent
        time.sleep(_LOOK_SECONDS)


def measure_once(pid: int, port: int, paths: tuple[str, ...], connections: int) -> Measured:
    """Ask a server for each path once, from the client's core."""
    command = ["taskset", "-c", str(CLIENT_CORE), sys.executable, "-m", "bench.once", str(port), str(connections)]
    before = cpu_seconds(pid)
    done = subprocess.run(command, input="\n".join(paths), stdout=subprocess.PIPE, text=True, check=True)
    spent = cpu_seconds(pid) - before
    run = json.loads(done.stdout)
    rate = len(paths) / run["seconds"]
    return Measured(spent / len(paths) * 1e6, rate, run["p50"] * 1e3, run["p99"] * 1e3, run["failed"])


def cpu_seconds(pid: int) -> float:
    """Return the time that a process and all of its descendants have run for."""
    process = Path(f"/proc/{pid}")
    # In nanoseconds; what /proc/PID/stat has is in hundredths of a second.
    spent = sum(int(file.read_text().split()[0]) for file in process.glob("task/*/schedstat"))
    children = (process / f"task/{pid}/children").read_text().split()
    return spent * 1e-9 + sum(cpu_seconds(int(child)) for child in children)


def _read(output: str, spent: float) -> Measured:
    requests = _number(r"([0-9.]+) requests in", output)
    bad = re.search(r"UNEXPECTED (\d+)", output)
    errors = re.search(r"Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)", output)
    failed = int(bad[1]) if bad else 0
    failed += sum(map(int, errors.groups())) if errors else 0
    return Measured(
        cpu=spent / max(requests, 1) * 1e6,
        rate=_number(r"Requests/sec:\s+([0-9.]+)", output),
        p50=_milliseconds(re.search(r"50%\s+([0-9.]+)(us|ms|s)", output)),
        p99=_milliseconds(re.search(r"99%\s+([0-9.]+)(us|ms|s)", output)),
        failed=failed,
    )


def _number(pattern: str, text: str) -> float:
    match = re.search(pattern, text)
    return float(match[1]) if match else 0.0


def _milliseconds(match: re.Match[str] | None) -> float:
    return float(match[1]) * {"us": 1e-3, "ms": 1.0, "s": 1e3}[match[2]] if match else 0.0


@dataclass(frozen=True, slots=True)
class Asked:
    """What a Lua program asks for: paths `in turn` or `at random`; `varies` has two fields differ."""

    paths: tuple[str, ...]
    method: str = "GET"
    expected: int = 200
    order: Order = "in turn"
    varies: bool = False


_NEXT: dict[Order, str] = {
    "in turn": "at = at % #made + 1",
    "at random": "at = math.random(#made)",
}
_SAME = "return made[at]"
# What a CDN adds to each request: an id of its own, and the client's address.
_VARIED = r"""count = count + 1
  return made[at]:sub(1, -3) .. string.format("X-Request-Id: %08x-%04x\r\nX-Forwarded-For: 198.51.%d.%d\r\n\r\n",
    count, math.random(65535), count % 251, count % 241)"""


def request_script(folder: Path, name: str, asked: Asked) -> Path:
    """Write the Lua program that makes wrk ask so, and count answers of another status."""
    listed = ",".join(f'"{path}"' for path in asked.paths)
    script = folder / f"{name}.lua"
    # wrk shares only globals between a thread and done().
    script.write_text(
        f"""local paths = {{{listed}}}
local at, count = 0, 0
unexpected = 0
local made = {{}}
function init(args)
  wrk.method = "{asked.method}"
  for i, path in ipairs(paths) do made[i] = wrk.format(nil, path) end
end
function request()
  {_NEXT[asked.order]}
  {_VARIED if asked.varies else _SAME}
end
function response(status) if status ~= {asked.expected} then unexpected = unexpected + 1 end end
local threads = {{}}
function setup(thread) table.insert(threads, thread) end
function done()
  local sum = 0
  for _, thread in ipairs(threads) do sum = sum + (thread:get("unexpected") or 0) end
  if sum > 0 then print("UNEXPECTED " .. sum) end
end
"""
    )
    return script
