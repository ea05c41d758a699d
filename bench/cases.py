"""The cases of `make bench`: what is asked, of which servers, how they are set up, and the bar.

To add one, add a row: `setup` is how the servers run, `protocol` chooses the client (wrk, or h2load for HTTP/2).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from bench.load import BROWSER, NAVIGATION
from bench.servers import REPLICA, SERVERS, Setup

Protocol = Literal["http/1.1", "h2"]

EVERYONE = tuple(name for name in SERVERS if name != REPLICA)  # which bench.store compares with a folder
ABLE = ("nginx", "cdnserve")
MANY, COLD = 2_000, 20_000


@dataclass(frozen=True, slots=True)
class Case:
    """One kind of request; `bar` is the least ratio to nginx that cdnserve promises.

    `varies` has two fields differ on each request, as a CDN's do: an id, and the client's address. `paths` beyond one
    are asked for at random; `once` has each asked for once, of servers that have just been started (and that `varies`).
    """

    name: str
    path: str
    bar: float = 0.0
    status: int = 200
    method: str = "GET"
    fields: tuple[str, ...] = ()
    etag: bool = False
    servers: tuple[str, ...] = ABLE
    connections: int = 16
    varies: bool = False
    many: int = 0
    once: bool = False
    setup: Setup = "plain"
    protocol: Protocol = "http/1.1"
    streams: int = 8  # at once on a connection of HTTP/2
    requests: int = 900  # in all on a connection of HTTP/2
    browser: tuple[str, ...] = BROWSER

    @property
    def paths(self) -> tuple[str, ...]:
        """Return all that is asked for."""
        return tuple(many_path(at) for at in range(self.many)) if self.many else (self.path,)


def many_path(at: int) -> str:
    """Return the path of one of the many files."""
    return f"/npm/many@{at // 1000}.0.0/{at % 1000}.bin"


_KB, _70KB, _MB = (f"/npm/one@1.0.0/{name}.bin" for name in ("1k", "70k", "1m"))
_1_KB = Case("1 KB, two fields differ on each request", _KB, 1.0, varies=True)
_MANY = Case("2,000 files at random, two fields differ", many_path(0), 1.0, varies=True, many=MANY)

CASES = (
    # What real traffic is like comes first.
    _1_KB,
    _MANY,
    replace(_1_KB, name="access log (JSON), two fields differ", bar=0.8, setup="log"),
    replace(_1_KB, name="TLS, 1 KB, two fields differ", bar=0.9, setup="tls"),
    Case(f"{COLD:,} files, each asked for once", many_path(0), 0.4, many=COLD, once=True, varies=True),
    Case("1 KB, one request a connection", _KB, 0.9, fields=("Connection: close",), varies=True),
    Case("TLS, a handshake and 1 KB", _KB, 0.7, fields=("Connection: close",), varies=True, setup="tls"),
    # The same head each time, as only a benchmark sends it.
    Case("1 KB, the same head each time", _KB, 1.3, servers=EVERYONE),
    replace(_MANY, name="2,000 files at random, else the same head", varies=False),
    Case("10 KB, the same head", "/npm/one@1.0.0/10k.bin", 1.0, servers=EVERYONE),
    Case("70 KB, the same head", _70KB, 1.0, servers=EVERYONE),
    Case("30 KB, precompressed, the same head", "/npm/one@1.0.0/30k.js", servers=(*ABLE, "caddy", "whitenoise")),
    Case("304, the same head", _KB, 1.0, 304, etag=True, servers=EVERYONE),
    Case("404 inside a rule, the same head", "/npm/one@1.0.0/none.js", 0.8, 404, servers=EVERYONE),
    Case("preflight, the same head", _KB, 0.8, 204, "OPTIONS", ("Access-Control-Request-Method: GET",)),
    Case("allow-list origin, the same head", "/partners/1.0.0/1k.bin"),
    Case("1 MB, the same head", _MB, 0.7, servers=EVERYONE),
    Case("16 MB, the same head", "/npm/one@1.0.0/16m.bin", 0.7, connections=4, servers=EVERYONE),
    Case("TLS, 1 MB, the same head", _MB, 0.7, setup="tls"),
    Case("HTTP/2, 1 KB", _KB, 0.9, setup="tls", protocol="h2"),
    Case("HTTP/2, 70 KB", _70KB, 0.7, setup="tls", protocol="h2", requests=300),
    Case("HTTP/2, 1 MB", _MB, 0.6, setup="tls", protocol="h2", requests=40),
)
_PAGE = Case("a 404", "/npm/one@1.0.0/none.js", status=404, servers=("cdnserve",), browser=NAVIGATION)
PAGES = (
    # A bar of these is the least ratio to the first one.
    _PAGE,
    replace(_PAGE, name="home, which the browser has already: 304", path="/-/", bar=0.95, status=304, etag=True),
    replace(_PAGE, name="a library, the same", path="/-/npm/one@1.0.0/", bar=0.95, status=304, etag=True),
    replace(_PAGE, name="home", path="/-/", bar=0.75, status=200),
    replace(_PAGE, name="a library", path="/-/npm/one@1.0.0/", bar=0.75, status=200),
    replace(_PAGE, name="no page, but a file of 1 KB", path=_KB, status=200),
    replace(_PAGE, name="no page, but a file of 10 KB", path="/npm/one@1.0.0/10k.bin", status=200),
)
TWO_WORKERS = (
    Case("1 KB, two fields differ, 2 workers", _KB, varies=True),
    Case("70 KB, the same head, 2 workers", _70KB),
)
