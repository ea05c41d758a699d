"""Snippets: subjects → tags, import maps, policies and listings, with integrity metadata (SRI, HTML, CSP).

Never does I/O, and never gives integrity metadata to an alias.
"""

from cdnserve.snippets.addresses import given_url, public_url, relative_url
from cdnserve.snippets.csp import csp
from cdnserve.snippets.formats import DEFAULT_FORMAT, FORMATS, Format
from cdnserve.snippets.importmap import import_map, importmap
from cdnserve.snippets.kinds import Kind, kind_of
from cdnserve.snippets.listing import as_hashes, as_json
from cdnserve.snippets.modules import looks_like_module
from cdnserve.snippets.notes import notes
from cdnserve.snippets.options import Options, metadata, read_algorithms
from cdnserve.snippets.scripts import main_files
from cdnserve.snippets.sources import of_alias, of_asset, of_file, of_response
from cdnserve.snippets.subject import Subject
from cdnserve.snippets.tags import elements, html

__all__ = [
    "DEFAULT_FORMAT",
    "FORMATS",
    "Format",
    "Kind",
    "Options",
    "Subject",
    "as_hashes",
    "as_json",
    "csp",
    "elements",
    "given_url",
    "html",
    "import_map",
    "importmap",
    "kind_of",
    "looks_like_module",
    "main_files",
    "metadata",
    "notes",
    "of_alias",
    "of_asset",
    "of_file",
    "of_response",
    "public_url",
    "read_algorithms",
    "relative_url",
]
