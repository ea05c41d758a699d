"""Connections to registries: certificates, proxies, and a time limit on the head of every response.

Never leaves a certificate unchecked; there is no setting that would.
"""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import unquote

from urllib3 import (
    BaseHTTPResponse,
    HTTPConnectionPool,
    HTTPResponse,
    HTTPSConnectionPool,
    PoolManager,
    ProxyManager,
    make_headers,
)
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import LocationParseError
from urllib3.util import Timeout, parse_url

from cdnserve.errors import ConfigurationError, Problem
from cdnserve.libraries.registries.address import Address
from cdnserve.libraries.registries.configuration import Configuration
from cdnserve.libraries.registries.proxies import proxy_for
from cdnserve.libraries.settings import Settings

_DEFAULT_SECONDS = 30.0


class Connections:
    """Opens requests, straight or through the proxy that stands before an address; safe in several threads."""

    def __init__(self, settings: Settings, configuration: Configuration) -> None:
        self._settings = settings
        self._configuration = configuration
        self._timeout = Timeout(connect=settings.limits.connect, read=settings.limits.silence)
        self._lock = threading.Lock()
        self._sockets = _Sockets()
        self._pools: dict[tuple[str | None, bool], PoolManager] = {}

    def open(self, address: Address, fields: dict[str, str]) -> BaseHTTPResponse:
        """Send a GET and give the response with its body unread; redirects and failures are the caller's."""
        proxy = proxy_for(address, self._settings.environment, self._configuration)
        pool = self._pool(proxy, secure=address.scheme == "https" or (proxy or "").lower().startswith("https:"))
        return pool.request(
            "GET",
            str(address),
            headers=fields,
            redirect=False,
            retries=False,
            timeout=self._timeout,
            preload_content=False,
            decode_content=False,
        )

    def cut(self) -> None:
        """End whatever is being read in other threads."""
        self._sockets.shut()

    def close(self) -> None:
        """Close every connection."""
        with self._lock:
            for pool in self._pools.values():
                pool.clear()

    def _pool(self, proxy: str | None, *, secure: bool) -> PoolManager:
        with self._lock:
            if (proxy, secure) not in self._pools:
                self._pools[proxy, secure] = self._new_pool(proxy, secure=secure)
            return self._pools[proxy, secure]

    def _new_pool(self, proxy: str | None, *, secure: bool) -> PoolManager:
        size = self._settings.limits.at_once
        # Reading all certificates takes longer than many a download, and only TLS needs them.
        certificates = trusted_certificates(self._settings, self._configuration) if secure else None
        if proxy is None:
            pool = PoolManager(maxsize=size, ssl_context=certificates)
        else:
            address, fields = _proxy(proxy)
            pool = ProxyManager(
                address, maxsize=size, proxy_headers=fields, ssl_context=certificates, proxy_ssl_context=certificates
            )
        pool.pool_classes_by_scheme = dict(_pool_classes(self._sockets))
        return pool


def trusted_certificates(settings: Settings, configuration: Configuration) -> ssl.SSLContext:
    """Trust the system's authorities, or instead of them npm's `ca` or `cafile` or SSL_CERT_FILE, SSL_CERT_DIR.

    What NODE_EXTRA_CA_CERTS names is trusted as well, as npm does.
    """
    environment = settings.environment
    cafile = configuration.get("cafile") or environment.get("SSL_CERT_FILE")
    capath = environment.get("SSL_CERT_DIR")
    inline = configuration.get("ca", "")
    extra = environment.get("NODE_EXTRA_CA_CERTS")
    named = cafile or capath
    try:
        if "BEGIN CERTIFICATE" in inline:
            context = ssl.create_default_context(cadata=inline)
        elif cafile or capath:
            folder = capath if capath and Path(capath).is_dir() else None
            context = ssl.create_default_context(cafile=cafile, capath=folder)
        else:
            context = ssl.create_default_context()
        named = extra or named
        if extra:
            context.load_verify_locations(cafile=extra)
    except (OSError, ValueError) as error:
        hint = "correct npm's ca or cafile, SSL_CERT_FILE, SSL_CERT_DIR or NODE_EXTRA_CA_CERTS"
        message = f"the certificates to trust can't be read: {error.strerror if isinstance(error, OSError) else error}"
        raise ConfigurationError([Problem("certificates-unreadable", message, str(named or ""), hint=hint)]) from None
    return context


@contextlib.contextmanager
def cut_off(after: float, action: Callable[[], object]) -> Iterator[threading.Event]:
    """Do `action` in another thread if the block takes longer than so many seconds; the event tells that it did."""
    done = threading.Event()

    def act() -> None:
        done.set()
        # What is already closed needs no cutting off.
        with contextlib.suppress(OSError, ValueError, RuntimeError):
            action()

    timer = threading.Timer(after, act)
    timer.daemon = True
    timer.start()
    try:
        yield done
    finally:
        timer.cancel()


class _Sockets:
    """The sockets that are in use; they leave by themselves when nothing holds them any more."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._sockets = weakref.WeakSet[socket.socket]()

    def add(self, connected: socket.socket) -> None:
        with self._lock:
            self._sockets.add(connected)

    def shut(self) -> None:
        with self._lock:
            for connected in self._sockets:
                _shut(connected)


def _shut(connected: socket.socket) -> None:
    # Not the method of a TLS socket, which would take the session from under a thread that is reading.
    with contextlib.suppress(OSError):
        socket.socket.shutdown(connected, socket.SHUT_RDWR)


def _pool_classes(sockets: _Sockets) -> dict[str, type[HTTPConnectionPool]]:
    class Connection(HTTPConnection):
        def connect(self) -> None:
            super().connect()
            sockets.add(self.sock)

        def getresponse(self) -> HTTPResponse:  # type: ignore[override]
            return _in_time(self.sock, self.timeout, super().getresponse)

    class SecureConnection(HTTPSConnection):
        def connect(self) -> None:
            super().connect()
            sockets.add(self.sock)

        def getresponse(self) -> HTTPResponse:  # type: ignore[override]
            return _in_time(self.sock, self.timeout, super().getresponse)

    class Pool(HTTPConnectionPool):
        ConnectionCls = Connection

    class SecurePool(HTTPSConnectionPool):
        ConnectionCls = SecureConnection

    return {"http": Pool, "https": SecurePool}


def _in_time(connected: socket.socket, seconds: object, read: Callable[[], HTTPResponse]) -> HTTPResponse:
    """Read the head of a response, all of it within the time that one silence may last."""
    # A socket's timeout starts anew with each octet: a head that drips could take for ever.
    after = float(seconds) if isinstance(seconds, (int, float)) else _DEFAULT_SECONDS
    with cut_off(after, lambda: _shut(connected)) as too_late:
        response = read()
    if too_late.is_set():
        # A head that ends in the middle is not taken for a whole one.
        response.close()
        raise TimeoutError
    return response


def _proxy(text: str) -> tuple[str, dict[str, str]]:
    try:
        parts = parse_url(text if "://" in text else f"http://{text}")
    except LocationParseError:
        parts = None
    if parts is None or parts.scheme not in ("http", "https") or not parts.host:
        hint = "correct npm's https-proxy or proxy, or HTTPS_PROXY and HTTP_PROXY"
        raise ConfigurationError([Problem("proxy-address", "the proxy's address is wrong", hint=hint)])
    fields = make_headers(proxy_basic_auth=unquote(parts.auth)) if parts.auth else {}
    return parts._replace(auth=None).url, dict(fields)
