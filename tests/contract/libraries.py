"""A root with libraries in several versions, served in all three shapes of addresses.

Never read by the server's own code: what a table expects of a file is known here.
"""

from __future__ import annotations

from pathlib import Path

MANIFEST = """\
schema = 1

[site]
url = "https://cdn.example.com"
unpkg-addresses = true
cdnjs-addresses = true

[[publish]]
path = "npm/partner@*/**"
cors = "partners"
cache = "immutable"

[[publish]]
path = "npm/**"
except = ["**/*.map", "**/package.json"]
cors = "any"
cache = "immutable"

[cors.partners]
allow-origins = ["https://app.example.com"]
allow-methods = ["GET", "HEAD", "PUT"]
"""
APP = "https://app.example.com"


def _script(name: str) -> bytes:
    return "".join(f"export const value{at} = '{name}';\n" for at in range(40)).encode()


FILES = {
    path: _script(path)
    for path in (
        "npm/@fontsource/inter@5.1.0/index.css",
        "npm/jquery@3.6.0/dist/jquery.js",
        "npm/jquery@3.10.0/dist/jquery.js",
        "npm/jquery@3.10.0/dist/jquery.min.js",
        "npm/jquery@4.0.0-rc.1/dist/jquery.js",
        "npm/partner@1.0.0/index.js",
        "npm/partner@1.0.0/odd/a b%#?.js",
        "npm/vue@3.5.0/dist/vue.global.js",
    )
}
UNLISTED = {
    "npm/vue@3.5.0/package.json": b'{"main": "index.js", "unpkg": "./dist/vue.global"}',
    "npm/jquery@3.10.0/package.json": b'{"main": "dist/jquery.js"}',
    "npm/jquery@3.10.0/dist/jquery.js.map": b"SECRET",
    "npm/@fontsource/inter@5.1.0/package.json": b'{"main": "index.css"}',
    "secret/jquery@3.10.0/x.js": b"SECRET",
}


def write(root: Path) -> Path:
    """Write the manifest and all files below a folder."""
    for path, content in {**FILES, **UNLISTED, "manifest.toml": MANIFEST.encode()}.items():
        place = root / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content)
    return root
