"""Listening sockets: an address and port, a Unix socket, or one that somebody else has opened."""

from __future__ import annotations

import errno
import os
import socket
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from cdnserve.errors import ConfigurationError, Problem

_BACKLOG = 2048
# Where systemd's begin (sd_listen_fds).
_FIRST_PASSED = 3


@dataclass(frozen=True, slots=True)
class Unix:
    """A Unix socket in the file system, and who may connect."""

    path: Path
    mode: int = 0o660


def on_port(host: str, port: int, options: str) -> socket.socket:
    """Listen on a port; raises ConfigurationError, whose hint names the options that say which."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(_BACKLOG)
    except OSError as error:
        listener.close()
        taken = "something listens there already: end it, or " if error.errno == errno.EADDRINUSE else ""
        raise _unusable(error, f"{host}:{port}", f"{taken}choose another with {options}") from error
    return listener


@contextmanager
def on_path(place: Unix) -> Iterator[socket.socket]:
    """Listen on a Unix socket until the block ends, then remove it."""
    try:
        _remove_stale(place.path)
        listener = _bind(place)
    except OSError as error:
        raise _unusable(error, str(place.path), "choose another with --uds") from error
    with listener:
        yield listener
    with suppress(OSError):
        # Another server may have come in its place meanwhile.
        _remove_stale(place.path)


def _bind(place: Unix) -> socket.socket:
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    # Not made narrower afterwards: between the two somebody could connect.
    before = os.umask(0o777 & ~place.mode)
    try:
        listener.bind(str(place.path))
        listener.listen(_BACKLOG)
    except OSError:
        listener.close()
        raise
    finally:
        os.umask(before)
    return listener


def _remove_stale(path: Path) -> None:
    """Remove what a server has left that was killed: a socket on which nobody listens."""
    try:
        if not stat.S_ISSOCK(path.lstat().st_mode):
            return
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as asking:
            asking.settimeout(1)
            asking.connect(str(path))
    except FileNotFoundError:
        pass
    except ConnectionRefusedError:
        path.unlink()


def on_descriptor(number: int) -> socket.socket:
    """Take a listening socket that somebody else has opened; raises ConfigurationError for anything else."""
    hint = "give the number of a descriptor that is a listening stream socket"
    try:
        listener = socket.socket(fileno=number)
    except OSError as error:
        problem = Problem("descriptor-unusable", str(error.strerror), f"--fd {number}", hint=hint)
        raise ConfigurationError([problem]) from error
    kind = listener.getsockopt(socket.SOL_SOCKET, socket.SO_TYPE)
    if kind == socket.SOCK_STREAM and listener.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
        return listener
    listener.detach()
    raise ConfigurationError([Problem("descriptor-unusable", "nobody listens on it", f"--fd {number}", hint=hint)])


def passed_descriptor(environment: Mapping[str, str], process: int) -> int | None:
    """Return the descriptor that the service manager passes to this process, `None` where it passes none."""
    if environment.get("LISTEN_PID") != str(process) or environment.get("LISTEN_FDS", "0") == "0":
        return None
    if environment["LISTEN_FDS"] != "1":
        hint = "let the socket unit have one Listen… line"
        problem = Problem("descriptor-unusable", "several were passed", "LISTEN_FDS", environment["LISTEN_FDS"], hint)
        raise ConfigurationError([problem])
    return _FIRST_PASSED


def address_of(listener: socket.socket, *, secure: bool, host: str = "") -> str:
    """Return the URL under which a listener is reached, or `unix:` and its path."""
    name = listener.getsockname()
    if listener.family == socket.AF_UNIX:
        return f"unix:{os.fsdecode(name)}"
    host = host or name[0]
    return f"{'https' if secure else 'http'}://{f'[{host}]' if ':' in host else host}:{name[1]}"


def _unusable(error: OSError, where: str, hint: str) -> ConfigurationError:
    return ConfigurationError([Problem("address-unusable", error.strerror or str(error), where, hint=hint)])
