"""The one HTTP client (RFC 9110, 9112): one deadline for a whole exchange, and no redirect followed by itself."""

from __future__ import annotations

import contextlib
import http.client
import math
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

from urllib3 import (
    BaseHTTPResponse,
    HTTPConnectionPool,
    HTTPHeaderDict,
    HTTPSConnectionPool,
    PoolManager,
    ProxyManager,
    disable_warnings,
    make_headers,
)
from urllib3 import exceptions as broken
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.util import Timeout, parse_url
from urllib3.util.connection import create_connection

from cdnserve.decode import PIECE, decoded
from cdnserve.errors import ConfigurationError, Problem

TOO_LATE = "it takes too long"
REDIRECTS = frozenset({301, 302, 303, 307, 308})


class NoAnswerError(Exception):
    """No answer came, or no whole one; `is_distrust` where the host's certificate is to blame."""

    def __init__(self, why: str, *, is_distrust: bool = False) -> None:
        super().__init__(why)
        self.is_distrust = is_distrust


@dataclass(frozen=True, slots=True)
class Patience:
    """How long things may take, in seconds: to connect, one silence, and a whole exchange.

    A long response gets the time of an exchange again, whenever that time has brought `rate` octets a second.
    """

    connect: float = 10.0
    silence: float = 30.0
    exchange: float = 60.0
    rate: int = 8192


@dataclass(frozen=True, slots=True)
class OutgoingRequest:
    """One request; `url` is absolute, `fields` are sent as they are.

    With `instead`, a host and a port, the connection goes there and not to the URL's own, past every proxy.
    """

    url: str
    fields: Mapping[str, str]
    method: str = "GET"
    instead: tuple[str, int] | None = None


class HttpClient:
    """Makes exchanges, from several threads at once, on connections that it keeps.

    `trust` makes the context of TLS when it is first needed; `proxy` returns the URL of the proxy before a URL.
    With `unix_socket`, a path, all connections go there.
    """

    def __init__(
        self,
        patience: Patience,
        trust: Callable[[], ssl.SSLContext],
        proxy: Callable[[str], str | None] = lambda _: None,
        at_once: int = 8,
        clock: Callable[[], float] = time.monotonic,
        unix_socket: str = "",
    ) -> None:
        self.patience = patience
        self.clock = clock
        self.unix_socket = unix_socket
        self._trust = trust
        self._proxy = proxy
        self._at_once = at_once
        self._lock = threading.Lock()
        self._pools: dict[tuple[str | None, bool], PoolManager] = {}
        self._exchanges: set[HttpExchange] = set()
        self._here = threading.local()

    @contextlib.contextmanager
    def exchange(self, until: float = math.inf) -> Iterator[HttpExchange]:
        """Begin an exchange of this thread: whatever is asked in the block has one deadline, never after `until`."""
        exchange = self._here.exchange = HttpExchange(self, until)
        with self._lock:
            self._exchanges.add(exchange)
        try:
            yield exchange
        finally:
            exchange.finish()
            with self._lock:
                self._exchanges.discard(exchange)

    def cut(self) -> None:
        """End all exchanges that are under way, in whatever threads."""
        with self._lock:
            for exchange in self._exchanges:
                exchange.cut()

    def close(self) -> None:
        """Close every connection."""
        with self._lock:
            for pool in self._pools.values():
                pool.clear()

    def send(self, request: OutgoingRequest, timeout: Timeout) -> BaseHTTPResponse:
        """Send a request; only an exchange does that."""
        scheme = request.url.partition(":")[0].lower()
        proxy = None if request.instead else self._proxy(request.url)
        pool = self._pool(proxy, secure="https" in (scheme, (proxy or "").partition(":")[0].lower()))
        options: dict[str, Any] = {
            "headers": request.fields,
            "timeout": timeout,
            "redirect": False,
            "retries": False,
            "preload_content": False,
            "decode_content": False,
        }
        if request.instead is None:
            return pool.urlopen(request.method, request.url, **options)
        parts = parse_url(request.url)
        names = {"server_hostname": (parts.host or "").strip("[]")} if scheme == "https" else {}
        straight = pool.connection_from_host(*request.instead, scheme, names)
        return straight.urlopen(request.method, parts.request_uri, assert_same_host=False, **options)

    def _pool(self, proxy: str | None, *, secure: bool) -> PoolManager:
        with self._lock:
            if (proxy, secure) not in self._pools:
                self._pools[proxy, secure] = self._new_pool(proxy, secure=secure)
            return self._pools[proxy, secure]

    def _new_pool(self, proxy: str | None, *, secure: bool) -> PoolManager:
        # Reading all certificates takes longer than many an exchange, and only TLS needs them.
        context = self._trust() if secure else None
        if context and context.verify_mode == ssl.CERT_NONE:
            # Whoever says so knows.
            disable_warnings(broken.InsecureRequestWarning)
        if proxy is None:
            pool = PoolManager(maxsize=self._at_once, ssl_context=context)
        else:
            address, fields = _proxy(proxy)
            pool = ProxyManager(
                address, maxsize=self._at_once, proxy_headers=fields, ssl_context=context, proxy_ssl_context=context
            )
        pool.pool_classes_by_scheme = dict(_pool_classes(lambda: self._here.exchange))
        return pool


class HttpExchange:
    """Requests and their responses until a deadline, at which their connections are cut."""

    def __init__(self, client: HttpClient, until: float = math.inf) -> None:
        self._client = client
        self._patience = client.patience
        self._until = until
        self._deadline = min(client.clock() + client.patience.exchange, until)
        self._came = 0
        self._is_cut = False
        self._lock = threading.Lock()
        self._guards: set[socket.socket] = set()
        self._over = threading.Event()
        # A socket's own timeout begins anew with each octet: what drips would take for ever.
        threading.Thread(target=self._watch, name="deadline", daemon=True).start()

    @contextlib.contextmanager
    def ask(self, request: OutgoingRequest) -> Iterator[Response]:
        """Send a request and yield the response, its content unread; raise NoAnswerError."""
        with self._told():
            response = self._client.send(request, Timeout(connect=self._patience.connect, read=self._patience.silence))
        try:
            self._require_time()
            yield Response(response, self)
        finally:
            # What is left unread may be endless; such a connection is of no more use.
            response.close()

    @property
    def left(self) -> float:
        """The seconds that are left."""
        return self._deadline - self._client.clock()

    @property
    def unix_socket(self) -> str:
        """The path of the socket that all connections go to, `""` for where the URL says."""
        return self._client.unix_socket

    def guard(self, connected: socket.socket) -> None:
        """Cut this connection, too, when time is up."""
        with self._lock:
            # One of our own: http.client closes a connection that ends with its response once the head is there.
            self._guards.add(connected.dup())
        if self._is_cut:
            self.cut()

    def read(self, response: BaseHTTPResponse) -> bytes:
        """Return the next octets of a response, none at its end."""
        with self._told():
            piece = response.read1(PIECE)
        self._require_time()
        self._came += len(piece)
        if self._came >= self._patience.rate * self._patience.exchange:
            self._came = 0
            self._deadline = min(self._client.clock() + self._patience.exchange, self._until)
        return piece

    def cut(self) -> None:
        """Cut the connections."""
        self._is_cut = True
        with self._lock:
            for connected in self._guards:
                with contextlib.suppress(OSError):
                    connected.shutdown(socket.SHUT_RDWR)

    def finish(self) -> None:
        """Let go of the connections."""
        self._over.set()
        with self._lock:
            while self._guards:
                self._guards.pop().close()

    def _watch(self) -> None:
        while (left := self.left) > 0:
            if self._over.wait(left):
                return
        if not self._over.is_set():
            self.cut()

    @contextlib.contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except (broken.HTTPError, OSError) as error:
            if self._is_late:
                raise NoAnswerError(TOO_LATE) from None
            raise no_answer(error) from None

    def _require_time(self) -> None:
        # What was cut off looks like what ended well, where no length was given, or in a head.
        if self._is_late:
            raise NoAnswerError(TOO_LATE)

    @property
    def _is_late(self) -> bool:
        return self._is_cut or self.left <= 0


@dataclass(frozen=True, slots=True)
class Response:
    """A response whose content comes piece by piece."""

    _response: BaseHTTPResponse
    _exchange: HttpExchange

    @property
    def status(self) -> int:
        """The status code."""
        return self._response.status

    @property
    def headers(self) -> HTTPHeaderDict:
        """The fields; names are compared without case."""
        return self._response.headers

    @property
    def coding(self) -> str:
        """The content coding in lower case, `identity` for none."""
        return self.headers.get("Content-Encoding", "").strip().lower() or "identity"

    def pieces(self) -> Iterator[bytes]:
        """Yield the content as it comes, its codings on; raise NoAnswerError where it is not whole."""
        while piece := self._exchange.read(self._response):
            yield piece

    def content(self, limit: int) -> bytes:
        """Return the content, its coding taken off; raise NoAnswerError, UndecodableError or OversizeError."""
        return decoded(self.pieces(), self.coding, limit)


def no_answer(error: Exception) -> NoAnswerError:
    """Return in words why a request failed."""
    cause = error.args[0] if error.args else None
    if isinstance(cause, ssl.SSLCertVerificationError):
        return NoAnswerError(f"the host's certificate is not trusted: {cause.verify_message}", is_distrust=True)
    words = (words for kind, words in _REASONS if isinstance(error, kind))
    return NoAnswerError(next(words, "the connection broke off"))


_REASONS: tuple[tuple[type[Exception], str], ...] = (
    (broken.ProxyError, "the proxy can't be reached"),
    (broken.NameResolutionError, "the host's name has no address"),
    (broken.NewConnectionError, "the host takes no connection"),
    (broken.ConnectTimeoutError, "the host takes no connection in time"),
    (broken.TimeoutError, "no answer came in time"),
    (broken.SSLError, "TLS failed"),
)


class _FinalResponse(http.client.HTTPResponse):
    """The response behind all interim ones, also to CONNECT; Python itself leaves out none but 100 (Continue)."""

    def _read_status(self) -> tuple[str, int, str]:
        found: tuple[str, int, str] = super()._read_status()  # type: ignore[misc] # untyped
        # RFC 9110 §15.2: a client must take any number of them, and may ignore what it doesn't know.
        while 100 <= found[1] < 200 and found[1] != http.client.SWITCHING_PROTOCOLS:
            http.client.parse_headers(self.fp)
            found = super()._read_status()  # type: ignore[misc]
        return found


class _Guarded(HTTPConnection):
    """A connection that the exchange which uses it may cut from another thread."""

    response_class = _FinalResponse
    find: Callable[[], HttpExchange]
    _guard: socket.socket | None = None

    def _new_conn(self) -> socket.socket:
        connected = self._connected()
        # Its own descriptor: TLS takes the first one away, and may be reading when the time is up.
        self._guard = connected.dup()
        self.find().guard(self._guard)
        return connected

    def _connected(self) -> socket.socket:
        if path := self.find().unix_socket:
            return self._on_socket(path)
        try:
            found = socket.getaddrinfo(self._dns_host, self.port, type=socket.SOCK_STREAM)
        except (socket.gaierror, UnicodeError) as error:
            raise broken.NameResolutionError(self.host, self, socket.gaierror(str(error))) from None
        failure: Exception = OSError("it has no address")
        for *_, address in found:
            # A name may have many addresses, at none of which anybody answers.
            seconds = min(float(self.timeout or 0), self.find().left)
            if seconds <= 0:
                break
            try:
                return create_connection((str(address[0]), self.port), seconds, socket_options=self.socket_options)
            except OSError as error:
                failure = error
        kind = broken.ConnectTimeoutError if isinstance(failure, TimeoutError) else broken.NewConnectionError
        raise kind(self, str(failure))

    def _on_socket(self, path: str) -> socket.socket:
        connected = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            connected.settimeout(min(float(self.timeout or 0), self.find().left))
            connected.connect(path)
        except (OSError, ValueError) as error:
            connected.close()
            raise broken.NewConnectionError(self, str(error)) from None
        return connected

    def putrequest(self, method: str, url: str, skip_host: bool = False, skip_accept_encoding: bool = False) -> None:
        if self._guard is not None:
            self.find().guard(self._guard)
        super().putrequest(method, url, skip_host, skip_accept_encoding)

    def close(self) -> None:
        super().close()
        if self._guard is not None:
            self._guard.close()
            self._guard = None


def _pool_classes(find_exchange: Callable[[], HttpExchange]) -> dict[str, type[HTTPConnectionPool]]:
    class PlainConnection(_Guarded):
        find = staticmethod(find_exchange)

    class SecureConnection(_Guarded, HTTPSConnection):
        find = staticmethod(find_exchange)

    class Pool(HTTPConnectionPool):
        ConnectionCls = PlainConnection

    class SecurePool(HTTPSConnectionPool):
        ConnectionCls = SecureConnection

    return {"http": Pool, "https": SecurePool}


def _proxy(text: str) -> tuple[str, dict[str, str]]:
    try:
        parts = parse_url(text if "://" in text else f"http://{text}")
    except broken.LocationParseError:
        parts = None
    if parts is None or parts.scheme not in ("http", "https") or not parts.host:
        hint = "correct npm's https-proxy or proxy, or HTTPS_PROXY and HTTP_PROXY"
        raise ConfigurationError([Problem("proxy-address", "the proxy's address is wrong", hint=hint)])
    fields = make_headers(proxy_basic_auth=unquote(parts.auth)) if parts.auth else {}
    return parts._replace(auth=None).url, dict(fields)
