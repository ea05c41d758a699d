"""A browser, as far as a CORS-preflight request goes: what it asks, and whether it goes on (Fetch).

Never judges more than a browser does; `refused` holds the rest of our contract against a refusal.
"""

from __future__ import annotations

from tests.contract import site as sites
from tests.contract.edges import Edge
from tests.contract.policies import granted
from tests.contract.wire import Field, Response

METHOD, HEADERS = "Access-Control-Request-Method", "Access-Control-Request-Headers"
NETWORK = "Access-Control-Request-Private-Network"


def preflight(
    edge: Edge, folder: str, method: str, *headers: str, origin: str | None = sites.ORIGIN, name: str = "app.js"
) -> Response:
    """Ask as a browser does before an actual request."""
    fields: list[Field] = [] if origin is None else [("Origin", origin)]
    fields += [(METHOD, method), *((HEADERS, value) for value in headers)]
    return edge.ask("OPTIONS", f"/{folder}/{name}", *fields)


def passes(response: Response, origin: str, method: str, *headers: str) -> bool:
    """Do what a browser does with the answer (Fetch, CORS-preflight fetch)."""
    credentials = response.get("access-control-allow-credentials") == "true"
    allowed_origin = response.get("access-control-allow-origin")
    if not 200 <= response.status <= 299 or allowed_origin not in ((origin,) if credentials else ("*", origin)):
        return False
    methods = {name.strip() for name in (response.get("access-control-allow-methods") or "").split(",")}
    safelisted = method in ("GET", "HEAD", "POST") or ("*" in methods and not credentials)
    names = response.members("access-control-allow-headers")
    covered = [
        name.lower() in names or ("*" in names and not credentials and name.lower() != "authorization")
        for name in headers
    ]
    return (safelisted or method in methods) and all(covered)


def refused(response: Response) -> bool:
    """Hold a refusal against our contract: nothing granted, not stored, one line that says why."""
    assert response.status == 403
    assert response["cache-control"] == "no-store"
    assert [name for name in granted(response) if name.startswith("access-control-allow")] == []
    assert len(response.text().splitlines()) == 1
    return True
