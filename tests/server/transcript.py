"""All that a server says to some octets: its answers as they are, up to the end of the connection.

Never waits for silence: the last request asks the server to close.
"""

from __future__ import annotations

import re
import socket
from collections.abc import Iterable

from tests.contract.wire import Response, content_length, message, parse_head
from tests.server.serving import PATIENCE, Served

LAST = message("GET", "/the/end", [("Connection", "close")])
LAST_STATUS = 404
_DATE = re.compile(rb"\r\ndate: [A-Z][a-z]{2}, [0-3][0-9] [A-Z][a-z]{2} [0-9]{4} [0-9:]{8} GMT\r\n")


def transcript(served: Served, octets: bytes) -> bytes:
    """Send octets and then `LAST`; give everything that comes back, each Date masked."""
    with socket.create_connection(served.address, PATIENCE) as client:
        client.sendall(octets + LAST)
        received = b"".join(iter(lambda: client.recv(1 << 18), b""))
    return _DATE.sub(b"\r\ndate: *\r\n", received)


def responses(received: bytes, methods: Iterable[str] = ()) -> list[Response]:
    """Take a transcript apart; responses after those to `methods` answer GET. Octets that are none are an error."""
    asked, found = iter(methods), []
    while received:
        head, mark, received = received.partition(b"\r\n\r\n")
        assert mark, f"a torn head: {head[:200]!r}"
        response = parse_head(head)
        length = content_length(response, next(asked, "GET"))
        assert length <= len(received), f"a torn body after {head!r}"
        found.append(Response(response.status, response.reason, response.fields, received[:length]))
        received = received[length:]
    return found


def statuses(received: bytes, methods: Iterable[str] = ()) -> list[int]:
    """Return the statuses of a transcript, less the one of `LAST`; only the last response may close, and must."""
    said = responses(received, methods)
    *others, last = (response.get("connection") for response in said)
    assert set(others) <= {None, "keep-alive"}
    assert last == "close"
    ended = (said[-1].status, said[-1].get("cache-control")) == (LAST_STATUS, "public, max-age=60")
    return [response.status for response in (said[:-1] if ended else said)]
