"""The root that stands behind the edges: each policy, and each class of caching.

Never changed: a test that publishes something new plants a root of its own.
"""

from __future__ import annotations

import random

APP, OTHER, STRANGER = "https://app.example.com", "https://shop.example.org", "https://stranger.example"

MANIFEST = """\
schema = 1

[site]
url = "https://cdn.example.com"
cache-tags = ["Surrogate-Key", "Cache-Tag"]

[[publish]]
path = "npm/**"
except = "**/*.map"
cors = "any"
cache = "immutable"

[[publish]]
path = "widgets/**"
cors = "any"
cache = "hourly"

[[publish]]
path = "partners/**"
cors = "partners"
cache = "hourly"

[[publish]]
path = "accounts/**"
cors = "accounts"

[[publish]]
path = "pages/**"
cors = "any"

[[publish]]
path = "brief/**"
cors = "any"
cache = "brief"

[[publish]]
path = "patient/**"
cors = "any"
cache = "patient"

[[publish]]
path = "purged/**"
cors = "any"
cache = "purged"

[[publish]]
path = "own/**"

[cors.partners]
allow-origins = ["https://app.example.com", "https://shop.example.org"]
allow-headers = ["X-Custom"]
expose-headers = ["ETag"]
max-age = 600

[cors.accounts]
allow-origins = ["https://app.example.com", "https://shop.example.org"]
allow-credentials = true

[cache.hourly]
max-age = 3600

[cache.brief]
max-age = 1

[cache.patient]
max-age = 1
stale-while-revalidate = 3600

[cache.purged]
cdn-max-age = 3600
"""


def script(name: str) -> str:
    """Return a script that content codings shorten."""
    return "".join(f"export const value{n} = '{name}';\n" for n in range(120))


FILES: dict[str, bytes | str] = {
    "npm/lib@1.2.0/lib.js": script("lib 1.2.0"),
    "npm/lib@1.2.0/tiny.txt": "tiny\n",
    "npm/@acme/ui@2.0.0/ui.css": "body { color: black }\n" * 60,
    "npm/lib@1.2.0/a b%.js": script("an odd name"),
    "widgets/app.js": script("widget"),
    "widgets/font.woff2": random.Random(1).randbytes(600_000),
    "widgets/page.html": "<!doctype html><title>A page</title>\n",
    "widgets/empty.css": "",
    "partners/app.js": script("partners"),
    "partners/short.txt": "A few words.\n",
    "accounts/me.json": '{"name": "me"}\n',
    "pages/app.js": script("page"),
    "brief/app.js": script("brief"),
    "brief/gone.js": script("gone soon"),
    "patient/app.js": script("patient"),
    "purged/app.js": script("purged"),
    "own/page.txt": "ours alone\n",
}
