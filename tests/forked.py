"""Python processes that have every module of the package loaded as they begin: forked from one that loads them once.

To start Python and load the package takes half a second of a processor, which most tests of processes are not about.
Those that are, because they look at what is loaded, at the environment or at the start itself, use `subprocess`.
"""

from __future__ import annotations

import ctypes
import fcntl
import gc
import importlib
import os
import pickle
import pkgutil
import resource
import socket
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import CodeType
from typing import Any

from coverage import Coverage

import cdnserve

_PROJECT = Path(__file__).parents[1]
COVERAGE = "COVERAGE_PROCESS_CONFIG"
"""Where coverage puts its settings, in the environment, for the processes that are to be measured."""
_SET_CHILD_SUBREAPER = 36
_LARGEST = 2**20
_SECONDS = 60
_TEMPLATE = "import sys\nfrom tests.forked import obey\nif program := obey(int(sys.argv[1])):\n    exec(program)\n"
# What Python, its coverage and the locale read as they start.
_AT_START = ("PYTHON", "COVERAGE", "LC_", "LANG")


@dataclass(frozen=True, slots=True)
class Order:
    """What a process is to run, with which descriptors beside the three, where, and in what environment."""

    arguments: tuple[str, ...]
    descriptors: tuple[int, ...]
    folder: str
    environment: dict[str, str]
    leads_session: bool
    limits: dict[int, tuple[int, int]]


class Forked(subprocess.Popen[Any]):
    """A process that runs `python -c` or `python -m`: a fork of the template, or a new one where that would differ."""

    def _execute_child(self, args: Sequence[str], *others: Any) -> None:
        _, preexec_fn, _, pass_fds, cwd, env, *_ = others
        environment = dict(os.environ if env is None else env)
        is_plain = args[0] == sys.executable and args[1] in {"-c", "-m"} and not preexec_fn
        template = template_for(environment) if sys.platform == "linux" and is_plain else None
        if not template:
            super()._execute_child(args, *others)  # type: ignore[misc]
            return
        pipes = others[9:15]  # each of the three: the end that is read, and the end that is written
        standard = [given if given >= 0 else number for number, given in enumerate((pipes[0], pipes[3], pipes[5]))]
        folder = os.path.realpath(cwd or os.curdir)
        order = Order(tuple(args[1:]), tuple(sorted(pass_fds)), folder, environment, others[20], _limits())
        self.pid = template.fork(order, standard)
        self._child_created = True
        self._close_pipe_fds(*pipes)  # type: ignore[attr-defined]


def run(command: Sequence[str], given: bytes | None = None, **options: Any) -> subprocess.CompletedProcess[Any]:
    """Run a process with its outputs in pipes, and its input, where there is something to read."""
    options |= dict.fromkeys(("stdout", "stderr") if given is None else ("stdin", "stdout", "stderr"), subprocess.PIPE)
    with Forked(command, **options) as process:
        try:
            output, errors = process.communicate(given, timeout=_SECONDS)
        except BaseException:
            process.kill()
            raise
    return subprocess.CompletedProcess(command, process.returncode, output, errors)


def _limits() -> dict[int, tuple[int, int]]:
    return {number: resource.getrlimit(number) for number in (resource.RLIMIT_NOFILE, resource.RLIMIT_FSIZE)}


def _at_start(environment: Mapping[str, str]) -> dict[str, str]:
    looked_at = {name: value for name, value in environment.items() if value and name.startswith(_AT_START)}
    looked_at.pop("PYTHONPATH", None)  # this checkout, if anything
    looked_at.pop("PYTHONUNBUFFERED", None)  # the streams are opened anew
    return looked_at


class Template:
    """The process that the others are forked from; they become children of ours as their parent has gone."""

    def __init__(self, environment: dict[str, str]) -> None:
        assert not ctypes.CDLL(None).prctl(_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
        self._lock = threading.Lock()
        self.at_start = _at_start(environment)
        self._control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-c", _TEMPLATE, str(theirs.fileno())],
                cwd=_PROJECT,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
            )

    def fork(self, order: Order, standard: list[int]) -> int:
        """Start a process with these as its three standard streams; return its number."""
        with self._lock:
            socket.send_fds(self._control, [pickle.dumps(order)], [*standard, *order.descriptors])
            return int(self._control.recv(_LARGEST))

    def close(self) -> None:
        """End the template; what was forked from it goes on."""
        self._control.close()
        self._process.wait()


# One that is measured, and one that isn't.
_templates: dict[bool, Template] = {}


def template_for(environment: Mapping[str, str]) -> Template | None:
    """Return the template of processes with this environment, started when first wanted; `None` if it has another."""
    measured = environment.get(COVERAGE, "")
    key = bool(measured)
    if key not in _templates:
        _templates[key] = Template({**os.environ, COVERAGE: measured})
    return _templates[key] if _templates[key].at_start == _at_start(environment) else None


def end_templates() -> None:
    """End the templates that were started."""
    while _templates:
        _templates.popitem()[1].close()


def load_package() -> None:
    """Import every module of the package but those that are programs."""
    for module in pkgutil.walk_packages(cdnserve.__path__, "cdnserve."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)


def obey(number: int) -> CodeType | None:
    """Be the template until the other end closes; in each process that is forked, return what it is to run."""
    load_package()
    assert len(os.listdir("/proc/self/task")) == 1
    if measured := Coverage.current():
        measured.save()  # so that no fork writes it again
    gc.collect()
    gc.freeze()
    control = socket.socket(fileno=number)
    while True:
        data, descriptors, _, _ = socket.recv_fds(control, _LARGEST, 64)
        if not data:
            return None
        reader, writer = os.pipe()
        # Twice, so that it loses its parent, and ours adopts it.
        middle = os.fork()
        if middle == 0:
            if child := os.fork():
                os.write(writer, str(child).encode())
                os._exit(0)
            control.close()
            os.close(reader)
            os.close(writer)
            return _become(pickle.loads(data), descriptors)
        for descriptor in (writer, *descriptors):
            os.close(descriptor)
        os.waitpid(middle, 0)
        control.send(os.read(reader, 64))
        os.close(reader)


def _become(order: Order, received: list[int]) -> CodeType:
    """Take on descriptors, folder, environment and arguments; return what Python would run with them."""
    wanted = (0, 1, 2, *order.descriptors)
    safe = [fcntl.fcntl(one, fcntl.F_DUPFD, max(wanted) + len(received) + 64) for one in received]
    for one in received:
        os.close(one)
    for one, number in zip(safe, wanted, strict=True):
        os.dup2(one, number)
        os.close(one)
    if order.leads_session:
        os.setsid()
    for limit, numbers in order.limits.items():
        resource.setrlimit(limit, numbers)
    os.chdir(order.folder)
    os.environ.clear()
    os.environ.update(order.environment)
    sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115
    sys.stdout = open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
    sys.stderr = open(2, "w", buffering=1, encoding="utf-8", errors="backslashreplace", closefd=False)  # noqa: SIM115
    kind, program, *arguments = order.arguments
    sys.argv = [kind, *arguments]
    if kind == "-c":
        return compile(program, "<string>", "exec")
    sys.path[0] = order.folder
    return compile(f"import runpy; runpy.run_module({program!r}, run_name='__main__', alter_sys=True)", "", "exec")
