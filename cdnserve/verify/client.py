"""The client: one request to one host, answered as values, over HTTP/1.1.

Never follows a redirect, keeps a cookie, or asks a proxy: what answers is what the URL names, or stands in for it.
"""

from __future__ import annotations

import ssl
import time
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import urlsplit

from urllib3 import BaseHTTPResponse, HTTPConnectionPool, HTTPSConnectionPool, disable_warnings
from urllib3 import exceptions as broken
from urllib3.exceptions import InsecureRequestWarning
from urllib3.util import SKIP_HEADER, Timeout

from cdnserve.errors import ConfigurationError, Problem
from cdnserve.verify.answers import Answer, NoAnswer
from cdnserve.verify.questions import Question
from cdnserve.verify.receiving import receive

_PIECE = 1 << 16
_CONNECT_SECONDS = 10.0
_SILENCE_SECONDS = 30.0
_TOTAL_SECONDS = 300.0
_ATTEMPTS = 2


@dataclass(frozen=True, slots=True)
class Target:
    """What is asked: a base URL in its parts, and where to connect instead of its host."""

    scheme: str
    host: str
    port: int
    prefix: str = ""
    address: str = ""
    address_port: int = 0

    @property
    def authority(self) -> str:
        """The value of Host."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _PORTS[self.scheme] else f"{host}:{self.port}"

    @property
    def url(self) -> str:
        """The base URL, without a slash at its end."""
        return f"{self.scheme}://{self.authority}{self.prefix}"


@dataclass(frozen=True, slots=True)
class Manner:
    """How to ask: with which fields besides our own, whom to trust, and on how many connections at once."""

    fields: tuple[tuple[str, str], ...] = ()
    ca: str = ""
    insecure: bool = False
    concurrency: int = 8


_PORTS = {"http": 80, "https": 443}


def parse_target(url: str, resolve: str = "") -> Target:
    """Read a base URL, and HOST or HOST:PORT to connect to instead; raise ConfigurationError for anything else."""
    try:
        parts = urlsplit(url)
        port = parts.port
        instead = urlsplit(f"//{resolve}")
        other = instead.port
    except ValueError as error:
        raise ConfigurationError([_refused(url, str(error))]) from None
    host = parts.hostname or ""
    if parts.scheme not in _PORTS or not host:
        raise ConfigurationError([_refused(url, "it is no http or https URL with a host")])
    if parts.query or parts.fragment or "@" in parts.netloc or not f"{url}{resolve}".isascii():
        raise ConfigurationError([_refused(url, "it has more than scheme, host, port and path, or is not in ASCII")])
    port = port or _PORTS[parts.scheme]
    return Target(parts.scheme, host, port, parts.path.rstrip("/"), instead.hostname or host, other or port)


class Client:
    """Asks one host, from several threads at once."""

    def __init__(self, target: Target, manner: Manner) -> None:
        self._target = target
        self._manner = manner
        self._pool = _pool(target, manner)
        if manner.insecure:
            # Whoever says so knows.
            disable_warnings(InsecureRequestWarning)

    def close(self) -> None:
        """Close every connection."""
        self._pool.close()

    def ask(self, question: Question, limit: int, query: str = "") -> Answer | NoAnswer:
        """Send a request, once more where the connection broke; no more than `limit` octets are read."""
        answer: Answer | NoAnswer = NoAnswer("it was not asked")
        for _ in range(_ATTEMPTS):
            try:
                answer = self._ask(question, limit, query)
            except (broken.HTTPError, OSError) as error:
                answer = NoAnswer(reason(error))
            if isinstance(answer, Answer):
                return answer
        return answer

    def _ask(self, question: Question, limit: int, query: str) -> Answer:
        fields = {"Host": self._target.authority, "User-Agent": "cdnserve", "Accept-Encoding": SKIP_HEADER}
        fields |= dict(self._manner.fields)
        for name, value in question.fields:
            fields["Accept-Encoding" if name == "accept-encoding" else name] = value
        target = f"{self._target.prefix}{question.target}{query}"
        response = self._pool.urlopen(
            question.method,
            target,
            headers=fields,
            redirect=False,
            retries=False,
            assert_same_host=False,
            preload_content=False,
            decode_content=False,
        )
        try:
            headers = tuple((name.lower(), value) for name, value in response.headers.iteritems())
            coding = (response.headers.get("content-encoding") or "identity").strip().lower()
            content = receive(_pieces(response), coding, limit)
            if content.length > limit:
                response.close()
            return Answer(response.status, headers, content)
        finally:
            response.release_conn()


def _pieces(response: BaseHTTPResponse) -> Iterator[bytes]:
    deadline = time.monotonic() + _TOTAL_SECONDS
    while piece := response.read1(_PIECE):
        yield piece
        if time.monotonic() > deadline:
            response.close()
            raise broken.TimeoutError


def _pool(target: Target, manner: Manner) -> HTTPConnectionPool:
    timeout = Timeout(connect=_CONNECT_SECONDS, read=_SILENCE_SECONDS)
    if target.scheme == "http":
        return HTTPConnectionPool(
            target.address, target.address_port, maxsize=manner.concurrency, block=True, timeout=timeout
        )
    return HTTPSConnectionPool(
        target.address,
        target.address_port,
        maxsize=manner.concurrency,
        block=True,
        timeout=timeout,
        ssl_context=_context(manner),
        server_hostname=target.host,
        assert_hostname=False if manner.insecure else None,
        cert_reqs=ssl.CERT_NONE if manner.insecure else ssl.CERT_REQUIRED,
    )


def _context(manner: Manner) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=manner.ca or None)
    except (OSError, ValueError) as error:
        message = "the certificates to trust can't be read"
        raise ConfigurationError([Problem("certificates-unreadable", message, manner.ca, str(error))]) from None
    if manner.insecure:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def reason(error: Exception) -> str:
    """Say in words why no answer came."""
    cause = error.args[0] if error.args else None
    if isinstance(cause, ssl.SSLCertVerificationError):
        return f"the host's certificate is not trusted: {cause.verify_message}"
    reasons: tuple[tuple[type[Exception], str], ...] = (
        (broken.NameResolutionError, "the host's name has no address"),
        (broken.NewConnectionError, "the host takes no connection"),
        (broken.ConnectTimeoutError, "the host takes no connection in time"),
        (broken.TimeoutError, "no answer came in time"),
        (broken.SSLError, "TLS failed"),
    )
    return next((words for kind, words in reasons if isinstance(error, kind)), "the connection broke off")


def _refused(url: str, why: str) -> Problem:
    return Problem("edge-url", "this can't be verified", url, why, "give a base URL such as https://cdn.example.com")
