"""The tree that the contract is proved on: every policy, class of caching and kind of name, in one small root.

Never made from the server's own code: what a table expects of a file is known here, from its bytes.
"""

from __future__ import annotations

import gzip
import os
import random
from dataclasses import dataclass
from pathlib import Path

# 2024-02-29T12:34:56Z: the date of every file; a leap day, because calendars are where parsers slip.
MODIFIED = 1_709_210_096
MODIFIED_DATE = "Thu, 29 Feb 2024 12:34:56 GMT"
EARLIER = "Thu, 29 Feb 2024 12:34:55 GMT"
LATER = "Thu, 29 Feb 2024 12:34:57 GMT"

MANIFEST = """\
schema = 1

[site]
name = "Contract"
url = "https://cdn.example.com"
codings = ["br", "gzip", "zstd"]

[[publish]]
path = "any/1.0.0/inner/**"
cors = "none"
cache = "revalidate"

[[publish]]
path = ["any/**", ".well-known/**"]
except = ["**/*.map"]
cors = "any"
cache = "immutable"

[[publish]]
path = "live/**"
cors = "any"
cache = "immutable"
documents = "live"

[[publish]]
path = "fresh/**"
cors = "any"
cache = "revalidate"

[[publish]]
path = "weekly/**"
cors = "any"
cache = "weekly"

[[publish]]
path = "partners/**"
cors = "partners"
cache = "immutable"

[[publish]]
path = "accounts/**"
cors = "accounts"
cache = "revalidate"

[[publish]]
path = "star/**"
cors = "star"
cache = "revalidate"

[[publish]]
path = "bare/**"
cors = "bare"
cache = "weekly"

[[publish]]
path = "opaque/**"
cors = "opaque"
cache = "revalidate"

[[publish]]
path = "lan/**"
cors = "lan"
cache = "revalidate"

[[publish]]
path = "none/**"
cors = "none"
cache = "revalidate"

[[publish]]
path = "digested/**"
cors = "any"
cache = "immutable"
digests = ["repr", "unencoded"]

[cors.partners]
allow-origins = [
    "https://app.example.com",
    "https://*.example.org",
    "https://dev.example.net:8443",
    "https://*.apps.example.net:*",
    "http://localhost:*",
    "http://[::1]:9000",
    "http://127.0.0.1:8080",
    "https://xn--bcher-kva.example",
    "capacitor://localhost",
]
allow-methods = ["GET", "HEAD", "PUT"]
allow-headers = ["X-Requested-With", "X-Custom"]
expose-headers = ["ETag", "X-Trace"]
max-age = 3600

[cors.accounts]
allow-origins = ["https://app.example.com"]
allow-credentials = true
allow-headers = ["*"]
expose-headers = ["ETag"]
max-age = 600

[cors.star]
allow-origins = ["https://app.example.com"]
allow-headers = ["*"]

[cors.bare]
allow-origins = ["https://app.example.com"]

[cors.opaque]
allow-origins = ["https://app.example.com"]
allow-null-origin = true

[cors.lan]
allow-origins = ["https://app.example.com"]
allow-private-network = true

[cache.weekly]
max-age = 604800
shared-max-age = 86400
stale-while-revalidate = 3600
"""

# The folders of the tree; each has an `app.js` with content codings and a `tiny.txt` without any.
ANY = ("any/1.0.0", "live", "fresh", "weekly")
LISTED = ("partners", "accounts", "star", "bare", "opaque", "lan")
NONE = ("none", "any/1.0.0/inner")
FOLDERS = ANY + LISTED + NONE
DIGESTED = "digested"  # the rule that has digest fields; besides them it is as the first of ANY
IMMUTABLE = ("any/1.0.0", "live", "partners")

# One file with a Last-Modified, one without; both have content codings.
DATED = "/any/1.0.0/app.js"
UNDATED = "/fresh/app.js"

ORIGIN = "https://app.example.com"  # the one that every allow-list has
STRANGER = "https://stranger.example"

_LINES = [
    f"export const value{n} = (x) => x * {n} + {n % 7}; // a line that content codings shorten\n" for n in range(90)
]
APP = "".join(_LINES).encode()
TINY = b"Hello\n"
FONT = b"wOF2" + random.Random(1).randbytes(2_000)
BIG = random.Random(2).randbytes(1_048_576)

# Names that a careless path reader confuses, with the one spelling of each in a request target.
ODD_NAMES = {
    "a b.js": "a%20b.js",
    "100%.js": "100%25.js",
    "%41.js": "%2541.js",
    "A.js": "%41.js",
    "a+b.js": "a+b.js",
    "@scope/x.js": "@scope/x.js",
    "ünïcode-你好.js": "%C3%BCn%C3%AFcode-%E4%BD%A0%E5%A5%BD.js",
    "q?mark.js": "q%3Fmark.js",
    "hash#tag.js": "hash%23tag.js",
    "semi;colon,comma=1&(x)'!$*:~.js": "semi;colon,comma=1&(x)'!$*:~.js",
    "dots..in...name.js": "dots..in...name.js",
    'quote"<angle>.js': "quote%22%3Cangle%3E.js",
    "no-ending": "no-ending",
    "UPPER.JS": "UPPER.JS",
}

DOCUMENTS = {
    "page.html": b"<!doctype html><title>A page</title><script>alert(1)</script>\n",
    "picture.svg": b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>\n',
    "feed.xml": b'<?xml version="1.0"?><feed/>\n',
    "page.xhtml": b'<html xmlns="http://www.w3.org/1999/xhtml"><body/></html>\n',
}

# Files whose Content-Type their octets have a word in, in any/typed/, each with the one that it has therefore.
XML = '<?xml version="1.0" encoding="windows-1251"?>\n<doc>\u0417\u0430\u043a\u0430\u0437</doc>\n'
SVG = b'<svg xmlns="http://www.w3.org/2000/svg" width="4" height="4"><rect width="4" height="4" fill="green"/></svg>\n'
SVGZ = gzip.compress(SVG, mtime=0)
TYPED = {
    "doc.xml": (XML.encode("cp1251"), "text/xml"),
    "plain.xml": (b"<doc/>\n", "text/xml; charset=utf-8"),
    "wide.xml": (f"\ufeff{XML}".replace("windows-1251", "utf-16").encode("utf-16-le"), "text/xml"),
    "picture.svg": (b'<?xml version="1.0" encoding="iso-8859-1"?><svg><title>caf\xe9</title></svg>', "image/svg+xml"),
    "latin.js": (b"// caf\xe9\n", "text/javascript"),
    "latin.txt": (b"caf\xe9\n", "text/plain"),
    "meta.html": (b"<!doctype html><meta charset=windows-1252><p>caf\xe9", "text/html"),
    "charset.css": (b'@charset "windows-1252"; a::before { content: "\xe9" }', "text/css"),
    "utf-8.css": (b'@charset "utf-8"; a::before { content: "\xc3\xa9" }', "text/css; charset=utf-8"),
    "Makefile": (b"all:\n\ttrue\n", "text/plain; charset=utf-8"),
    "blob": (b"\0\1\2", "application/octet-stream"),
    "icon.svgz": (SVGZ, "image/svg+xml"),
    "claimed.svgz": (SVG, "image/svg+xml; charset=utf-8"),
    "lib.tgz": (SVGZ, "application/gzip"),
    "lib.js.gz": (SVGZ, "application/gzip"),
    "song.flac": (b"fLaC\0", "audio/flac"),
}

# On the disk, but public by no rule, or never public whatever a rule says.
UNLISTED = {
    "secret.txt": b"SECRET: no rule\n",
    "any/1.0.0/app.js.map": b"SECRET: an exception\n",
    "any/.hidden.js": b"SECRET: a dot-file\n",
    "any/.git/config": b"SECRET: in a dot-folder\n",
    "elsewhere/app.js": b"SECRET: a folder of no rule\n",
}


def _public() -> dict[str, bytes]:
    every = {"app.js": APP, "tiny.txt": TINY, "empty.css": b""}
    files = {f"{folder}/{name}": content for folder in (*FOLDERS, DIGESTED) for name, content in every.items()}
    files |= {f"any/odd/{name}": f"// {number}\n".encode() for number, name in enumerate(ODD_NAMES)}
    files |= {f"{folder}/{name}": content for folder in ("any/1.0.0", "live") for name, content in DOCUMENTS.items()}
    files |= {f"any/typed/{name}": content for name, (content, _) in TYPED.items()}
    files |= {"any/1.0.0/font.woff2": FONT, "any/1.0.0/big.woff2": BIG, "any/1.0.0/style.css": b"body{}\n"}
    files |= {"live/home/index.html": b"<!doctype html><title>home</title>\n"}
    return files | {"any/1.0.0/data.json": b"{}\n", "any/1.0.0/dot.png": FONT, ".well-known/security.txt": TINY}


@dataclass(frozen=True, slots=True)
class Site:
    """A root on the disk; `files` holds the bytes of every public logical path."""

    root: Path
    files: dict[str, bytes]


def write(root: Path) -> Site:
    """Write the manifest and all files below a folder, each with the date `MODIFIED`."""
    files = _public()
    for path, content in {**files, **UNLISTED, "manifest.toml": MANIFEST.encode()}.items():
        place = root / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content)
        os.utime(place, (MODIFIED, MODIFIED))
    return Site(root, files)
