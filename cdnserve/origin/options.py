"""OPTIONS (RFC 9110 §9.3.7) and the CORS-preflight request (Fetch §3.2.2).

Never grants what the actual request would not get.
"""

from __future__ import annotations

from cdnserve.origin.compiled import PublishRule
from cdnserve.origin.message import Reply, Request
from cdnserve.origin.replies import Line, cors_headers, text_reply, vary
from cdnserve.rules.caching import NO_STORE
from cdnserve.rules.cors import ALLOWED_METHODS, Preflight, Verdict

ALLOW = (b"allow", ", ".join(ALLOWED_METHODS).encode("latin-1"))
METHOD_UNKNOWN = Line(405, NO_STORE, f"The methods here are {', '.join(ALLOWED_METHODS)}.")


def preflight(request: Request, rule: PublishRule) -> Reply | None:
    """Answer a CORS-preflight request by the rule alone, `None` where the request is none."""
    origin, method = request.value(b"origin"), request.value(b"access-control-request-method")
    if method is None or not rule.policy.is_preflight(origin, method):
        return None
    headers = request.value(b"access-control-request-headers")
    private_network = request.value(b"access-control-request-private-network") == "true"
    answer = rule.policy.preflight(Preflight(origin, method, headers, private_network))
    depends_on = vary(rule.policy.vary_options)
    if isinstance(answer, Verdict):
        # No Access-Control-Allow-* on a refusal: whoever reads it by hand shall not take it for a grant.
        return text_reply(Line(403, NO_STORE, f"Preflight refused: {answer.reason}."), depends_on)
    return Reply(204, depends_on + answer)


def capabilities(request: Request, rule: PublishRule | None) -> Reply:
    """Answer an OPTIONS request that is no preflight: which methods there are."""
    return Reply(204, (ALLOW, *cors_headers(request, rule)))
