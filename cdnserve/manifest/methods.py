"""Methods (Fetch §2.2.1): which ones a policy may allow in a CORS-preflight request.

Never says what the server itself answers: that is GET, HEAD and OPTIONS, whatever a policy allows.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from cdnserve.errors import Problem

TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
"""RFC 9110 §5.6.2: the grammar of methods and of field names."""

_FORBIDDEN = frozenset({"CONNECT", "TRACE", "TRACK"})
# Fetch §2.2.1 "normalize" covers all but PATCH; `patch` is sent as it is written, and surely not meant.
_UPPER_CASE = frozenset({"DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"})


def method_problems(method: str) -> Iterator[Problem]:
    """Yield what is wrong with an allowed method, each without its place.

    >>> [problem.hint for problem in method_problems("get")]
    ['write GET']
    """
    if method == "*":
        yield Problem("method-any", "prohibited: methods are listed one by one", hint='write ["GET", "HEAD"]')
    elif not TOKEN.fullmatch(method):
        yield Problem("method-invalid", "not a method: RFC 9110 §9.1 wants a token")
    elif method.upper() in _FORBIDDEN:
        message = f"forbidden by the Fetch standard: no script can send {method.upper()}"
        yield Problem("method-forbidden", message, hint="leave it out")
    elif method.upper() in _UPPER_CASE and method != method.upper():
        message = "methods are case-sensitive, and browsers send this one in upper case"
        yield Problem("method-case", message, hint=f"write {method.upper()}")
