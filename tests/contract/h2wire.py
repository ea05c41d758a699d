"""HTTP/2 on the wire (RFC 9113), as a judge: a request of HTTP/1.1 in its other form, and one response.

Never forgives what hyper-h2 finds wrong, and never bends a request that has no form in HTTP/2.
"""

from __future__ import annotations

import re
import socket
import ssl
from http import HTTPStatus

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import (
    ConnectionTerminated,
    DataReceived,
    Event,
    ResponseReceived,
    StreamEnded,
    StreamReset,
    TrailersReceived,
)

from tests.contract.wire import FramingError, Response, content_length, octets

Line = tuple[bytes, bytes]

_TOKEN = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_VALUE = re.compile(rb"[\t\x20-\x7e\x80-\xff]*")
_TARGET = re.compile(rb"\*|/[\x21-\x7e]*")
_LAST_STREAM = 1801
# RFC 9113 §8.2.2; the length of content is told by frames.
_OF_HTTP_1 = frozenset({b"connection", b"proxy-connection", b"keep-alive", b"transfer-encoding", b"upgrade", b"te"})


class Inexpressible(Exception):
    """A request that has no form in HTTP/2."""


def translate(request: bytes) -> list[Line]:
    """Write a request as the field section that stands for it in HTTP/2 (RFC 9113 §8.3)."""
    head, _, body = request.partition(b"\r\n\r\n")
    first, *lines = head.split(b"\r\n")
    method, _, rest = first.partition(b" ")
    target, _, version = rest.rpartition(b" ")
    if body or version != b"HTTP/1.1":
        raise Inexpressible("framing of HTTP/1.1, or another version")
    if not _TOKEN.fullmatch(method) or method == b"CONNECT" or not _TARGET.fullmatch(target):
        raise Inexpressible("a method that is no token, a tunnel, or another target than a path")
    pseudo = [(b":method", method), (b":scheme", b"https"), (b":path", target)]
    fields = [_field(line) for line in lines]
    hosts = [value for name, value in fields if name == b"host"]
    if len(hosts) > 1 or hosts == [b""]:
        raise Inexpressible("no authority, or several")
    return [*pseudo, *((b":authority", host) for host in hosts), *((n, v) for n, v in fields if n != b"host")]


def _field(line: bytes) -> Line:
    name, _, value = line.partition(b":")
    value = value.strip(b" \t")
    if not _TOKEN.fullmatch(name) or not _VALUE.fullmatch(value):
        raise Inexpressible("a malformed field line")
    if name.lower() in _OF_HTTP_1 or name.lower() == b"content-length":
        raise Inexpressible("a field that is about the connection")
    return name.lower(), value


class Connection2:
    """One connection over TLS; requests go one after another, each on a stream of its own."""

    def __init__(self, address: tuple[str, int], context: ssl.SSLContext, timeout: float = 20) -> None:
        plain = socket.create_connection(address, timeout)
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._socket = context.wrap_socket(plain, server_hostname=address[0])
        assert self._socket.selected_alpn_protocol() == "h2"
        configuration = H2Configuration(
            client_side=True,
            header_encoding=None,
            # What is sent is the test's business.
            validate_outbound_headers=False,
            normalize_outbound_headers=False,
        )
        self.state = H2Connection(configuration)
        self.state.initiate_connection()
        # As much as there is: these tests are not about windows.
        self.state.increment_flow_control_window(2**30)
        self.open = True
        self._flush()

    def close(self) -> None:
        """Close the connection; closing twice does no harm."""
        self.open = False
        self._socket.close()

    def exchange(self, request: bytes, method: str = "GET") -> Response:
        """Send one request and read its response."""
        lines = translate(request)
        if sum(len(name) + len(value) + 32 for name, value in lines) > self._largest():
            raise Inexpressible("a head larger than SETTINGS_MAX_HEADER_LIST_SIZE allows")
        stream = self.state.get_next_available_stream_id()
        # Before the server wishes it: hyper-h2 takes an announcement (RFC 9113 §6.8) for the end itself.
        self.open = stream < _LAST_STREAM
        self.state.send_headers(stream, lines, end_stream=True)
        self._flush()
        return self._response(stream, method)

    def _largest(self) -> int:
        return self.state.remote_settings.max_header_list_size or 2**30

    def _response(self, stream: int, method: str) -> Response:
        head, body = None, b""
        while True:
            for event in self._events():
                if isinstance(event, ConnectionTerminated):
                    raise FramingError(f"GOAWAY {event.error_code} instead of a response")
                if getattr(event, "stream_id", stream) != stream:
                    raise FramingError(f"{event} on a stream that is over")
                if isinstance(event, StreamReset | TrailersReceived):
                    raise FramingError(f"{event} instead of a response")
                if isinstance(event, ResponseReceived):
                    head = _head(event)
                elif isinstance(event, DataReceived):
                    body += event.data or b""
                    self.state.acknowledge_received_data(event.flow_controlled_length or 0, stream)
                elif isinstance(event, StreamEnded):
                    return _whole(head, body, method)
            self._flush()

    def _events(self) -> list[Event]:
        data = self._socket.recv(1 << 18)
        if not data:
            self.open = False
            raise FramingError("the connection ended in the middle of a response")
        return list(self.state.receive_data(data))

    def _flush(self) -> None:
        self._socket.sendall(self.state.data_to_send())


def _head(event: ResponseReceived) -> Response:
    lines = [(octets(name).decode("ascii"), octets(value).decode("latin-1")) for name, value in event.headers or ()]
    (name, status), *fields = lines
    if name != ":status":
        raise FramingError(f"{name} where the status belongs")
    # RFC 9113 §8.3.2: there is no reason phrase; the registered one stands for it.
    return Response(int(status), HTTPStatus(int(status)).phrase, tuple(fields), b"")


def _whole(head: Response | None, body: bytes, method: str) -> Response:
    if head is None:
        raise FramingError("a response without a head")
    if len(body) != content_length(head, method):
        raise FramingError(f"{len(body)} octets of content, where {content_length(head, method)} were announced")
    return Response(head.status, head.reason, head.fields, body)
