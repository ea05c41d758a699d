"""The browser's side of CORS (Fetch Standard §4.8, §4.9, §4.10): when it asks first, and when it blocks."""

from __future__ import annotations

import re
from dataclasses import dataclass

Headers = tuple[tuple[bytes, bytes], ...]

# Fetch §2.2.1 "CORS-safelisted method", and what "normalize" writes in upper case.
_SAFE_METHODS = frozenset({"GET", "HEAD", "POST"})
_NORMALIZED = frozenset({"DELETE", "GET", "HEAD", "OPTIONS", "POST", "PUT"})

# Fetch §2.2.2 "CORS-safelisted request-header".
_SAFE_TYPES = frozenset({"application/x-www-form-urlencoded", "multipart/form-data", "text/plain"})
_UNSAFE_CHARACTER = re.compile(r'[\x00-\x08\x0a-\x1f"():<>?@\[\\\]{}\x7f]')
_LANGUAGE = re.compile(r"[0-9A-Za-z *,\-.;=]*")
_RANGE = re.compile(r"bytes=([0-9]+)-([0-9]*)")
_LONGEST_VALUE = 128
_LONGEST_VALUES = 1024


@dataclass(frozen=True, slots=True)
class ScriptRequest:
    """What a script asks for with `fetch`; `headers` are those that it sets.

    `credentials` is the mode "include": cookies and client certificates go along.
    """

    origin: str
    method: str = "GET"
    headers: tuple[tuple[str, str], ...] = ()
    credentials: bool = False


def normalize_method(method: str) -> str:
    """Write a method as browsers send it (Fetch §2.2.1).

    >>> normalize_method("delete"), normalize_method("patch")
    ('DELETE', 'patch')
    """
    return method.upper() if method.upper() in _NORMALIZED else method


def unsafe_header_names(headers: tuple[tuple[str, str], ...]) -> tuple[str, ...]:
    """Return the names that a CORS-preflight request must ask for, in lower case and sorted (Fetch §2.2.2).

    >>> unsafe_header_names((("Accept", "text/css"), ("X-B", ""), ("Content-Type", "application/json")))
    ('content-type', 'x-b')
    """
    safe = [(name, value) for name, value in headers if _is_safelisted(name.lower(), value)]
    unsafe = {name.lower() for name, value in headers if not _is_safelisted(name.lower(), value)}
    if sum(len(value) for _, value in safe) > _LONGEST_VALUES:
        unsafe |= {name.lower() for name, _ in safe}
    return tuple(sorted(unsafe))


def preflight_reasons(request: ScriptRequest) -> tuple[str, ...]:
    """Return why a browser asks first, in words; empty where it does not."""
    method = () if request.method in _SAFE_METHODS else (f"the method {request.method} is not safelisted",)
    return method + tuple(f"the header {name} is not safelisted" for name in unsafe_header_names(request.headers))


def preflight_headers(request: ScriptRequest) -> Headers:
    """Return the headers of the CORS-preflight request that tell the server what is asked (Fetch §4.8)."""
    fields = [("accept", "*/*"), ("access-control-request-method", request.method)]
    if names := unsafe_header_names(request.headers):
        fields.append(("access-control-request-headers", ",".join(names)))
    fields.append(("origin", request.origin))
    return tuple((name.encode("latin-1"), value.encode("latin-1")) for name, value in fields)


def blocks_response(request: ScriptRequest, headers: Headers) -> str:
    """Return why the script may not read a response with these headers, `""` where it may (Fetch §4.10, CORS check)."""
    allowed = _value(headers, b"access-control-allow-origin")
    if allowed is None:
        return "the response has no Access-Control-Allow-Origin"
    if allowed == "*" and request.credentials:
        return "Access-Control-Allow-Origin is *, which does not cover a request with credentials"
    if allowed not in ("*", request.origin):
        return f"Access-Control-Allow-Origin is {allowed}, not the page's origin"
    if request.credentials and _value(headers, b"access-control-allow-credentials") != "true":
        return "the response has no Access-Control-Allow-Credentials: true"
    return ""


def blocks_after_preflight(request: ScriptRequest, status: int, headers: Headers) -> str:
    """Return why the actual request is not sent after this answer to the preflight, `""` where it is (Fetch §4.8)."""
    if blocked := blocks_response(request, headers):
        return blocked
    if not 200 <= status <= 299:
        return f"the status is {status}, not 200 to 299"
    methods = _members(headers, b"access-control-allow-methods")
    star = set() if request.credentials else {"*"}
    if request.method not in _SAFE_METHODS and not {request.method, *star} & methods:
        return f"Access-Control-Allow-Methods does not list {request.method}"
    names = {name.lower() for name in _members(headers, b"access-control-allow-headers")}
    for name in unsafe_header_names(request.headers):
        # "CORS non-wildcard request-header name": only its own name covers Authorization.
        if not ({name} if name == "authorization" else {name, *star}) & names:
            return f"Access-Control-Allow-Headers does not list {name}"
    return ""


def _is_safelisted(name: str, value: str) -> bool:
    if len(value) > _LONGEST_VALUE:
        return False
    match name:
        case "accept":
            return not _UNSAFE_CHARACTER.search(value)
        case "accept-language" | "content-language":
            return _LANGUAGE.fullmatch(value) is not None
        case "content-type":
            essence = value.partition(";")[0].strip(" \t\r\n").lower()
            return essence in _SAFE_TYPES and not _UNSAFE_CHARACTER.search(value)
        case "range":
            return _is_single_range(value)
        case _:
            return False


def _is_single_range(value: str) -> bool:
    match = _RANGE.fullmatch(value)
    return match is not None and (not match[2] or int(match[1]) <= int(match[2]))


def _value(headers: Headers, name: bytes) -> str | None:
    values = [value.decode("latin-1") for key, value in headers if key == name]
    return ", ".join(values) if values else None


def _members(headers: Headers, name: bytes) -> set[str]:
    return {member.strip(" \t") for member in (_value(headers, name) or "").split(",")} - {""}
