"""Formats: every way to write subjects, by the name that the command line takes.

Never writes a final newline: who prints adds it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType

from cdnserve.snippets.csp import csp
from cdnserve.snippets.importmap import importmap
from cdnserve.snippets.listing import as_hashes, as_json
from cdnserve.snippets.options import Options
from cdnserve.snippets.subject import Subject
from cdnserve.snippets.tags import html

Format = Callable[[Sequence[Subject], Options], str]

DEFAULT_FORMAT = "html"
FORMATS: Mapping[str, Format] = MappingProxyType(
    {"html": html, "json": as_json, "importmap": importmap, "csp": csp, "hash": as_hashes}
)
