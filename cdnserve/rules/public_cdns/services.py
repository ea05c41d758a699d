"""Hosts whose files npm does not have, or can't have: builds on request, licensed fonts, services; and why.

Never a host that only somebody's own site uses: nothing is known of those.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

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
