"""Which worker serves a connection, as the kernel knows it.

Never asks the server.
"""

from __future__ import annotations

from pathlib import Path

from tests.contract.wire import Connection
from tests.server.serving import opened


def workers(parent: int) -> set[int]:
    """Return the worker processes of a server."""
    tasks = Path(f"/proc/{parent}/task").iterdir()
    children = {int(child) for task in tasks for child in (task / "children").read_text().split()}
    return {child for child in children if b"spawn_main" in _command(child)}


def holder(parent: int, connection: Connection) -> int:
    """Return the worker that has the other end of a connection."""
    ends = connection._socket.getsockname(), connection._socket.getpeername()
    ours, theirs = (f":{port:04X}" for _, port in ends)
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    # A row may be read twice while others come and go.
    (inode,) = {row[9] for row in rows if row[1].endswith(theirs) and row[2].endswith(ours)}
    (found,) = [worker for worker in workers(parent) if f"socket:[{inode}]" in opened(worker)]
    return found


def _command(process: int) -> bytes:
    try:
        return Path(f"/proc/{process}/cmdline").read_bytes()
    except OSError:  # it has ended
        return b""
