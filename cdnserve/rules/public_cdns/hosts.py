"""The hosts of public CDNs, and the addresses that they have in common with the URL Standard.

Never reads more of an address than its CDN does.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from urllib.parse import unquote, urlsplit

from cdnserve.rules.public_cdns import google_fonts, google_libraries, modules, npm_mirrors, projects
from cdnserve.rules.public_cdns.values import CDNJS, Mapped, Unmapped

Reader = Callable[[str, str], Mapped | Unmapped]
"""Reads a decoded path, without its first slash, and a query as it was written."""

_LONGEST = 4096
# URL Standard §4.1: controls and spaces around, tabs and newlines anywhere are dropped.
_AROUND = "".join(map(chr, range(0x21)))
_DROPPED = str.maketrans("", "", "\t\n\r")
_IN_TEXT = re.compile(r"(?:https?:)?//[A-Za-z0-9][^\s\"'`<>()\\]{1,4096}")

_READERS: Mapping[str, tuple[str, Reader]] = MappingProxyType(
    {
        **dict.fromkeys(
            ("cdn.jsdelivr.net", "fastly.jsdelivr.net", "gcore.jsdelivr.net"),
            (npm_mirrors.JSDELIVR, npm_mirrors.jsdelivr),
        ),
        "esm.run": (npm_mirrors.JSDELIVR, npm_mirrors.esm_run),
        **dict.fromkeys(("unpkg.com", "www.unpkg.com"), (npm_mirrors.UNPKG, npm_mirrors.unpkg)),
        "cdnjs.cloudflare.com": (CDNJS, projects.cdnjs),
        **dict.fromkeys(("esm.sh", "cdn.esm.sh"), (modules.ESM_SH, modules.esm_sh)),
        "ajax.googleapis.com": (google_libraries.GOOGLE, google_libraries.google),
        "fonts.googleapis.com": (google_fonts.GOOGLE_FONTS, google_fonts.google_fonts),
        "fonts.gstatic.com": (google_fonts.GOOGLE_FONTS, google_fonts.gstatic),
        "code.jquery.com": (projects.JQUERY, projects.jquery),
        **dict.fromkeys(
            ("maxcdn.bootstrapcdn.com", "stackpath.bootstrapcdn.com", "netdna.bootstrapcdn.com"),
            (projects.BOOTSTRAP_CDN, projects.bootstrap_cdn),
        ),
        "use.fontawesome.com": (projects.FONT_AWESOME, projects.font_awesome),
    }
)


def cdn_of(url: str) -> str:
    """Name the public CDN that an address points to, `""` for none that is known.

    >>> cdn_of("//cdn.jsdelivr.net"), cdn_of("https://example.com/cdn.jsdelivr.net/npm/vue")
    ('jsDelivr', '')
    """
    parts = _split(url)
    return _READERS[parts[0]][0] if parts else ""


def read_address(url: str) -> Mapped | Unmapped | None:
    """Say what an address stands for; `None` where it points to no public CDN that is known.

    >>> found = read_address("https://unpkg.com/vue@3/dist/vue.global.js")
    >>> found.cdn, found.files[0].name, found.files[0].requirement, found.files[0].files
    ('unpkg', 'vue', '3', ('dist/vue.global.js',))
    """
    parts = _split(url)
    if not parts:
        return None
    host, path, query = parts
    cdn, reader = _READERS[host]
    try:
        decoded = unquote(path.removeprefix("/"), errors="strict")
    except UnicodeDecodeError:
        return Unmapped(cdn, "its path is not UTF-8")
    return reader(decoded, query)


def find_addresses(text: str) -> Iterator[tuple[int, str]]:
    """Give offset and address of everything in a script or a stylesheet that points to a public CDN.

    >>> list(find_addresses("@import url(//esm.sh/x.css); import a from 'https://example.com/a.js'"))
    [(12, '//esm.sh/x.css')]
    """
    return ((found.start(), found[0]) for found in _IN_TEXT.finditer(text) if _split(found[0]))


def _split(url: str) -> tuple[str, str, str] | None:
    if len(url) > _LONGEST:
        return None
    try:
        parts = urlsplit(url.strip(_AROUND).translate(_DROPPED))
        host, port = (parts.hostname or "").removesuffix("."), parts.port
    except ValueError:
        return None
    is_usual = parts.scheme in ("", "http", "https") and port in (None, 80, 443) and "@" not in parts.netloc
    return (host, parts.path, parts.query) if is_usual and host in _READERS else None
