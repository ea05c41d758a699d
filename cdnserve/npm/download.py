"""Downloads (RFC 9110): one GET with redirects, retries, ranges and limits of size and time.

Never sends credentials past the registry's own origin, and never goes from https to http.
"""

from __future__ import annotations

import hashlib
import io
import re
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from typing import BinaryIO, Protocol

from cdnserve.client import REDIRECTS, TOO_LATE, HttpClient, HttpExchange, NoAnswerError, OutgoingRequest, Response
from cdnserve.display import excerpt, readable_size
from cdnserve.errors import ConfigurationError, Problem
from cdnserve.npm.registry import HttpUrl, Registry
from cdnserve.npm.settings import DownloadLimits, NpmSettings
from cdnserve.rules.integrity import DEFAULT_ALGORITHM, hash_expression, parse_metadata, strongest


class DownloadProgress(Protocol):
    """Follows every download; called from several threads at once.

    A `library` is a name, for what the registry says of it, or NAME@VERSION, for its tarball.
    """

    def begin(self, library: str, size: int | None) -> None:
        """Note that a download begins, or begins again after a failure; `size` is `None` when unknown."""

    def advance(self, library: str, octets: int) -> None:
        """Note that more octets have come."""

    def finish(self, library: str) -> None:
        """Note that it is done: for a tarball, that it is verified and unpacked; one that began nowhere may finish."""

    def retry(self, library: str, why: str, pause: float) -> None:
        """Note that a download failed, and is tried again after so many seconds."""


class Silent:
    """Progress that nobody looks at."""

    def begin(self, library: str, size: int | None) -> None:
        """Do nothing."""

    def advance(self, library: str, octets: int) -> None:
        """Do nothing."""

    def finish(self, library: str) -> None:
        """Do nothing."""

    def retry(self, library: str, why: str, pause: float) -> None:
        """Do nothing."""


_PIECE = 2**18
# RFC 9110 §13.1.5: If-Range needs a strong validator; entity tags of any length would end up in files.
_STRONG = re.compile(r'"[\x21\x23-\x7e]{1,200}"', re.ASCII)


class Sink(Protocol):
    """Where the octets of one download go."""

    @property
    def size(self) -> int:
        """How many octets have come."""

    @property
    def validator(self) -> str:
        """The strong entity tag of what has come, `""` if it can't be continued."""

    def restart(self, validator: str) -> None:
        """Forget what has come; what comes now has this entity tag, `""` for none that is strong."""

    def write(self, piece: bytes) -> None:
        """Take the next octets."""


class Buffer:
    """A download in memory, which begins anew after each failure."""

    validator = ""

    def __init__(self) -> None:
        self._content = io.BytesIO()

    @property
    def size(self) -> int:
        """How many octets have come."""
        return self._content.tell()

    @property
    def data(self) -> bytes:
        """All that has come."""
        return self._content.getvalue()

    def restart(self, validator: str) -> None:  # noqa: ARG002 - the protocol's signature
        """Forget what has come."""
        self._content.seek(0)
        self._content.truncate()

    def write(self, piece: bytes) -> None:
        """Take the next octets."""
        self._content.write(piece)


class Measured:
    """A download in a file, with its digest; `begun` is the entity tag of what the file holds already.

    What is measured is the digest of the integrity's strongest algorithm. `note` is told the entity tag of what
    begins to come, so that another command may continue it.
    """

    def __init__(
        self,
        file: BinaryIO,
        integrity: str,
        begun: str = "",
        note: Callable[[str], None] = lambda _validator: None,
    ) -> None:
        self.file = file
        self._algorithm = algorithm_of(integrity)
        self._note = note
        self.validator = begun
        self._begin()
        if begun:
            file.seek(0)
            while piece := file.read(_PIECE):
                self._count(piece)

    def restart(self, validator: str) -> None:
        """Forget what has come."""
        self.file.seek(0)
        self.file.truncate()
        self.validator = validator
        self._begin()
        self._note(validator)

    def write(self, piece: bytes) -> None:
        """Take the next octets."""
        self.file.write(piece)
        self._count(piece)

    @property
    def expression(self) -> str:
        """The hash expression of what has come, `""` where no algorithm is known to measure with."""
        return hash_expression(self._algorithm, self._digest.digest()) if self._algorithm else ""

    def _begin(self) -> None:
        self.size = 0
        self._digest = hashlib.new(self._algorithm or DEFAULT_ALGORITHM)

    def _count(self, piece: bytes) -> None:
        self.size += len(piece)
        self._digest.update(piece)


def algorithm_of(integrity: str) -> str:
    """Return the strongest algorithm of integrity metadata, `""` if it has none that counts.

    >>> algorithm_of("sha1-AAAA sha256-AAAA sha512-AAAA"), algorithm_of("sha1-AAAA")
    ('sha512', '')
    """
    return next((expression.algorithm for expression in strongest(parse_metadata(integrity))), "")


def strong_validator(entity_tag: str) -> str:
    """Return an ETag field's value if it is strong and well-formed, else `""`.

    >>> strong_validator('"x1"'), strong_validator('W/"x1"'), strong_validator("x1")
    ('"x1"', '', '')
    """
    return entity_tag if _STRONG.fullmatch(entity_tag) else ""


def continues(content_range: str, size: int) -> bool:
    """Return whether a Content-Range (RFC 9110 §14.4) goes on behind so many octets.

    >>> continues("bytes 10-19/20", 10), continues("bytes 10-19/*", 9), continues("pages 10-19/20", 10)
    (True, False, False)
    """
    match = re.fullmatch(r"bytes ([0-9]{1,18})-([0-9]{1,18})/(?:[0-9]{1,18}|\*)", content_range, re.ASCII)
    return match is not None and int(match[1]) == size <= int(match[2])


# Worth another try: RFC 9110 §15.5.9, RFC 8470 §5.2, RFC 6585 §4, and whatever the server says went wrong with itself.
PASSING = frozenset({408, 425, 429})


class StoppedError(Exception):
    """The download was called off by `Client.stop`."""


@dataclass(frozen=True, slots=True)
class Download:
    """One download: what, from where, at most how many octets, and who hears of it under which label."""

    what: str
    address: HttpUrl
    registry: Registry
    limit: int
    fields: tuple[tuple[str, str], ...] = ()
    progress: DownloadProgress = field(default_factory=Silent)
    label: str = ""


@dataclass(frozen=True, slots=True)
class Received:
    """How the server answered in the end; the body is in the sink if, and only if, the status is 200.

    One that `was_continued` came in several responses; that they belong together, only their entity tags say.
    """

    status: int
    coding: str = "identity"
    was_continued: bool = False


@dataclass(frozen=True, slots=True)
class _Setback:
    """A failure that may pass; `pause` is what the server asks for, in seconds."""

    why: str
    pause: float | None = None


@dataclass(frozen=True, slots=True)
class _Task:
    """A download under way: into which sink, and until when it is tried again; later for what has come."""

    wanted: Download
    sink: Sink
    deadline: float


class RegistryClient:
    """Downloads for one command, from several threads at once."""

    def __init__(self, http: HttpClient, settings: NpmSettings) -> None:
        self._http = http
        self._settings = settings
        self._stopping = threading.Event()

    @property
    def _limits(self) -> DownloadLimits:
        return self._settings.limits

    def stop(self) -> None:
        """Call all downloads off; each raises `StoppedError` soon."""
        self._stopping.set()
        self._http.cut()

    def require_going(self) -> None:
        """Raise `StoppedError` once all was called off."""
        if self._stopping.is_set():
            raise StoppedError

    def fetch(self, wanted: Download, sink: Sink) -> Received:
        """Download into the sink; raise ConfigurationError for all but a 200 and a 4xx that won't pass.

        What the sink holds already is continued if the server still has the same.
        """
        task = _Task(wanted, sink, self._settings.clock() + self._limits.total)
        setback = _Setback("")
        for attempt in range(self._limits.attempts):
            if attempt and not self._wait(setback, attempt, task):
                break
            answer = self._attempt(task)
            if isinstance(answer, Received):
                return answer
            setback = answer
        raise _failed(wanted, setback.why)

    def _wait(self, setback: _Setback, attempt: int, task: _Task) -> bool:
        """Pause before another attempt; say no if the server or the time left forbids it."""
        pause = min(self._limits.first_pause * 2.0 ** (attempt - 1), self._limits.longest_pause)
        # Between half of it and all of it, so that clients that failed together don't come back together.
        pause *= 0.5 + 0.5 * self._settings.chance()
        if setback.pause is not None:
            # Coming back sooner than a server asks is no politeness: give up instead.
            if setback.pause > self._limits.longest_pause:
                return False
            pause = max(pause, setback.pause)
        if self._settings.clock() + pause > self._deadline(task):
            return False
        task.wanted.progress.retry(task.wanted.label, setback.why, pause)
        if self._settings.wait(self._stopping, pause):
            raise StoppedError
        return True

    def _attempt(self, task: _Task) -> Received | _Setback:
        address, registry = task.wanted.address, task.wanted.registry
        authorization = registry.authorization(address)
        with self._http.exchange() as exchange:
            for _ in range(self._limits.redirects + 1):
                answer = self._request(exchange, task, address, authorization)
                if not isinstance(answer, HttpUrl):
                    return answer
                # Once another origin has had a hand in the way, nothing secret is sent any more, not even back home.
                authorization = registry.authorization(answer) if authorization else None
                address = answer
        message = f"{task.wanted.what}: the registry redirects too often"
        raise ConfigurationError([Problem("registry-redirect", message, address.shown)])

    def _request(
        self, exchange: HttpExchange, task: _Task, address: HttpUrl, authorization: str | None
    ) -> HttpUrl | Received | _Setback:
        fields = {"User-Agent": "cdnserve", "Accept-Encoding": "identity", **dict(task.wanted.fields)}
        if authorization:
            fields["Authorization"] = authorization
        if task.sink.size and task.sink.validator:
            # RFC 9110 §13.1.5: the rest, but the whole again if it is no longer the same.
            fields |= {"Range": f"bytes={task.sink.size}-", "If-Range": task.sink.validator}
        self.require_going()
        if self._settings.clock() >= self._deadline(task):
            return _Setback(TOO_LATE)
        try:
            with exchange.ask(OutgoingRequest(str(address), fields)) as response:
                return self._answer(response, task, address)
        except NoAnswerError as error:
            self.require_going()
            if error.is_distrust:
                raise _distrusted(error, task.wanted, address) from None
            return _Setback(str(error))

    def _deadline(self, task: _Task) -> float:
        return task.deadline + task.sink.size / self._limits.rate

    def _answer(self, response: Response, task: _Task, address: HttpUrl) -> HttpUrl | Received | _Setback:
        if response.status in REDIRECTS:
            return _target(response, task.wanted, address)
        if response.status == 200:
            task.sink.restart(strong_validator(response.headers.get("ETag", "")))
            return self._received(response, task)
        if _is_continuation(response, task.sink):
            return self._received(response, task)
        if response.status in (206, 416) and task.sink.size:
            # Not the part that was asked for, or none: the next attempt asks for the whole.
            task.sink.restart("")
            return _Setback("it doesn't continue what it began")
        if 400 <= response.status < 500 and response.status not in PASSING:
            return Received(response.status)
        pause = _asked_pause(response.headers.get("Retry-After", ""), self._settings.now())
        asks = "" if pause is None else f" and asks for a pause of {pause:.0f} s"
        return _Setback(f"it answers with status {response.status}{asks}", pause)

    def _received(self, response: Response, task: _Task) -> Received:
        size = response.headers.get("Content-Length", "")
        expected = int(size) + task.sink.size if re.fullmatch(r"[0-9]{1,18}", size, re.ASCII) else None
        if expected is not None and expected > task.wanted.limit:
            raise _too_large(task.wanted)
        task.wanted.progress.begin(task.wanted.label, expected)
        if task.sink.size:
            task.wanted.progress.advance(task.wanted.label, task.sink.size)
        for piece in response.pieces():
            if task.sink.size + len(piece) > task.wanted.limit:
                raise _too_large(task.wanted)
            task.sink.write(piece)
            task.wanted.progress.advance(task.wanted.label, len(piece))
        return Received(200, response.coding, was_continued=response.status == 206)


def _is_continuation(response: Response, sink: Sink) -> bool:
    if response.status != 206 or not (sink.size and sink.validator):
        return False
    # RFC 9110 §15.3.7: a part of an If-Range need not repeat the entity tag, but must not have another.
    same = response.headers.get("ETag", sink.validator) == sink.validator
    return same and continues(response.headers.get("Content-Range", ""), sink.size)


def _target(response: Response, wanted: Download, address: HttpUrl) -> HttpUrl:
    location = response.headers.get("Location", "")
    try:
        if not location:
            raise ValueError("it names no address")
        target = address.join(location)
        if address.scheme == "https" and target.scheme == "http":
            raise ValueError("it leads from https to http")
    except ValueError as error:
        message = f"{wanted.what}: a redirect can't be followed: {error}"
        raise ConfigurationError([Problem("registry-redirect", message, address.shown, excerpt(location))]) from None
    return target


def _distrusted(error: NoAnswerError, wanted: Download, address: HttpUrl) -> ConfigurationError:
    hint = "name your authority by npm's cafile, SSL_CERT_FILE or NODE_EXTRA_CA_CERTS, if the host is the right one"
    return ConfigurationError([Problem("registry-certificate", f"{wanted.what}: {error}", address.shown, hint=hint)])


def _asked_pause(value: str, now: float) -> float | None:
    """Read Retry-After (RFC 9110 §10.2.3): seconds or a date; what is neither is as good as absent.

    >>> _asked_pause("120", 0), _asked_pause("Thu, 01 Jan 1970 00:01:00 GMT", 0), _asked_pause("soon", 0)
    (120.0, 60.0, None)
    """
    if re.fullmatch(r"[0-9]{1,9}", value, re.ASCII):
        return float(value)
    try:
        return max(parsedate_to_datetime(value).timestamp() - now, 0.0)
    except (ValueError, OverflowError):
        return None


def _too_large(wanted: Download) -> ConfigurationError:
    message = f"{wanted.what} is larger than {readable_size(wanted.limit)}"
    return ConfigurationError([Problem("registry-too-large", message, wanted.address.shown)])


def _failed(wanted: Download, why: str) -> ConfigurationError:
    hint = "try again later; check the registry's address, the network and the proxy"
    return ConfigurationError(
        [Problem("registry-unreachable", f"{wanted.what}: {why}", wanted.address.shown, hint=hint)]
    )
