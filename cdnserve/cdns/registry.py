"""The hosts of public CDNs, and the addresses that they have in common with the URL Standard.

Never reads more of an address than its CDN does.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType
from urllib.parse import parse_qsl, unquote, urlsplit

from cdnserve.cdns import google, npm_mirrors, other, products
from cdnserve.cdns.mapped import ANY_TIME, BY_BROWSER, CDNJS, SERVICE, SERVICES, UNMOVABLE, Mapped, Unmapped
from cdnserve.cdns.products import PRODUCTS

Reader = Callable[[str, str], Mapped | Unmapped]
"""Reads a decoded path, without its first slash, and a query as it was written."""

_LONGEST = 4096
# URL Standard §4.1: controls and spaces around, tabs and newlines anywhere are dropped.
_AROUND = "".join(map(chr, range(0x21)))
_DROPPED = str.maketrans("", "", "\t\n\r")
# In JSON and in scripts, slashes may be escaped.
_IN_TEXT = re.compile(r"(?:https?:)?(?:\\?/){2}[A-Za-z0-9](?:[^\s\"'`<>()\\]|\\/){1,4096}")


@dataclass(frozen=True, slots=True)
class _Host:
    """Whose a host is, and how its paths are read; `varies` says why no integrity metadata is right for its files."""

    cdn: str
    read: Reader
    varies: str = ""


def _hosts(host: _Host, *names: str) -> dict[str, _Host]:
    return dict.fromkeys(names, host)


def _left(cdn: str, reason: str, _path: str, _query: str = "") -> Unmapped:
    return Unmapped(cdn, reason)


_HOSTS: Mapping[str, _Host] = MappingProxyType(
    {
        **{name: _Host(cdn, partial(_left, cdn, why), varies) for name, (cdn, why, varies) in UNMOVABLE.items()},
        **{name: _Host(cdn, partial(products.product, name)) for name, (cdn, _) in PRODUCTS.items()},
        **_hosts(
            _Host(npm_mirrors.JSDELIVR, npm_mirrors.jsdelivr),
            *("cdn.jsdelivr.net", "fastly.jsdelivr.net", "gcore.jsdelivr.net", "testingcf.jsdelivr.net"),
            "cdn.jsdmirror.com",
        ),
        "esm.run": _Host(npm_mirrors.JSDELIVR, npm_mirrors.esm_run),
        **_hosts(
            _Host(npm_mirrors.UNPKG, npm_mirrors.unpkg),
            *("unpkg.com", "www.unpkg.com", "npm.elemecdn.com", "unpkg.zhimg.com"),
        ),
        "cdnjs.cloudflare.com": _Host(CDNJS, other.cdnjs),
        **_hosts(
            _Host("BootCDN", partial(products.cdnjs_mirror, "ajax/libs/")),
            *("cdn.bootcdn.net", "cdnjs.loli.net"),
        ),
        **_hosts(
            _Host("BootCDN", partial(products.cdnjs_mirror, "")),
            *("cdn.bootcss.com", "cdn.staticfile.org", "cdn.staticfile.net", "lib.baomitu.com", "libs.baidu.com"),
        ),
        **_hosts(
            _Host("BootCDN", partial(products.cdnjs_mirror, "cdn/expire-1-M/")),
            *(f"lf{number}-cdn-tos.bytecdntp.com" for number in (3, 6, 9, 26)),
        ),
        **_hosts(_Host(npm_mirrors.ESM_SH, npm_mirrors.esm_sh, BY_BROWSER), "esm.sh", "cdn.esm.sh"),
        **_hosts(_Host(npm_mirrors.JSPM, npm_mirrors.jspm), "ga.jspm.io", "jspm.dev"),
        "cdn.skypack.dev": _Host(npm_mirrors.SKYPACK, npm_mirrors.skypack),
        **_hosts(_Host(google.GOOGLE, google.google), "ajax.googleapis.com", "ajax.loli.net"),
        **_hosts(
            _Host(google.GOOGLE_FONTS, google.google_fonts, BY_BROWSER),
            *("fonts.googleapis.com", "fonts.googleapis.cn", "fonts.loli.net"),
        ),
        **_hosts(_Host(google.GOOGLE_FONTS, google.gstatic), "fonts.gstatic.com", "fonts.gstatic.cn"),
        "fonts.bunny.net": _Host(products.BUNNY, products.bunny),
        "code.jquery.com": _Host(other.JQUERY, other.jquery),
        **_hosts(
            _Host(other.BOOTSTRAP_CDN, other.bootstrap_cdn),
            *("maxcdn.bootstrapcdn.com", "stackpath.bootstrapcdn.com", "netdna.bootstrapcdn.com"),
        ),
        "use.fontawesome.com": _Host(other.FONT_AWESOME, other.font_awesome),
        "ajax.aspnetcdn.com": _Host(products.MICROSOFT, products.microsoft),
        "ajax.microsoft.com": _Host(products.MICROSOFT, products.microsoft),
        "cdn.datatables.net": _Host(products.DATATABLES, products.datatables),
        "code.angularjs.org": _Host(products.ANGULAR, products.angular),
        "www.gstatic.com": _Host(products.STATIC, products.static_google),
    }
)


def cdn_of(url: str) -> str:
    """Name the public CDN that an address points to, `""` for none that is known.

    >>> cdn_of("//cdn.jsdelivr.net"), cdn_of("https://example.com/cdn.jsdelivr.net/npm/vue")
    ('jsDelivr', '')
    """
    parts = _split(url)
    return _HOSTS[parts[0]].cdn if parts and parts[0] in _HOSTS else ""


def read_address(url: str) -> Mapped | Unmapped | None:
    """Return what an address stands for; `None` where it points to no host that is known.

    >>> found = read_address("https://unpkg.com/vue@3/dist/vue.global.js")
    >>> found.cdn, found.files[0].name, found.files[0].requirement, found.files[0].files
    ('unpkg', 'vue', '3', ('dist/vue.global.js',))
    """
    parts = _split(url)
    if parts and parts[0] in SERVICES:
        return Unmapped(parts[0], SERVICE)
    if not parts or parts[0] not in _HOSTS:
        return None
    name, path, query = parts
    host = _HOSTS[name]
    try:
        decoded = unquote(path.removeprefix("/"), errors="strict")
    except UnicodeDecodeError:
        return Unmapped(host.cdn, "its path is not UTF-8")
    return host.read(decoded, query)


def varies(url: str) -> str:
    """Return why no integrity metadata is right for what an address answers, `""` where nothing is known against it.

    >>> varies("https://fonts.googleapis.com/css2?family=Inter"), varies("https://unpkg.com/vue")
    ('each browser gets other bytes', '')
    """
    parts = _split(url)
    if not parts:
        return ""
    host, path, query = parts
    if host == "cdnjs.cloudflare.com":
        return BY_BROWSER if path.startswith("/polyfill/") else ""
    if host in SERVICES:
        return ANY_TIME
    # esm.sh builds for the browser that asks, unless the address says for which.
    is_built = cdn_of(url) == npm_mirrors.ESM_SH and ("target" in dict(parse_qsl(query)) or "/es2" in path)
    return _HOSTS[host].varies if host in _HOSTS and not is_built else ""


def find_addresses(text: str) -> Iterator[tuple[int, int, str]]:
    """Return begin, end and text of every address with a host in a text, without escapes of its slashes.

    >>> list(find_addresses("@import url(//esm.sh/x.css); import a from 'https://example.com/a.js'"))
    [(12, 26, '//esm.sh/x.css'), (44, 68, 'https://example.com/a.js')]
    """
    return ((found.start(), found.end(), found[0].replace("\\/", "/")) for found in _IN_TEXT.finditer(text))


def _split(url: str) -> tuple[str, str, str] | None:
    if len(url) > _LONGEST:
        return None
    try:
        parts = urlsplit(url.strip(_AROUND).translate(_DROPPED))
        host, port = (parts.hostname or "").removesuffix("."), parts.port
    except ValueError:
        return None
    is_usual = parts.scheme in ("", "http", "https") and port in (None, 80, 443) and "@" not in parts.netloc
    return (host, parts.path, parts.query) if is_usual and host else None
