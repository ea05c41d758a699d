"""A file of another server, by URL (RFC 9110): the content that a browser would hash, and what speaks against it.

Never goes from https to http.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from cdnserve.client import REDIRECTS, HttpExchange, NoAnswerError, OutgoingRequest, Response
from cdnserve.decode import OversizeError, UndecodableError
from cdnserve.display import excerpt, readable_size
from cdnserve.errors import ConfigurationError, Problem
from cdnserve.npm.registry import HttpUrl, http_client, parse_address
from cdnserve.npm.settings import NpmSettings, read_configuration
from cdnserve.rules.integrity import varying

# RFC 2606: nobody's origin, so what is allowed for it is allowed for any.
_OTHER_ORIGIN = "https://page.example"
_FIELDS = {"User-Agent": "cdnserve", "Accept-Encoding": "identity", "Origin": _OTHER_ORIGIN}


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


def fetch(url: str, settings: NpmSettings) -> Remote:
    """Fetch a URL; raise ConfigurationError for all but a whole 200."""
    client = http_client(settings, read_configuration(settings))
    try:
        first = last = parse_address(url)
        with client.exchange() as exchange:
            for _ in range(settings.limits.redirects + 1):
                answer = _ask(exchange, last, settings.limits.metadata)
                if isinstance(answer, Remote):
                    return replace(answer, url=str(last), remarks=answer.remarks + _remarks(first, last))
                last = answer
    except ValueError as error:
        raise ConfigurationError([Problem("target-url", f"the URL can't be used: {error}", url)]) from None
    except NoAnswerError as error:
        raise ConfigurationError([Problem("target-unreachable", str(error), url)]) from None
    finally:
        client.close()
    raise ConfigurationError([Problem("target-unreachable", "it redirects too often", url)])


def _ask(exchange: HttpExchange, address: HttpUrl, limit: int) -> HttpUrl | Remote:
    with exchange.ask(OutgoingRequest(str(address), _FIELDS)) as response:
        if response.status in REDIRECTS and (location := response.headers.get("Location")):
            target = address.join(location)
            if (address.scheme, target.scheme) == ("https", "http"):
                raise ValueError("it redirects from https to http")
            return target
        if response.status != 200:
            message = f"the answer has status {response.status}, not 200"
            raise ConfigurationError([Problem("target-unreachable", message, address.shown)])
        content = _content(response, address, limit)
        media_type = response.headers.get("Content-Type", "")
        varies = varying(response.headers.get("Vary", ""), response.headers.get("Cache-Control", ""))
        return Remote("", content, media_type, _readable(response), varies)


def _content(response: Response, address: HttpUrl, limit: int) -> bytes:
    # Browsers hash what is left when the content codings are off; what can't be taken off can't be hashed.
    try:
        return response.content(limit)
    except UndecodableError as error:
        message = "its content coding can't be taken off, so what browsers hash is not known"
        raise ConfigurationError([Problem("target-coding", message, address.shown, excerpt(error))]) from None
    except OversizeError:
        message = f"it is larger than {readable_size(limit)}"
        raise ConfigurationError([Problem("target-too-large", message, address.shown)]) from None


def _readable(response: Response) -> tuple[str, ...]:
    if response.headers.get("Access-Control-Allow-Origin") in ("*", _OTHER_ORIGIN):
        return ()
    return ("its server does not let pages of any origin read it (CORS), so a tag with crossorigin may be blocked",)


def _remarks(first: HttpUrl, last: HttpUrl) -> tuple[str, ...]:
    remarks = (f"redirected from {first.shown}",) if first != last else ()
    if last.is_private:
        return remarks
    return (*remarks, "it came over http: whoever is on the way could have changed it")
