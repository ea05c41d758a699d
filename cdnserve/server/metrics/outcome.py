"""The outcome of a request, as far as it is counted: status, policy, content coding, and what CORS made of it.

Never holds what a client sent.
"""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus

from cdnserve.origin import Origin, Reply, Request
from cdnserve.origin.paths import NoPath

NONE = "-"
"""The label of what there is none of; no policy can have this name."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What is counted of one response; `preflight` is empty unless the request was one."""

    status: int
    policy: str = NONE
    coding: str = NONE
    preflight: str = ""
    origin_refused: bool = False


def outcome(request: Request, reply: Reply, origin: Origin) -> Outcome:
    """Tell what is counted of a reply, whichever lane gives it."""
    policy = _policy(request, origin)
    if request.method == "OPTIONS" and request.value(b"access-control-request-method") is not None:
        allowed = reply.header(b"access-control-allow-methods") is not None
        if allowed or reply.status == HTTPStatus.FORBIDDEN:
            return Outcome(reply.status, policy, NONE, "allowed" if allowed else "refused")
    refused = (
        policy != NONE and request.value(b"origin") is not None and reply.header(b"access-control-allow-origin") is None
    )
    return Outcome(reply.status, policy, _coding(reply), origin_refused=refused)


def _policy(request: Request, origin: Origin) -> str:
    found = origin.locate(request.raw_path)
    return NONE if isinstance(found, NoPath) or found.rule is None else found.rule.policy.name


def _coding(reply: Reply) -> str:
    """Name the content coding of a response that has a file's content, or would have it but for HEAD."""
    if reply.status not in (HTTPStatus.OK, HTTPStatus.PARTIAL_CONTENT):
        return NONE
    return (reply.header(b"content-encoding") or b"identity").decode("latin-1")
