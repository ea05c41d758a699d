"""Downloads (RFC 9110): one GET with redirects, retries, ranges and limits of size and time.

Never sends credentials past the registry's own origin, never goes from https to http, never prints.
"""

from __future__ import annotations

import re
import ssl
import threading
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime

from urllib3 import BaseHTTPResponse
from urllib3 import exceptions as broken

from cdnserve.errors import ConfigurationError, Problem
from cdnserve.libraries.registries.address import Address
from cdnserve.libraries.registries.connections import Connections, cut_off
from cdnserve.libraries.registries.receiving import Sink, continues, strong_validator
from cdnserve.libraries.registries.registry import Registry
from cdnserve.libraries.settings import Limits, Progress, Settings, Silent
from cdnserve.libraries.wording import counted, shown

PIECE = 2**16
REDIRECTS = frozenset({301, 302, 303, 307, 308})
# Worth another try: RFC 9110 §15.5.9, RFC 8470 §5.2, RFC 6585 §4, and whatever the server says went wrong with itself.
PASSING = frozenset({408, 425, 429})


class StoppedError(Exception):
    """Says that the download was called off by `Client.stop`."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """One download: what, from where, at most how many octets, and who hears of it under which label."""

    what: str
    address: Address
    registry: Registry
    limit: int
    fields: tuple[tuple[str, str], ...] = ()
    progress: Progress = field(default_factory=Silent)
    label: str = ""


@dataclass(frozen=True, slots=True)
class Received:
    """How the server answered in the end; the body is in the sink if, and only if, the status is 200.

    One that `was_continued` came in several responses; that they belong together, only their entity tags say.
    """

    status: int
    coding: str = ""
    was_continued: bool = False


@dataclass(frozen=True, slots=True)
class _Setback:
    """A failure that may pass; `pause` is what the server asks for, in seconds."""

    why: str
    pause: float | None = None


@dataclass(frozen=True, slots=True)
class _Task:
    """A download under way: into which sink, until when."""

    wanted: Wanted
    sink: Sink
    deadline: float


class Client:
    """Downloads for one command, from several threads at once."""

    def __init__(self, connections: Connections, settings: Settings) -> None:
        self._connections = connections
        self._settings = settings
        self._stopping = threading.Event()

    @property
    def _limits(self) -> Limits:
        return self._settings.limits

    def stop(self) -> None:
        """Call all downloads off; each raises `StoppedError` soon."""
        self._stopping.set()
        self._connections.cut()

    def require_going(self) -> None:
        """Raise `StoppedError` once all was called off."""
        if self._stopping.is_set():
            raise StoppedError

    def fetch(self, wanted: Wanted, sink: Sink) -> Received:
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
        if self._settings.clock() + pause > task.deadline:
            return False
        task.wanted.progress.retry(task.wanted.label, setback.why, pause)
        if self._settings.wait(self._stopping, pause):
            raise StoppedError
        return True

    def _attempt(self, task: _Task) -> Received | _Setback:
        address, registry = task.wanted.address, task.wanted.registry
        authorization = registry.authorization(address)
        for _ in range(self._limits.redirects + 1):
            answer = self._request(task, address, authorization)
            if not isinstance(answer, Address):
                return answer
            # Once another origin has had a hand in the way, nothing secret is sent any more, not even back home.
            authorization = registry.authorization(answer) if authorization else None
            address = answer
        message = f"{task.wanted.what}: the registry redirects too often"
        raise ConfigurationError([Problem("registry-redirect", message, address.shown)])

    def _request(self, task: _Task, address: Address, authorization: str | None) -> Address | Received | _Setback:
        fields = {"User-Agent": "cdnserve", "Accept-Encoding": "identity", **dict(task.wanted.fields)}
        if authorization:
            fields["Authorization"] = authorization
        if task.sink.size and task.sink.validator:
            # RFC 9110 §13.1.5: the rest, but the whole again if it is no longer the same.
            fields |= {"Range": f"bytes={task.sink.size}-", "If-Range": task.sink.validator}
        if late := self._too_late(task.deadline):
            return late
        try:
            return self._answer(self._connections.open(address, fields), task, address)
        except broken.HTTPError as error:
            return self._too_late(task.deadline) or _setback(error, task.wanted, address)
        except (ValueError, AttributeError):
            # A TLS socket that is cut off in the middle of another thread's read may lose its session there.
            late = self._too_late(task.deadline)
            if not late:
                raise
            return late

    def _too_late(self, deadline: float) -> _Setback | None:
        self.require_going()
        return _Setback("it takes too long") if self._settings.clock() >= deadline else None

    def _answer(self, response: BaseHTTPResponse, task: _Task, address: Address) -> Address | Received | _Setback:
        try:
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
        finally:
            # What is left unread may be endless; such a connection is of no more use.
            response.close()

    def _received(self, response: BaseHTTPResponse, task: _Task) -> Received:
        size = response.headers.get("Content-Length", "")
        expected = int(size) + task.sink.size if re.fullmatch(r"[0-9]{1,18}", size, re.ASCII) else None
        if expected is not None and expected > task.wanted.limit:
            raise _too_large(task.wanted)
        task.wanted.progress.begin(task.wanted.label, expected)
        if task.sink.size:
            task.wanted.progress.advance(task.wanted.label, task.sink.size)
        with cut_off(max(task.deadline - self._settings.clock(), 0.0), response.shutdown):
            self._copy(response, task)
        # A connection that was cut off looks like one that ended well where no length was given.
        if self._too_late(task.deadline):
            raise broken.TimeoutError
        coding = response.headers.get("Content-Encoding", "").strip().lower()
        return Received(200, coding, was_continued=response.status == 206)

    def _copy(self, response: BaseHTTPResponse, task: _Task) -> None:
        while piece := response.read1(PIECE):
            if task.sink.size + len(piece) > task.wanted.limit:
                raise _too_large(task.wanted)
            if self._too_late(task.deadline):
                raise broken.TimeoutError
            task.sink.write(piece)
            task.wanted.progress.advance(task.wanted.label, len(piece))


def _is_continuation(response: BaseHTTPResponse, sink: Sink) -> bool:
    if response.status != 206 or not (sink.size and sink.validator):
        return False
    # RFC 9110 §15.3.7: a part of an If-Range need not repeat the entity tag, but must not have another.
    same = response.headers.get("ETag", sink.validator) == sink.validator
    return same and continues(response.headers.get("Content-Range", ""), sink.size)


def _target(response: BaseHTTPResponse, wanted: Wanted, address: Address) -> Address:
    location = response.headers.get("Location", "")
    try:
        if not location:
            raise ValueError("it names no address")
        target = address.join(location)
        if address.scheme == "https" and target.scheme == "http":
            raise ValueError("it leads from https to http")
    except ValueError as error:
        message = f"{wanted.what}: a redirect can't be followed: {error}"
        raise ConfigurationError([Problem("registry-redirect", message, address.shown, shown(location))]) from None
    return target


def _setback(error: broken.HTTPError, wanted: Wanted, address: Address) -> _Setback:
    cause = error.args[0] if error.args else None
    if isinstance(error, broken.ProxyError):
        return _Setback("the proxy can't be reached")
    if isinstance(cause, ssl.SSLCertVerificationError):
        hint = "name your authority by npm's cafile, SSL_CERT_FILE or NODE_EXTRA_CA_CERTS, if the host is the right one"
        message = f"{wanted.what}: the host's certificate is not trusted: {cause.verify_message}"
        raise ConfigurationError([Problem("registry-certificate", message, address.shown, hint=hint)])
    if isinstance(error, broken.NameResolutionError):
        return _Setback("the host's name has no address")
    if isinstance(error, broken.NewConnectionError):
        return _Setback("the host takes no connection")
    if isinstance(error, broken.TimeoutError):
        return _Setback("no answer came in time")
    return _Setback("the connection broke off")


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


def _too_large(wanted: Wanted) -> ConfigurationError:
    message = f"{wanted.what} is larger than {counted(wanted.limit)}"
    return ConfigurationError([Problem("registry-too-large", message, wanted.address.shown)])


def _failed(wanted: Wanted, why: str) -> ConfigurationError:
    hint = "try again later; check the registry's address, the network and the proxy"
    return ConfigurationError(
        [Problem("registry-unreachable", f"{wanted.what}: {why}", wanted.address.shown, hint=hint)]
    )
