"""Field names (Fetch §2.2.2): which headers a policy may allow in requests and expose in responses.

Never allows what no script can send or read: whoever lists it expects something that can't happen.
"""

from __future__ import annotations

from collections.abc import Iterator

from cdnserve.errors import Problem
from cdnserve.manifest.methods import TOKEN

# Fetch §2.2.2 "forbidden request-header", and Private Network Access §3.4 for the last of its Access-Control-Request-*.
_FORBIDDEN_IN_REQUESTS = frozenset(
    {
        "accept-charset",
        "accept-encoding",
        "access-control-request-headers",
        "access-control-request-method",
        "access-control-request-private-network",
        "connection",
        "content-length",
        "cookie",
        "cookie2",
        "date",
        "dnt",
        "expect",
        "host",
        "keep-alive",
        "origin",
        "referer",
        "set-cookie",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "via",
    }
)
_FORBIDDEN_PREFIXES = ("proxy-", "sec-")
# Fetch §2.2.2 "forbidden response-header name".
_FORBIDDEN_IN_RESPONSES = frozenset({"set-cookie", "set-cookie2"})

_ONLY_IN_RESPONSES = frozenset(
    {
        "access-control-allow-credentials",
        "access-control-allow-headers",
        "access-control-allow-methods",
        "access-control-allow-origin",
        "access-control-allow-private-network",
        "access-control-expose-headers",
        "access-control-max-age",
    }
)
_ONLY_IN_REQUESTS = frozenset(
    {
        "access-control-request-headers",
        "access-control-request-method",
        "access-control-request-private-network",
        "origin",
    }
)
# These answer a CORS-preflight request, which no script ever sees.
_ONLY_IN_PREFLIGHTS = frozenset(
    {
        "access-control-allow-headers",
        "access-control-allow-methods",
        "access-control-allow-private-network",
        "access-control-max-age",
    }
)


def request_header_problems(name: str) -> Iterator[Problem]:
    """Yield what is wrong with a request header that a policy allows, each without its place; `*` is fine.

    >>> [problem.reference for problem in request_header_problems("Cookie")]
    ['header-forbidden']
    """
    lower = name.lower()
    if not TOKEN.fullmatch(name):
        yield _invalid()
    elif lower in _FORBIDDEN_IN_REQUESTS or lower.startswith(_FORBIDDEN_PREFIXES):
        message = "forbidden by the Fetch standard: no script can set this request header"
        yield Problem("header-forbidden", message, hint="leave it out")
    elif lower in _ONLY_IN_RESPONSES:
        message = "prohibited: this is a response header, and no request has it"
        yield Problem("header-prohibited", message, hint="leave it out: the server sends it by itself")


def response_header_problems(name: str) -> Iterator[Problem]:
    """Yield what is wrong with a response header that a policy exposes, each without its place; `*` is fine.

    >>> [problem.reference for problem in response_header_problems("Set-Cookie")]
    ['header-forbidden']
    """
    lower = name.lower()
    if not TOKEN.fullmatch(name):
        yield _invalid()
    elif lower in _FORBIDDEN_IN_RESPONSES:
        message = "forbidden by the Fetch standard: no script can read this response header"
        yield Problem("header-forbidden", message, hint="leave it out")
    elif lower in _ONLY_IN_REQUESTS:
        message = "prohibited: this is a request header, and no response has it"
        yield Problem("header-prohibited", message, hint="leave it out")
    elif lower in _ONLY_IN_PREFLIGHTS:
        message = "prohibited: only the answer to a CORS-preflight request has it, which no script sees"
        yield Problem("header-prohibited", message, hint="leave it out")


def _invalid() -> Problem:
    return Problem(
        "header-invalid", "not a header's name: RFC 9110 §5.1 wants a token", hint="write one name, no colon"
    )
