"""esbuild: found on the PATH, or fetched from the registry as npm does, and run on one folder within bounds.

Only esbuild itself is executed, never what a package brings.
"""

from __future__ import annotations

import contextlib
import errno
import os
import platform
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from cdnserve.display import excerpt
from cdnserve.errors import ConfigurationError, Problem
from cdnserve.files import open_file, replace_file
from cdnserve.npm.cache import cache_folder
from cdnserve.npm.fetch import Once, Order, Session, fetch, prepare
from cdnserve.npm.seal import Seal, find_seal
from cdnserve.npm.settings import DownloadLimits
from cdnserve.npm.spec import checked_spec
from cdnserve.npm.unpack import unpack

VERSION = "0.28.2"
"""The version that is fetched where nobody says another."""
# What the registry has under these names; a lock that says another version relies on the registry's signatures.
_INTEGRITY = {
    "darwin-arm64": "sha512-n4KqkOQrraxHJcgjM1RvwbigfQKIKJVpM7xp+KsxiyUSrRdIXnt73VhrPAx0fV44hgfmIVKjxMN9J1t5jySVkw==",
    "darwin-x64": "sha512-uq6suIWYP37qzGddBKPw5QEQPi6HiLGsO7UmkpfyaYNQ3D+rN6w6WfwH+nuqcGXWvawGwxOEroO4YGnFh95azw==",
    "linux-arm64": "sha512-pW4AC0P3it8c7do9MVM4p51FzHzdM/TZrerurgRcHJ2WTa1VQ1CIq18xncfpBJw4ojkiZZrKW2yIBWBP92j6Ug==",
    "linux-x64": "sha512-4xTZr1FUmSoQW4XIWmit3tzQrUTZM+N3P0XV8xROKYF50XfI7xeO90+1bZvNwxIufQ9hDQVRJH5YhgPVF8A/HQ==",
}
# Older ones lack what is relied on; of newer ones nobody has seen yet what they change.
_SUPPORTED = re.compile(r"0\.2[5-9]\.[0-9]{1,3}")
_UNWRITTEN = re.compile(r"Failed to write to output file: [^\n]*: (?P<why>[^\n:]+)")
_VERSION = re.compile(r"[0-9]{1,3}(?:\.[0-9]{1,3}){2}")
_MACHINES = {"x86_64": "x64", "amd64": "x64", "aarch64": "arm64", "arm64": "arm64"}
_SYSTEMS = {"linux": "linux", "darwin": "darwin"}
_BINARY = "bin/esbuild"

_LONGEST = 120.0
_LONGEST_VERSION = 10.0
_MOST_TEXT = 2**16
# In the units of ulimit: 4 GiB of addresses (20,000 modules take less than one), ten minutes of all cores, files of
# 512 MiB. A package can have it read a device that never ends.
_BOUNDS = 'ulimit -v 4194304; ulimit -t 600; ulimit -f 1048576; exec "$@"'
_MEMORY = "2GiB"


@dataclass(frozen=True, slots=True)
class Esbuild:
    """An esbuild that can be run, and its exact version."""

    program: Path
    version: str

    def run(self, arguments: Sequence[str], folder: Path) -> str:
        """Run it in a folder; return what it says is wrong, `""` where all went well, raise OSError for a full disk."""
        try:
            done = _run([str(self.program), *_QUIET, *arguments], folder, _LONGEST)
        except subprocess.TimeoutExpired:
            return f"it took longer than {_LONGEST:.0f} seconds"
        except OSError as error:
            return error.strerror or str(error)
        said = done.stderr[:_MOST_TEXT].decode("utf-8", "replace").strip()
        if done.returncode and (unwritten := _UNWRITTEN.search(said)):
            raise OSError(errno.ENOSPC, unwritten["why"].capitalize())
        return "" if done.returncode == 0 else said or f"it ended with status {done.returncode}"


_QUIET = ("--log-level=error", "--log-limit=20", "--color=false")


class EsbuildFinder:
    """Finds esbuild once for a command: on the PATH, else in the cache or the registry.

    `folder` is for what no cache keeps.
    """

    def __init__(self, session: Session, folder: Path) -> None:
        self._here = Once[str, Esbuild | None](lambda _: _on_path(session.settings.environment, folder))
        self._fetched = Once[str, Path](lambda version: _fetched(version, session, folder))

    @property
    def version(self) -> str:
        """The version that is taken where nobody wants another."""
        here = self._here("")
        return here.version if here and _SUPPORTED.fullmatch(here.version) else VERSION

    def find(self, version: str) -> Esbuild:
        """Return esbuild in a version; raise ConfigurationError where there is none."""
        if not _SUPPORTED.fullmatch(version):
            message = "this version of cdnserve can't make modules with this version of esbuild"
            hint = "update cdnserve; or add the library again with --esm, as a version that is new here"
            raise ConfigurationError([Problem("esbuild-unsupported", message, "", excerpt(version), hint)])
        here = self._here("")
        if here and here.version == version:
            return here
        try:
            return Esbuild(self._fetched(version), version)
        except ConfigurationError as error:
            raise ConfigurationError([_with_other(problem, here) for problem in error.problems]) from None


def _with_other(problem: Problem, here: Esbuild | None) -> Problem:
    """Return what is wrong, with the esbuild on the PATH that is not the one that is wanted."""
    if here is None:
        return problem
    other = f"is esbuild {here.version}" if here.version else "is no esbuild"
    return replace(problem, hint=f"{problem.hint}; {here.program} {other}")


def _on_path(environment: Mapping[str, str], folder: Path) -> Esbuild | None:
    """Return what the PATH has, in whatever version: `""` for what is no esbuild, `None` where there is nothing."""
    found = shutil.which("esbuild", path=environment.get("PATH", ""))
    if not found:
        return None
    program = Path(found).absolute()
    with contextlib.suppress(OSError, subprocess.TimeoutExpired):
        said = _run([str(program), "--version"], folder, _LONGEST_VERSION, environment).stdout[:64]
        version = said.decode("ascii", "replace").strip()
        return Esbuild(program, version if _VERSION.fullmatch(version) else "")
    return Esbuild(program, "")


def _run(
    command: Sequence[str], folder: Path, longest: float, environment: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[bytes]:
    """Run a program within bounds, and with none of our environment: NODE_PATH would let other files in."""
    path = {"PATH": environment.get("PATH", "")} if environment else {}
    with subprocess.Popen(  # noqa: S603 - a list of arguments, to a program that was found or verified
        ["/bin/sh", "-c", _BOUNDS, "sh", *command],
        cwd=folder,
        env={"GOMEMLIMIT": _MEMORY, **path},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    ) as process:
        try:
            said, complaints = process.communicate(timeout=longest)
        except BaseException:
            # What npm installs as esbuild is a script that starts the program.
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            raise
    return subprocess.CompletedProcess(command, process.returncode, said, complaints)


def _fetched(version: str, session: Session, folder: Path) -> Path:
    """Return the program, from the cache where it is whole there."""
    system = f"{_SYSTEMS.get(sys.platform, sys.platform)}-{_MACHINES.get(platform.machine().lower(), 'unknown')}"
    if system not in _INTEGRITY:
        hint = "install esbuild (0.25 to 0.29), so that it is found on the PATH"
        raise ConfigurationError(
            [Problem("esbuild-missing", "npm has no esbuild that is known to run here", value=system, hint=hint)]
        )
    cache = cache_folder(session.settings)
    seal = find_seal(session.settings) if cache else None
    if not cache or not seal:
        return _unpacked(version, system, session, folder)
    place = cache / "esbuild" / f"{version}-{system}"
    return _kept(place, seal) or _keep(_unpacked(version, system, session, folder), place, seal)


_PURPOSE = "esbuild"


def _kept(place: Path, seal: Seal) -> Path | None:
    """Return the program of a folder whose name is its seal; what has another one is removed."""
    with contextlib.suppress(OSError):
        for file in sorted(place.iterdir()):
            with open(open_file(file, follow=False), "rb") as opened:
                found = seal(_PURPOSE, opened.read())
            if found == file.name:
                return file
            file.unlink()
    return None


def _keep(program: Path, place: Path, seal: Seal) -> Path:
    """Return the program, in a folder of the cache if it can be kept there."""
    with contextlib.suppress(OSError):
        content = program.read_bytes()
        kept = place / seal(_PURPOSE, content)
        place.mkdir(parents=True, exist_ok=True, mode=0o700)
        replace_file(kept, content, preserve=False)
        kept.chmod(0o700)
        return kept
    return program


def _unpacked(version: str, system: str, session: Session, folder: Path) -> Path:
    spec = checked_spec(f"@esbuild/{system}", version)
    locked = _INTEGRITY[system] if version == VERSION else ""
    inner = folder / "esbuild"
    inner.mkdir()
    (prepared,) = prepare([Order(spec, (_BINARY,), locked)], session)
    try:
        with fetch(prepared, folder, session) as fetched:
            unpack(fetched.file, inner, spec, lambda path: path == _BINARY, DownloadLimits())
    except ConfigurationError as error:
        message = f"esbuild {version} can't be had: {error.problems[0].message}"
        hint = "make the registry reachable, or install esbuild (0.25 to 0.29), so that it is found on the PATH"
        raise ConfigurationError([Problem("esbuild-missing", message, value=str(spec), hint=hint)]) from None
    finally:
        session.progress.finish(str(spec))
    # It is run in another folder.
    program = (inner / _BINARY).absolute()
    program.chmod(0o700)
    return program


@contextlib.contextmanager
def written(folder: Path, files: Mapping[str, str]) -> Iterator[None]:
    """Write files below a folder while the block runs."""
    for path, text in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(folder / path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
        with open(descriptor, "w", encoding="ascii") as file:
            file.write(text)
    try:
        yield
    finally:
        for path in files:
            (folder / path).unlink(missing_ok=True)
