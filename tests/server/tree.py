"""A small tree with a file of each size that the edges treat differently.

Never made from the server's own code: what a test expects of a file is known here, from its bytes.
"""

from __future__ import annotations

import random
from pathlib import Path

MANIFEST = """\
schema = 1

[[publish]]
path = "any/**"
cors = "any"
cache = "revalidate"

[[publish]]
path = "partners/**"
cors = "partners"
cache = "revalidate"

[[publish]]
path = "none/**"
cors = "none"
cache = "revalidate"

[cors.partners]
allow-origins = ["https://app.example.com"]
allow-headers = ["X-Custom"]
expose-headers = ["ETag"]
max-age = 600
"""

ORIGIN = "https://app.example.com"
STRANGER = "https://stranger.example"

TINY = b"Hello\n"
APP = "".join(f"export const value{n} = (x) => x * {n}; // a line that codings shorten\n" for n in range(90)).encode()
FONT = b"wOF2" + random.Random(1).randbytes(70_000)
# More than a worker keeps in memory, and more than any socket buffers.
LARGE = random.Random(2).randbytes(300_000)
HUGE = random.Random(3).randbytes(1 << 20) * 16

FILES = {
    "any/tiny.txt": TINY,
    "any/app.js": APP,
    "any/empty.css": b"",
    "any/font.woff2": FONT,
    "any/large.woff2": LARGE,
    "any/huge.woff2": HUGE,
    "partners/tiny.txt": TINY,
    "partners/large.woff2": LARGE,
    "none/tiny.txt": TINY,
}
# Enough where a test changes or breaks what it serves.
FEW = {path: FILES[path] for path in ("any/tiny.txt", "any/large.woff2", "partners/tiny.txt", "partners/large.woff2")}


def write(root: Path, files: dict[str, bytes] = FILES, manifest: str = MANIFEST) -> Path:
    """Write a manifest and files below a folder, and give the folder."""
    for path, content in {**files, "manifest.toml": manifest.encode()}.items():
        place = root / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content)
    return root
