"""Subjects to write snippets for: made from a few known bytes, so that every digest can be recomputed."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import replace

from cdnserve.markup.tag import Kind
from cdnserve.snippets.subject import Options, Subject, expressions, of_response

SITE = "https://cdn.example.com"
DEFAULT = Options()
ALL = Options(("sha256", "sha384", "sha512"))

KINDS: dict[Kind, str] = {
    "script": "text/javascript; charset=utf-8",
    "module": "text/javascript; charset=utf-8",
    "style": "text/css; charset=utf-8",
    "font": "font/woff2",
    "image": "image/png",
    "audio": "audio/mpeg",
    "video": "video/mp4",
    "track": "text/vtt; charset=utf-8",
    "json": "application/json",
    "map": "application/json",
    "": "application/wasm",
}
CHECKED: tuple[Kind, ...] = ("script", "module", "style", "font")
UNCHECKED: tuple[Kind, ...] = tuple(kind for kind in KINDS if kind not in CHECKED)


def subject(kind: Kind = "script", url: str = f"{SITE}/demo/1.0.0/greet.js", content: bytes = b"greet()") -> Subject:
    """Make a subject of any kind, with all digests."""
    return replace(of_response(url, content, KINDS[kind]), kind=kind)


def digest(algorithm: str, content: bytes) -> str:
    """Compute a hash expression without the code under test."""
    return f"{algorithm}-{base64.b64encode(hashlib.new(algorithm, content).digest()).decode('ascii')}"


def hashes(of: Subject, options: Options = DEFAULT) -> list[str]:
    """Return the hash expressions as strings."""
    return [str(expression) for expression in expressions(of, options)]
