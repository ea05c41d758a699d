"""A whole cdnserve over a folder of its own, as a person starts it, for a browser to load from."""

from __future__ import annotations

import gzip
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from scripts import make_demo_font
from tests.forked import Forked, run

# An empty module, but for a custom section of which a content coding leaves little.
WASM = b"\0asm\1\0\0\0" + b"\0\xd2\x1f\4note" + b"again" * 809
# Green by its own style, red if its script runs.
SVG = b"""<svg xmlns="http://www.w3.org/2000/svg" width="40" height="40"><style>rect { fill: rgb(0, 128, 0) }</style>
<rect id="r" width="40" height="40"/><script>document.getElementById("r").style.fill = "red"</script></svg>
"""
LATIN_SVG = (
    '<?xml version="1.0" encoding="iso-8859-1"?><svg xmlns="http://www.w3.org/2000/svg"><title>café</title></svg>'
)
HOSTILE = f"odd/<script>window.hacked=1</script>'{'x' * 200}.js"
FILES = {
    "lib/1.0.0/classic.js": b"window.classic = 'ran';\n",
    "lib/1.0.0/main.js": b"import { word } from './part.js';\nexport const answer = word + '!';\n",
    "lib/1.0.0/part.js": b"export const word = 'imported';\n",
    "lib/1.0.0/style.css": b"body { color: rgb(1, 2, 3); }\n",
    "lib/1.0.0/page.html": b"<!doctype html><title>x</title><script>document.title = 'ran'</script>\n",
    "lib/1.0.0/live/page.html": b"<!doctype html><title>x</title><script>document.title = 'ran'</script>\n",
    "lib/1.0.0/styled.svg": SVG,
    "lib/1.0.0/styled.svgz": gzip.compress(SVG),
    "lib/1.0.0/cyrillic.xml": '<?xml version="1.0" encoding="windows-1251"?><doc>Заказ</doc>'.encode("cp1251"),
    "lib/1.0.0/latin.svg": LATIN_SVG.encode("latin-1"),
    "lib/1.0.0/latin.html": "<!doctype html><meta charset=windows-1252><title>café</title>".encode("cp1252"),
    "lib/1.0.0/NEWS": "Für alle.\n".encode(),
    "lib/1.0.0/data.json": b'{"read": true}\n',
    "lib/1.0.0/text.txt": b"window.sniffed = 'ran';\n",
    "lib/1.0.0/large.json": b'{"read": [' + b"true, " * 500 + b"true]}\n",
    "lib/1.0.0/large.html": b"<!doctype html><title>x</title>\n" + b"<p>Again.</p>\n" * 500,
    "lib/1.0.0/large.txt": b"Again.\n" * 500,
    "lib/1.0.0/large.js.map": b'{"version": 3, "sources": [' + b'"a.js", ' * 500 + b'"a.js"]}\n',
    "lib/1.0.0/large.wasm": WASM,
    "api/data.json": b'{"read": true}\n',
    "own/own.js": b"window.own = 'ran';\n",
    "npm/greet@1.0.0/package.json": b'{"name": "greet", "main": "dist/greet.js", "description": "Says <b>hello</b>"}',
    "npm/greet@1.0.0/dist/greet.js": b"window.greeted = 'ran';\n",
    "npm/greet@0.9.0/package.json": b'{"name": "greet", "main": "dist/greet.js"}',
    "npm/greet@0.9.0/dist/greet.js": b"window.greeted = 'once';\n",
    HOSTILE: b"</script><script>window.hacked = 1</script>\n",
}
MANIFEST = """schema = 1
[site]
url = "http://cdn.invalid"
[[publish]]
path = "lib/1.0.0/live/**"
cors = "any"
cache = "revalidate"
documents = "live"
[[publish]]
path = "lib/**"
cors = "any"
cache = "revalidate"
[[publish]]
path = "digested/**"
cors = "any"
cache = "revalidate"
digests = ["repr", "unencoded"]
[[publish]]
path = "api/**"
cors = "api"
cache = "revalidate"
[[publish]]
path = "npm/**"
cors = "any"
cache = "immutable"
[[publish]]
path = "odd/**"
cors = "any"
[[publish]]
path = "own/**"
cors = "none"
cache = "revalidate"
[cors.api]
allow-origins = ["{listed}"]
allow-headers = ["X-Requested-With"]
expose-headers = ["ETag"]
"""


@dataclass(frozen=True, slots=True)
class Cdn:
    """A running server and the folder that it publishes."""

    url: str
    root: Path

    def sri(self, *arguments: str, at: str = "") -> str:
        """Return what `cdnserve sri` prints for public paths, with the URLs of this server or of another."""
        done = run([sys.executable, "-m", "cdnserve", "sri", *arguments, "--root", str(self.root)], text=True)
        done.check_returncode()
        return str(done.stdout).replace("http://cdn.invalid", at or self.url)


@contextmanager
def serving_cdn(root: Path, listed: str, tampered: str = "") -> Iterator[Cdn]:
    """Write the files, with one byte of `tampered` changed, and serve them."""
    digested = {path.replace("lib/1.0.0", "digested"): FILES[path] for path in FILES if "/large." in path}
    for path, content in (FILES | digested | {"lib/1.0.0/font.woff2": make_demo_font.font()}).items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(content[:-2] + b" \n" if path == tampered else content)
    (root / "manifest.toml").write_text(MANIFEST.replace("{listed}", listed))
    command = [sys.executable, "-m", "cdnserve", "serve", str(root), "--port", "0"]
    process = Forked(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        first = process.stdout.readline()
        assert first.startswith("listening on "), first
        yield Cdn(first.removeprefix("listening on ").strip(), root)
    finally:
        process.send_signal(signal.SIGTERM)
        _, complaints = process.communicate(timeout=30)
    assert "Traceback" not in complaints, complaints
    assert process.returncode == os.EX_OK
