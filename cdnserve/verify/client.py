"""The client: one request to one host, answered as values, over HTTP/1.1.

Never follows a redirect, keeps a cookie, or asks a proxy: what answers is what the URL names, or stands in for it.
"""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from urllib.parse import urlsplit

from urllib3 import disable_warnings
from urllib3.exceptions import InsecureRequestWarning
from urllib3.util import SKIP_HEADER

from cdnserve.client import HttpClient, NoAnswerError, Patience, Request
from cdnserve.errors import ConfigurationError, Problem
from cdnserve.verify.answers import Answer, NoAnswer
from cdnserve.verify.questions import Question
from cdnserve.verify.receiving import receive

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

    def __init__(self, target: Target, manner: Manner, patience: Patience | None = None) -> None:
        self._target = target
        self._manner = manner
        self._http = HttpClient(patience or Patience(), lambda: _context(manner), at_once=manner.concurrency)
        if manner.insecure:
            # Whoever says so knows.
            disable_warnings(InsecureRequestWarning)

    def close(self) -> None:
        """Close every connection."""
        self._http.close()

    def ask(self, question: Question, limit: int, query: str = "") -> Answer | NoAnswer:
        """Send a request, once more where the connection broke; no more than `limit` octets are read."""
        answer = NoAnswer("it was not asked")
        for _ in range(_ATTEMPTS):
            try:
                return self._ask(self._request(question, query), limit)
            except NoAnswerError as error:
                answer = NoAnswer(str(error))
        return answer

    def _request(self, question: Question, query: str) -> Request:
        target = self._target
        fields = {"Host": target.authority, "User-Agent": "cdnserve", "Accept-Encoding": SKIP_HEADER}
        fields |= dict(self._manner.fields)
        for name, value in question.fields:
            fields["Accept-Encoding" if name == "accept-encoding" else name] = value
        url = f"{target.url}{question.target}{query}"
        return Request(url, fields, question.method, (target.address, target.address_port))

    def _ask(self, request: Request, limit: int) -> Answer:
        with self._http.exchange() as exchange, exchange.ask(request) as response:
            headers = tuple((name.lower(), value) for name, value in response.headers.iteritems())
            return Answer(response.status, headers, receive(response.pieces(), response.coding, limit))


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


def _refused(url: str, why: str) -> Problem:
    return Problem("edge-url", "this can't be verified", url, why, "give a base URL such as https://cdn.example.com")
