"""The outcome of a request, as far as it is counted: status, policy, content coding, and what CORS made of it.

Never holds what a client sent.
"""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus

from cdnserve.origin import Origin, Reply, Request

NONE = "-"
"""The label of what there is none of; no policy can have this name."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What is counted of one response; `preflight` is empty unless the request was one.

    `refused_by` is the number of the rule, from 1 in the order of the manifest, that does not let the origin read.
    """

    status: int
    policy: str = NONE
    coding: str = NONE
    preflight: str = ""
    refused_by: str = ""


def outcome(request: Request, reply: Reply, origin: Origin) -> Outcome:
    """Tell what is counted of a reply, whichever lane gives it."""
    rule = origin.locate(request.raw_path).rule
    policy = rule.policy.name if rule else NONE
    if request.method == "OPTIONS" and request.value(b"access-control-request-method") is not None:
        allowed = reply.header(b"access-control-allow-methods") is not None
        if allowed or reply.status == HTTPStatus.FORBIDDEN:
            return Outcome(reply.status, policy, NONE, "allowed" if allowed else "refused")
    refused = request.value(b"origin") is not None and reply.header(b"access-control-allow-origin") is None
    number = str(origin.rules.index(rule) + 1) if rule and refused else ""
    return Outcome(reply.status, policy, _coding(reply), refused_by=number)


def _coding(reply: Reply) -> str:
    """Name the content coding of a response that has a file's content, or would have it but for HEAD."""
    if reply.status not in (HTTPStatus.OK, HTTPStatus.PARTIAL_CONTENT):
        return NONE
    return (reply.header(b"content-encoding") or b"identity").decode("latin-1")
