"""A file of somebody else's, by URL (RFC 9110): the content that a browser would hash, and what speaks against it.

Never sends credentials, never goes from https to http, never holds more than the limit.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from urllib3 import BaseHTTPResponse, HTTPResponse
from urllib3 import exceptions as broken

from cdnserve.errors import ConfigurationError, Problem
from cdnserve.libraries.registries.address import Address, parse_address
from cdnserve.libraries.registries.client import PIECE, REDIRECTS
from cdnserve.libraries.registries.configuration import read_configuration
from cdnserve.libraries.registries.connections import Connections, cut_off
from cdnserve.libraries.settings import Settings
from cdnserve.libraries.wording import counted, shown
from cdnserve.rules.integrity import varying

# RFC 2606: nobody's origin, so what is allowed for it is allowed for any.
_STRANGER = "https://page.example"
_FIELDS = {"User-Agent": "cdnserve", "Accept-Encoding": "identity", "Origin": _STRANGER}


@dataclass(frozen=True, slots=True)
class Remote:
    """A response: its last URL, its content without content codings, its Content-Type, and remarks on it.

    `varies` says why another browser, or the next request, may get other bytes, `""` where nothing says so.
    """

    url: str
    content: bytes
    media_type: str
    remarks: tuple[str, ...]
    varies: str = ""


def fetch(url: str, settings: Settings) -> Remote:
    """Fetch a URL; raise ConfigurationError for all but a whole 200."""
    connections = Connections(settings, read_configuration(settings))
    try:
        first = last = parse_address(url)
        for _ in range(settings.limits.redirects + 1):
            answer = _ask(connections, last, settings)
            if isinstance(answer, Remote):
                return replace(answer, url=str(last), remarks=answer.remarks + _remarks(first, last))
            last = answer
    except ValueError as error:
        raise ConfigurationError([Problem("target-url", f"the URL can't be used: {error}", url)]) from None
    except broken.HTTPError as error:
        raise ConfigurationError([Problem("target-unreachable", _reason(error), url)]) from None
    finally:
        connections.close()
    raise ConfigurationError([Problem("target-unreachable", "it redirects too often", url)])


def _ask(connections: Connections, address: Address, settings: Settings) -> Address | Remote:
    response = connections.open(address, dict(_FIELDS))
    try:
        if response.status in REDIRECTS and (location := response.headers.get("Location")):
            target = address.join(location)
            if (address.scheme, target.scheme) == ("https", "http"):
                raise ValueError("it redirects from https to http")
            return target
        if response.status != 200:
            message = f"the answer has status {response.status}, not 200"
            raise ConfigurationError([Problem("target-unreachable", message, address.shown)])
        deadline = settings.clock() + settings.limits.total
        with cut_off(settings.limits.total, response.shutdown):
            content = _content(response, address, settings.limits.metadata)
        # What was cut off looks like what ended well, where no length was given.
        if settings.clock() >= deadline:
            raise broken.TimeoutError
        media_type = response.headers.get("Content-Type", "")
        varies = varying(response.headers.get("Vary", ""), response.headers.get("Cache-Control", ""))
        return Remote("", content, media_type, _readable(response), varies)
    finally:
        response.close()


def _content(response: BaseHTTPResponse, address: Address, limit: int) -> bytes:
    # Browsers hash what is left when the content codings are off; what can't be taken off can't be hashed.
    coding = response.headers.get("Content-Encoding", "").strip().lower()
    if coding not in ("", "identity", *HTTPResponse.CONTENT_DECODERS):
        message = "its content coding is not known, so what browsers hash is not known"
        raise ConfigurationError([Problem("target-coding", message, address.shown, shown(coding))])
    pieces, size = [], 0
    for piece in response.stream(PIECE, decode_content=True):
        size += len(piece)
        if size > limit:
            message = f"it is larger than {counted(limit)}"
            raise ConfigurationError([Problem("target-too-large", message, address.shown)])
        pieces.append(piece)
    return b"".join(pieces)


def _readable(response: BaseHTTPResponse) -> tuple[str, ...]:
    if response.headers.get("Access-Control-Allow-Origin") in ("*", _STRANGER):
        return ()
    return ("its server does not let pages of any origin read it (CORS), so a tag with crossorigin may be blocked",)


def _remarks(first: Address, last: Address) -> tuple[str, ...]:
    remarks = (f"redirected from {first.shown}",) if first != last else ()
    if last.is_private:
        return remarks
    return (*remarks, "it came over http: whoever is on the way could have changed it")


def _reason(error: broken.HTTPError) -> str:
    reasons: tuple[tuple[type[broken.HTTPError], str], ...] = (
        (broken.ProxyError, "the proxy can't be reached"),
        (broken.NameResolutionError, "the host's name has no address"),
        (broken.NewConnectionError, "the host takes no connection"),
        (broken.TimeoutError, "no answer came in time"),
        (broken.SSLError, "the host's certificate is not trusted, or TLS failed"),
        (broken.DecodeError, "the content coding is damaged"),
    )
    return next((words for kind, words in reasons if isinstance(error, kind)), "the connection broke off")
