"""What each folder's policy must put on every response, worked out from our contract and Fetch.

Never asks the server: origins are listed here once more, by hand.
"""

from __future__ import annotations

from tests.contract import site as sites
from tests.contract.wire import Response

EXPOSED = {"partners": "etag, x-trace", "accounts": "etag"}
CREDENTIALS = frozenset({"accounts"})

ACTUAL = (
    "access-control-allow-origin",
    "access-control-allow-credentials",
    "access-control-expose-headers",
    "timing-allow-origin",
    "cross-origin-resource-policy",
)


def expected(folder: str, origin: str | None, allowed: bool) -> dict[str, str | None]:
    """Return the fields of `ACTUAL` for a folder, `None` for those that must be absent."""
    values: list[str | None] = [None, None, None, None, "cross-origin"]
    if folder in sites.ANY:
        values = ["*", None, "*", "*", "cross-origin"]
    elif folder in sites.NONE:
        values = [None, None, None, None, "same-origin"]
    elif allowed:
        values = [origin, "true" if folder in CREDENTIALS else None, EXPOSED.get(folder), origin, "cross-origin"]
    return dict(zip(ACTUAL, values, strict=True))


def found(response: Response) -> dict[str, str | None]:
    """Return what a response has of `ACTUAL`, lists in lower case."""
    fields = {name: response.get(name) for name in ACTUAL}
    exposed = fields["access-control-expose-headers"]
    return fields | {"access-control-expose-headers": exposed and ", ".join(sorted(exposed.lower().split(", ")))}


def granted(response: Response) -> list[str]:
    """Return every CORS field of a response."""
    return [name for name, _ in response.fields if name.startswith(("access-control-", "timing-allow-"))]
