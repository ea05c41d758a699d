"""What an address on a public CDN stands for, as values: files of npm packages, or why it is none.

Never exact by itself: a requirement may be a range or a tag, and several places may be worth a look.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

CDNJS = "cdnjs"
"""The one CDN whose names are not npm's: `PackageFile.name` and `files` are as cdnjs has them."""

_SPEC = re.compile(r"(?P<name>(?:@[^/@]+/)?[^/@]+)(?:@(?P<requirement>[^/]*))?(?:/(?P<file>.*))?")


@dataclass(frozen=True, slots=True)
class PackageFile:
    """A file of an npm package.

    `requirement` is an exact version, a range or a tag, `""` for the newest. `files` are the places to look, in
    this order; none means the default file of a `mirror`. One that ends in `/` is a folder, `/` the whole package.
    `is_built` says that the CDN makes a module out of it, in which no bare import is left. `family` is the font family
    that the stylesheet must define. Where it is not `is_vouched` for, the package only has the same name: any file but
    one with the octets that the page demands may be somebody else's.
    """

    name: str
    requirement: str
    files: tuple[str, ...] = ()
    mirror: Literal["", "jsdelivr", "unpkg"] = ""
    is_built: bool = False
    family: str = ""
    is_vouched: bool = True


@dataclass(frozen=True, slots=True)
class Mapped:
    """An address that stands for files of npm packages; `remark` is what changes with them, `""` for nothing."""

    cdn: str
    files: tuple[PackageFile, ...]
    remark: str = ""


@dataclass(frozen=True, slots=True)
class Unmapped:
    """An address on a public CDN that stands for no file of an npm package, and why."""

    cdn: str
    reason: str


def split_spec(path: str) -> tuple[str, str, str] | None:
    """Split `NAME@REQUIREMENT/FILE` of a decoded path without its first slash; `None` for what is none.

    >>> split_spec("@vue/runtime-dom@3/dist/a.js"), split_spec("vue"), split_spec("vue@3/")
    (('@vue/runtime-dom', '3', 'dist/a.js'), ('vue', '', ''), ('vue', '3', '/'))
    """
    found = _SPEC.fullmatch(path)
    if not found:
        return None
    name, requirement, file = found.group("name", "requirement", "file")
    if file is not None and file.rstrip("/") and not is_plain(file.removesuffix("/")):
        return None
    return name, requirement or "", "/" if file == "" else file or ""


def is_plain(path: str) -> bool:
    """Return whether a path has only segments that can name files.

    >>> is_plain("dist/a.js"), is_plain("dist/../a.js"), is_plain("a//b"), is_plain("")
    (True, False, False, False)
    """
    return all(segment not in ("", ".", "..") for segment in path.split("/")) and not re.search(r"[\x00-\x1f\\]", path)


def unminified(files: Iterable[str]) -> tuple[str, ...]:
    """Add the files that minified ones are made of.

    >>> unminified(["dist/a.min.js", "b.css"])
    ('dist/a.min.js', 'b.css', 'dist/a.js')
    """
    files = tuple(files)
    return tuple(dict.fromkeys((*files, *(re.sub(r"\.min(\.[a-z]+)\Z", r"\1", file) for file in files))))


BY_BROWSER = "each browser gets other bytes"
ANY_TIME = "it changes at any time, at the same address"

_GONE = "the host is gone; browsers of today need none of its files, so take it out"
_REPOSITORY = "it is a file of a repository, not of an npm package"
_ADOBE = "Adobe's fonts are licensed for its own hosts"
_LICENSED = "its fonts are licensed, and not on npm"
_ON_REQUEST = "it is made on request: take the package's own build"
POLYFILLS = "it gives each browser other bytes; browsers of today need none of them, so take it out"
_HIJACKED = "this host sent malware in 2024: take it out, browsers of today need none of it"
_KIT = "a kit is made for one account: npm has the free icons as @fortawesome/fontawesome-free"
_TAILWIND = (
    "it makes styles while the page runs, for development only: build the stylesheet with Tailwind, and host that"
)
SERVICE = "it is part of a service, which works from its own host only"

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
