"""A first manifest: what a new root begins with, and the rule that publishes libraries."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from cdnserve.files import replace_file
from cdnserve.manifest.files import MANIFEST
from cdnserve.manifest.lock import changing

LIBRARY_RULE = '[[publish]]\npath = "npm/**"\ncors = "any"\ncache = "immutable"\n'
"""Any page may read the libraries, and their bytes never change."""

_HEAD = """\
schema = 1

[site]
# The public URL of this host: tags and import maps begin with it.
{url}

# Rules are read in order; the first that matches a path decides. What no rule matches is not public.

# Libraries: cdnserve add NAME
"""
_OWN_FILES = """
# Your own files: all others in this folder.
[[publish]]
path = "**"
cors = {cors}
"""
_ORIGINS = """
# Only pages of these origins may read what a rule with cors = "pages" publishes.
[cors.pages]
allow-origins = [{origins}]
"""
_EXAMPLES = ("https://app.example.com", "https://*.example.org")


def first_manifest(url: str = "", origins: Sequence[str] = (), *, own_files: bool = True) -> str:
    """Return a manifest that is right for most: libraries for any page, own files too or for some origins only.

    What is left out stands there as a comment.
    """
    site = f"url = {_string(url)}" if url else '# url = "https://cdn.example.com"'
    allowed = _ORIGINS.format(origins=", ".join(map(_string, origins or _EXAMPLES)))
    own = _OWN_FILES.format(cors=_string("pages" if origins else "any"))
    parts = (
        _HEAD.format(url=site) + LIBRARY_RULE,
        own if own_files else _commented(own),
        allowed if origins else _commented(allowed),
    )
    return "".join(parts)


def write_first(root: Path, text: str) -> bool:
    """Write a root's first manifest; return whether there was none."""
    with changing(root):
        if is_new := not os.path.lexists(root / MANIFEST):
            replace_file(root / MANIFEST, text.encode())
    return is_new


@contextlib.contextmanager
def begun(root: Path) -> Iterator[bool]:
    """Make sure that a root has a manifest while the block runs, and yield whether it is a first one.

    Files that lie there already are not published by it. If the block fails, what was made is gone again.
    """
    made = not root.is_dir()
    if made:
        root.mkdir()
    text = first_manifest(own_files=not any(name[:1] != "." for name in os.listdir(root)))
    is_new = write_first(root, text)
    try:
        yield is_new
    except BaseException:
        with contextlib.suppress(OSError):
            if is_new and (root / MANIFEST).read_bytes() == text.encode():
                (root / MANIFEST).unlink()
            if made:
                root.rmdir()
        raise


def _commented(text: str) -> str:
    return "".join(f"# {line}" if line.strip() and line[0] != "#" else line for line in text.splitlines(keepends=True))


def _string(text: str) -> str:
    # TOML's basic strings are JSON's, but for what JSON writes as surrogates.
    return json.dumps(text, ensure_ascii=False)
