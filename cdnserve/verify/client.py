"""The client: one request to one host, answered as values, over HTTP/1.1.

No redirect is followed, no cookie kept and no proxy asked: what answers is what the URL names, or stands in for it.
"""

from __future__ import annotations

import math
import ssl
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256, sha384
from urllib.parse import urlsplit

from urllib3.util import SKIP_HEADER

from cdnserve.client import HttpClient, NoAnswerError, OutgoingRequest, Patience
from cdnserve.decode import Decoder, UndecodableError, decoder
from cdnserve.errors import ConfigurationError, Problem
from cdnserve.verify.question import Question

OPENING = 64 * 1024
ENDING = 64
TIMEOUT = 600.0

_ATTEMPTS = 2

_PORTS = {"http": 80, "https": 443}


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
class ClientOptions:
    """How to ask: with which fields besides our own, whom to trust, on how many connections at once, and for how long.

    `timeout` is in seconds, for all that is asked of one path.
    """

    fields: tuple[tuple[str, str], ...] = ()
    ca: str = ""
    insecure: bool = False
    concurrency: int = 8
    timeout: float = TIMEOUT


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


@dataclass(frozen=True, slots=True)
class ReceivedContent:
    """What was received: digests of the octets as they came, and of what is left when the content coding is off.

    `plain_sha384` is `None` where the coding is unknown or damaged, or the content endless. `opening` and `ending`
    are the first and the last octets as they came, `plain` the first ones without the coding.
    """

    length: int
    sha256: bytes
    plain_sha384: bytes | None
    opening: bytes
    ending: bytes
    plain: bytes


@dataclass(frozen=True, slots=True)
class EdgeResponse:
    """A response; field names are in lower case, one entry for each line."""

    status: int
    fields: tuple[tuple[str, str], ...]
    content: ReceivedContent

    def values(self, name: str) -> tuple[str, ...]:
        """Return the value of each line of a field."""
        return tuple(value.strip() for key, value in self.fields if key == name)

    def value(self, name: str) -> str | None:
        """Return a field's combined value, `None` where the field is absent."""
        values = self.values(name)
        return ", ".join(values) if values else None

    @property
    def coding(self) -> str:
        """The content coding, in lower case."""
        return (self.value("content-encoding") or "identity").lower()


@dataclass(frozen=True, slots=True)
class NoAnswer:
    """Why there is no answer, in words; `is_final` where no time is left for what else would be asked."""

    reason: str
    is_final: bool = False


class EdgeClient:
    """Asks one host, from several threads at once."""

    def __init__(self, target: Target, options: ClientOptions, patience: Patience | None = None) -> None:
        self._target = target
        self._options = options
        self._http = HttpClient(patience or Patience(), lambda: _context(options), at_once=options.concurrency)
        self._here = threading.local()

    def close(self) -> None:
        """Close every connection."""
        self._http.close()

    @contextmanager
    def one_path(self) -> Iterator[None]:
        """Begin a path in this thread: whatever is asked in the block has the time of one path together."""
        self._here.until = self._http.clock() + self._options.timeout
        try:
            yield
        finally:
            del self._here.until

    def ask(self, question: Question, limit: int, query: str = "") -> EdgeResponse | NoAnswer:
        """Send a request, once more where the connection broke; no more than `limit` octets are read."""
        answer = NoAnswer("it was not asked")
        until = getattr(self._here, "until", math.inf)
        for _ in range(_ATTEMPTS):
            try:
                return self._ask(self._request(question, query), limit, until)
            except NoAnswerError as error:
                answer = NoAnswer(str(error))
            if self._http.clock() >= until:
                return NoAnswer(f"more than {self._options.timeout:g} s for one path", is_final=True)
        return answer

    def _request(self, question: Question, query: str) -> OutgoingRequest:
        target = self._target
        fields = {"Host": target.authority, "User-Agent": "cdnserve", "Accept-Encoding": SKIP_HEADER}
        fields |= dict(self._options.fields)
        for name, value in question.fields:
            fields["Accept-Encoding" if name == "accept-encoding" else name] = value
        url = f"{target.url}{question.target}{query}"
        return OutgoingRequest(url, fields, question.method, (target.address, target.address_port))

    def _ask(self, request: OutgoingRequest, limit: int, until: float) -> EdgeResponse:
        with self._http.exchange(until) as exchange, exchange.ask(request) as response:
            headers = tuple((name.lower(), value) for name, value in response.headers.iteritems())
            return EdgeResponse(response.status, headers, receive(response.pieces(), response.coding, limit))


def _context(options: ClientOptions) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=options.ca or None)
    except (OSError, ValueError) as error:
        message = "the certificates to trust can't be read"
        raise ConfigurationError([Problem("certificates-unreadable", message, options.ca, str(error))]) from None
    if options.insecure:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def _refused(url: str, why: str) -> Problem:
    return Problem("edge-url", "this can't be verified", url, why, "give a base URL such as https://cdn.example.com")


def receive(pieces: Iterable[bytes], coding: str, limit: int) -> ReceivedContent:
    """Take content in; neither it nor what it decodes to is read further than `limit` octets."""
    digest, length, opening, ending = sha256(), 0, b"", b""
    plain = _Plain(coding, limit)
    for piece in pieces:
        digest.update(piece)
        length += len(piece)
        opening += piece[: OPENING - len(opening)]
        ending = (ending + piece)[-ENDING:]
        plain.take(piece)
        if length > limit:
            break
    whole = plain.sha384 if length <= limit else None
    return ReceivedContent(length, digest.digest(), whole, opening, ending, plain.opening)


class _Plain:
    """What is left when the coding is off, while it can be taken off and is no longer than the limit."""

    def __init__(self, coding: str, limit: int) -> None:
        self._digest = sha384()
        self._left = limit
        self._decode: Decoder | None = None
        self.opening = b""
        try:
            self._decode = decoder(coding)
        except UndecodableError:
            return

    def take(self, octets: bytes) -> None:
        try:
            for piece in self._decode(octets) if self._decode else ():
                self._digest.update(piece)
                self.opening += piece[: OPENING - len(self.opening)]
                self._left -= len(piece)
                if self._left < 0:
                    self._decode = None
                    return
        except UndecodableError:
            self._decode = None

    @property
    def sha384(self) -> bytes | None:
        return self._digest.digest() if self._decode else None
