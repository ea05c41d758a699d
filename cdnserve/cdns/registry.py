"""The hosts of public CDNs, and what an address on one of them stands for."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType
from urllib.parse import parse_qsl, unquote, urlsplit

from cdnserve.cdns import cdnjs, google, npm_mirrors, products
from cdnserve.cdns.mapped import CDNJS, POLYFILLS, Mapped, Unmapped
from cdnserve.cdns.products import PRODUCTS

Reader = Callable[[str, str], Mapped | Unmapped]
"""Reads a decoded path, without its first slash, and a query as it was written."""

_LONGEST = 4096
# URL Standard §4.1: controls and spaces around, tabs and newlines anywhere are dropped.
_AROUND = "".join(map(chr, range(0x21)))
_DROPPED = str.maketrans("", "", "\t\n\r")
# In JSON and in scripts, slashes may be escaped.
_IN_TEXT = re.compile(r"(?:https?:)?(?:\\?/){2}[A-Za-z0-9](?:[^\s\"'`<>()\\]|\\/){1,4096}")

BY_BROWSER = "each browser gets other bytes"
ANY_TIME = "it changes at any time, at the same address"

_GONE = "the host is gone; browsers of today need none of its files, so take it out"
_REPOSITORY = "it is a file of a repository, not of an npm package"
_ADOBE = "Adobe's fonts are licensed for its own hosts"
_LICENSED = "its fonts are licensed, and not on npm"
_ON_REQUEST = "it is made on request: take the package's own build"
_HIJACKED = "this host sent malware in 2024: take it out, browsers of today need none of it"
_KIT = "a kit is made for one account: npm has the free icons as @fortawesome/fontawesome-free"
_TAILWIND = (
    "it makes styles while the page runs, for development only: build the stylesheet with Tailwind, and host that"
)
_SERVICE = "it is part of a service, which works from its own host only"

# host → its name, why it is left, and why no integrity metadata is right for it (`""` where some is).
UNMOVABLE: Mapping[str, tuple[str, str, str]] = MappingProxyType({
    "api.fontshare.com": ("Fontshare", _LICENSED, ""),
    "bundle.run": ("bundle.run", _ON_REQUEST, ANY_TIME),
    "cdn.ampproject.org": ("AMP's CDN", "AMP pages must load it from there", ANY_TIME),
    "cdn.fontshare.com": ("Fontshare", _LICENSED, ""),
    "cdn.mathjax.org": ("MathJax' former CDN", "the host is retired: npm has it as mathjax", ""),
    "cdn.polyfill.io": ("polyfill.io", _HIJACKED, BY_BROWSER),
    "cdn.rawgit.com": ("RawGit", _REPOSITORY, ""),
    "cdn.statically.io": ("Statically", _REPOSITORY, ""),
    "cdn.tailwindcss.com": ("Tailwind's CDN", _TAILWIND, ANY_TIME),
    "cdn.tiny.cloud": ("TinyMCE's cloud", "it wants an account's key: npm has the editor as tinymce", ANY_TIME),
    "cloud.typography.com": ("Typography.com", _LICENSED, ANY_TIME),
    "fast.fonts.net": ("Fonts.com", _LICENSED, ANY_TIME),
    "fonts.cdnfonts.com": ("CDN Fonts", "npm does not have its stylesheets; look for the family in @fontsource", ""),
    "ga.system.jspm.io": ("jspm", "it is made for SystemJS; ga.jspm.io has the same as ES modules", ""),
    "html5shim.googlecode.com": ("Google Code", _GONE, ""),
    "html5shiv.googlecode.com": ("Google Code", _GONE, ""),
    "ie7-js.googlecode.com": ("Google Code", _GONE, ""),
    "kit-free.fontawesome.com": ("Font Awesome's kits", _KIT, ANY_TIME),
    "kit.fontawesome.com": ("Font Awesome's kits", _KIT, ANY_TIME),
    "p.typekit.net": ("Adobe Fonts", _ADOBE, ANY_TIME),
    "polyfill-fastly.io": ("Fastly's polyfills", POLYFILLS, BY_BROWSER),
    "polyfill-fastly.net": ("Fastly's polyfills", POLYFILLS, BY_BROWSER),
    "polyfill.alicdn.com": ("Alibaba's polyfills", POLYFILLS, BY_BROWSER),
    "polyfill.io": ("polyfill.io", _HIJACKED, BY_BROWSER),
    "pro.fontawesome.com": ("Font Awesome Pro", "it is licensed: host the files that you have bought", ""),
    "raw.githack.com": ("raw.githack.com", _REPOSITORY, ANY_TIME),
    "raw.githubusercontent.com": ("GitHub", _REPOSITORY, ""),
    "rawcdn.githack.com": ("raw.githack.com", _REPOSITORY, ""),
    "rawgit.com": ("RawGit", _REPOSITORY, ""),
    "releases.jquery.com": ("jQuery's releases", "npm has no builds of what is not released", ANY_TIME),
    "rsms.me": ("rsms.me", "npm has Inter in @fontsource/inter, by other stylesheets", ANY_TIME),
    "use.edgefonts.net": ("Adobe Edge", _GONE, ""),
    "use.typekit.net": ("Adobe Fonts", _ADOBE, ANY_TIME),
    "wzrd.in": ("wzrd.in", _ON_REQUEST, ANY_TIME),
})  # fmt: skip

# Parts of services. Nobody takes these for files of packages, but nobody can host them either.
SERVICES = frozenset({
    *("accounts.google.com", "apis.google.com", "maps.google.com", "maps.googleapis.com", "www.google.com"),
    *("pagead2.googlesyndication.com", "securepubads.g.doubleclick.net", "ssl.google-analytics.com"),
    *("www.google-analytics.com", "www.googletagmanager.com", "www.youtube.com", "cdn.cookielaw.org"),
    *("ajax.cloudflare.com", "challenges.cloudflare.com", "static.cloudflareinsights.com", "consent.cookiebot.com"),
    *("connect.facebook.net", "platform.linkedin.com", "platform.twitter.com", "snap.licdn.com", "stats.wp.com"),
    *("assets.pinterest.com", "embed.tawk.to", "hcaptcha.com", "js.hcaptcha.com", "hm.baidu.com", "mc.yandex.ru"),
    *("checkout.stripe.com", "js.stripe.com", "js.braintreegateway.com", "www.paypal.com", "www.paypalobjects.com"),
    *("cdn.segment.com", "js.hs-scripts.com", "js.intercomcdn.com", "script.hotjar.com", "static.hotjar.com"),
    *("widget.intercom.io", "s7.addthis.com"),
})  # fmt: skip


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
        "cdnjs.cloudflare.com": _Host(CDNJS, cdnjs.cdnjs),
        **_hosts(
            _Host("BootCDN", partial(cdnjs.cdnjs_mirror, "ajax/libs/")),
            *("cdn.bootcdn.net", "cdnjs.loli.net"),
        ),
        **_hosts(
            _Host("BootCDN", partial(cdnjs.cdnjs_mirror, "")),
            *("cdn.bootcss.com", "cdn.staticfile.org", "cdn.staticfile.net", "lib.baomitu.com", "libs.baidu.com"),
        ),
        **_hosts(
            _Host("BootCDN", partial(cdnjs.cdnjs_mirror, "cdn/expire-1-M/")),
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
        "fonts.bunny.net": _Host(google.BUNNY, google.bunny),
        "code.jquery.com": _Host(products.JQUERY, products.jquery),
        **_hosts(
            _Host(products.BOOTSTRAP_CDN, products.bootstrap_cdn),
            *("maxcdn.bootstrapcdn.com", "stackpath.bootstrapcdn.com", "netdna.bootstrapcdn.com"),
        ),
        "use.fontawesome.com": _Host(products.FONT_AWESOME, products.font_awesome),
        "ajax.aspnetcdn.com": _Host(products.MICROSOFT, products.microsoft),
        "ajax.microsoft.com": _Host(products.MICROSOFT, products.microsoft),
        "cdn.datatables.net": _Host(products.DATATABLES, products.datatables),
        "code.angularjs.org": _Host(products.ANGULAR, products.angular),
        "www.gstatic.com": _Host(google.STATIC, google.static_google),
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
        return Unmapped(parts[0], _SERVICE)
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
