"""A container without an engine: the image's files as a read-only root, a numeric user, and no capability."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path

# $0 is the root, then come USER, the mounts (source, target, or "tmpfs" and target; "--" ends them), the command. A
# source is mounted read-only, unless "rw:" stands before it.
_ENTER = """
set -eu
root=$0; user=$1; shift
mount --bind "$root" "$root"
while [ "$1" != -- ]; do
  mkdir -p "$root$2"
  if [ "$1" = tmpfs ]; then mount -t tmpfs -o "uid=$user,gid=$user" tmpfs "$root$2"
  elif [ "$1" != "${1#rw:}" ]; then mount --bind "${1#rw:}" "$root$2"
  else mount --bind "$1" "$root$2"; mount -o remount,bind,ro "$root$2"; fi
  shift 2
done
shift
mount -o remount,bind,ro "$root"
mount -t proc proc "$root/proc"
mount --rbind /dev "$root/dev"
exec chroot "$root" setpriv --reuid "$user" --regid "$user" --clear-groups --inh-caps=-all --bounding-set=-all \
  --no-new-privs "$@"
"""


@dataclass(frozen=True, slots=True)
class Container:
    """A running container; `url` is what the server printed."""

    process: subprocess.Popen[str]
    port: int

    def get(self, path: str, **fields: str) -> tuple[int, Mapping[str, str], bytes]:
        """Ask for a path; give status, headers and content."""
        connection = HTTPConnection("127.0.0.1", self.port, timeout=30)
        with contextlib.closing(connection):
            connection.request("GET", path, headers={name.replace("_", "-"): value for name, value in fields.items()})
            response = connection.getresponse()
            return response.status, dict(response.headers), response.read()

    def stop(self) -> int:
        """Send the image's stop signal to its first process; give the exit status."""
        _signal_first(self.process, signal.SIGTERM)
        return self.process.wait(60)


def _signal_first(process: subprocess.Popen[str], number: signal.Signals) -> None:
    """Signal the container's first process: with it all others end, while it outlives unshare as another user."""
    for child in Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split():
        os.kill(int(child), number)


def command(
    root: Path, user: str, mounts: Sequence[tuple[str, str]], environment: Mapping[str, str], inside: Sequence[str]
) -> list[str]:
    """Return the command that runs `inside`, a command, in a container; `PWD` of the environment is where."""
    flat = [part for mount in mounts for part in mount]
    settings = [f"{name}={value}" for name, value in environment.items()]
    inner = ["env", "--ignore-environment", f"--chdir={environment['PWD']}", *settings, *inside]
    outer = ["unshare", "--mount", "--pid", "--fork", "--kill-child=SIGKILL"]
    return [*outer, "sh", "-c", _ENTER, str(root), user, *flat, "--", *inner]


@contextlib.contextmanager
def running(full_command: Sequence[str]) -> Iterator[Container]:
    """Start a server in a container; wait until it says that it listens; end it."""
    with subprocess.Popen(full_command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            found = re.match(r"listening on http://.*:([0-9]+)", line)
            assert found, f"{line!r} is no address"
            yield Container(process, int(found[1]))
        finally:
            if process.poll() is None:
                _signal_first(process, signal.SIGKILL)
            process.kill()
