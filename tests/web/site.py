"""A small site with libraries and folders of every kind: listed, public but not listed, and not public.

Never made from the server's own code: what a test expects of a file is known here, from its bytes.
"""

from __future__ import annotations

import json
from pathlib import Path

MANIFEST = """\
schema = 1

[site]
name = "Acme library CDN"
url = "https://cdn.example.com"
unpkg-addresses = true
cdnjs-addresses = true

[[publish]]
path = ["npm/hidden@1.0.0/**", "npm/greet@2.0.0/**"]
cors = "none"

[[publish]]
path = "npm/**"
cors = "any"
cache = "immutable"

[[publish]]
path = ["own/**", "top.txt"]
cors = "any"

[[publish]]
path = "partners/**"
cors = "partners"

[[publish]]
path = "shown/**"
cors = "none"
listed = true

[[publish]]
path = "quiet/**"
cors = "any"
listed = false

[cors.partners]
allow-origins = ["https://app.partner.example"]
"""

GREET = b"var greet = function (name) { return 'Hello ' + name; };\n" * 20
NEWER = b"var greet = function (name) { return 'Hi ' + name; };\n" * 20
STYLE = b".greet { color: rebeccapurple }\n"
SECRET = b"var secret = 'of a partner';\n"
QUIET = b"var quiet = true;\n"
WORDS = b"import { space } from './space.js';\nexport const words = (text) => text.split(space);\n"
SPACE = b"export const space = ' ';\n"
APP = b"export const app = 1;\n"

_GREET = {
    "name": "greet",
    "description": "Says  hello\nto <b>people</b> \u202e",
    "license": "MIT",
    "homepage": "javascript:alert(1)",
    "repository": {"type": "git", "url": "git+https://example.com/greet.git"},
    "keywords": ["greeting", 7, "polite"],
    "main": "dist/greet.js",
    "style": "dist/greet.css",
    "dependencies": {"@scope/words": "^1.0.0", "left-pad": "1.x", "../x": "1", "hidden": "*"},
}
_WORDS = {"name": "@scope/words", "type": "module", "exports": {".": "./words.js"}, "license": {"type": "ISC"}}
_NODE = {"name": "fornode", "main": "index.js"}


def _json(value: object) -> bytes:
    return json.dumps(value).encode("ascii")


BEFORE = {
    "npm/greet@1.0.0/package.json": _json(_GREET),
    "npm/greet@1.0.0/LICENSE": b"Free.\n",
    "npm/greet@1.0.0/dist/greet.js": GREET,
    "npm/greet@1.0.0/dist/greet.css": STYLE,
    "npm/@scope/words@1.2.0/package.json": _json(_WORDS),
    "npm/@scope/words@1.2.0/words.js": WORDS,
    "npm/@scope/words@1.2.0/space.js": SPACE,
    "npm/fornode@1.0.0/package.json": _json(_NODE),
    "npm/fornode@1.0.0/index.js": b"module.exports = require('fs');\n",
    "npm/hidden@1.0.0/package.json": _json({"name": "hidden", "description": "a secret"}),
    "npm/hidden@1.0.0/hidden.js": SECRET,
    "npm/greet@2.0.0/dist/greet.js": SECRET,
    "own/app.js": APP,
    "own/deep/er/copy.js": GREET,
    "partners/secret.js": SECRET,
    "quiet/quiet.js": QUIET,
    "shown/shown.js": b"var shown;\n",
    "unpublished/file.js": b"var unpublished;\n",
}
AFTER = BEFORE | {
    "npm/greet@1.1.0/package.json": _json(_GREET | {"version": "1.1.0"}),
    "npm/greet@1.1.0/dist/greet.js": NEWER,
    "npm/greet@1.1.0/dist/greet.css": STYLE,
    "npm/greet@1.1.0/dist/more.js": b"var more;\n",
    "own/app.js": APP + b"export const more = 2;\n",
    "partners/second.js": b"var second;\n",
    "top.txt": b"top\n",
}
# Whatever is asked, none of these is ever in an answer.
UNLISTED = ("hidden.js", "a secret", "2.0.0", "partner", "quiet", "unpublished")


def write(root: Path, files: dict[str, bytes]) -> None:
    """Write the manifest and files below a folder."""
    for path, content in {**files, "manifest.toml": MANIFEST.encode()}.items():
        place = root / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content)
