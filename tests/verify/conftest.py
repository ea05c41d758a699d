"""A root with every kind of policy, served by both lanes.

Never changed: what a test changes it makes itself.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from cdnserve.release.build import build
from cdnserve.release.store import Store
from tests.release.roots import plant
from tests.server.serving import LANES, Served, serving, settings

SCRIPT = "".join(f"export const value{n} = {n}; // a line that codings shorten\n" for n in range(60))
MANIFEST = """\
schema = 1

[[publish]]
path = "npm/**"
cors = "any"
cache = "immutable"

[[publish]]
path = "any/**"
cors = "any"

[[publish]]
path = "partners/**"
cors = "partners"
cache = "weekly"

[[publish]]
path = "accounts/**"
cors = "accounts"

[[publish]]
path = "own/**"

[cors.partners]
allow-origins = ["https://*.example.org", "https://app.example.com"]
allow-headers = ["X-Custom"]
expose-headers = ["ETag"]
max-age = 600

[cors.accounts]
allow-origins = ["https://app.example.com", "https://dev.example.net:*"]
allow-credentials = true

[cache.weekly]
max-age = 604800
"""
FILES: dict[str, bytes | str] = {
    "npm/lib@1.2.0/lib.js": SCRIPT,
    "npm/lib@1.2.0/tiny.txt": "tiny\n",
    "npm/lib@1.2.0/package.json": '{"name": "lib", "version": "1.2.0"}\n',
    "any/app.js": SCRIPT + "// any\n",
    "any/font.woff2": bytes(range(256)) * 1200,
    "any/page.html": "<!doctype html><p>A page\n",
    "any/empty.css": "",
    "any/short.txt": "A few words.\n",
    "partners/app.js": SCRIPT + "// partners\n",
    "partners/a b.txt": "Two words.\n",
    "accounts/me.json": '{"name": "me"}\n',
    "own/page.txt": "ours alone\n",
    "drafts/secret.txt": "not yet\n",
}


@pytest.fixture(scope="session")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    """The store of one release, beside its root."""
    place = tmp_path_factory.mktemp("verified")
    build(plant(place / "root", FILES, MANIFEST), place / "state")
    return Store(place / "state")


@pytest.fixture(scope="session")
def lanes(store: Store, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Served]]:
    """Both lanes, running."""
    folder = tmp_path_factory.mktemp("log")
    root = store.state.parent / "root"
    with ExitStack() as stack:
        yield {
            lane: stack.enter_context(serving(settings(root, store.state, lane), folder / f"{lane}.txt"))
            for lane in LANES
        }


@pytest.fixture
def server(lanes: dict[str, Served]) -> Served:
    """The server that edges stand before."""
    return lanes["fast"]


def base(address: tuple[str, int], scheme: str = "http") -> str:
    """Return the base URL of an address."""
    host: Path | str = address[0]
    return f"{scheme}://{host}:{address[1]}"
