"""A catalog of libraries as values: several versions, scopes, prereleases, and every way to name a default file.

Never read by the server: what a test expects of an address is known from here.
"""

from __future__ import annotations

from cdnserve.manifest.model import Site
from cdnserve.origin.lookup import Origin
from cdnserve.origin.message import Reply
from cdnserve.origin.respond import respond
from cdnserve.release.catalog import SCHEMA, Catalog, Entries
from cdnserve.rules.cors import ANY
from tests.origin import catalogs

RULES = (
    catalogs.rule("npm/partner@*/**", catalogs.PARTNERS),
    catalogs.rule("npm/**", ANY),
    catalogs.rule("secret/**", ANY),
)
FILES = (
    "npm/@fontsource/inter@5.1.0/files/inter.woff2",
    "npm/@fontsource/inter@5.1.0/index.css",
    "npm/@fontsource/inter@5.2.0/index.css",
    "npm/@fontsource/readme.txt",
    "npm/@popperjs/core@2.11.8/dist/umd/popper.min.js",
    "npm/banana@latest/a.js",
    "npm/bootstrap@5.3.3/dist/css/bootstrap.min.css",
    "npm/early@1.0.0-alpha.2/index.js",
    "npm/early@1.0.0-beta.1/index.js",
    "npm/jquery@3.10.0/dist/jquery.js",
    "npm/jquery@3.10.0/dist/jquery.min.js",
    "npm/jquery@3.7.1/dist/jquery.js",
    "npm/jquery@3.7.1/dist/jquery.min.js",
    "npm/jquery@3.7.1/dist/odd/a b%#?.js",
    "npm/jquery@4.0.0-rc.1/dist/jquery.js",
    "npm/jquery/lies-here.js",
    "npm/made@1.0.0/+esm/client.js",
    "npm/made@1.0.0/+esm/index.js",
    "npm/npm@1.0.0/x.js",
    "npm/partner@1.0.0/index.js",
    "npm/real@1.2.0/a.js",
    "npm/real@1/a.js",
    "npm/unheard-of-by-json@1.0.0/index.js",
    "npm/nothing@1.0.0/other.js",
    "npm/tagify@1.0.0/dist/tagify.js",
    "npm/vue@3.5.0/dist/vue.global.js",
    "npm/vue@3.5.0/dist/vue.global.prod.js",
    "npm/zzz.js",
)
PACKAGES = {
    "npm/@fontsource/inter@5.2.0": Entries(main="index.css"),
    "npm/jquery@3.10.0": Entries(main="dist/jquery.js"),
    "npm/jquery@3.7.1": Entries(main="dist/jquery"),
    "npm/partner@1.0.0": Entries(main="gone.js"),
    "npm/vue@3.5.0": Entries("dist/vue.global.prod.js", "dist/vue.global.js", main="index.js"),
}


def origin(site: Site | None = None) -> Origin:
    """Compile the catalog for a site."""
    rules = {path: 0 if path.startswith("npm/partner@") else 1 for path in sorted(FILES)}
    assets = {path: catalogs.asset(path, at=at) for path, at in rules.items()}
    return Origin(Catalog(SCHEMA, 1, site or Site(), RULES, assets, PACKAGES), clock=lambda: catalogs.NOW)


PLAIN = origin()
DROP_IN = origin(Site(unpkg_addresses=True, cdnjs_addresses=True))


def ask(where: Origin, method: str, path: str, **fields: str) -> Reply:
    """Ask one of them."""
    return respond(catalogs.request(method, path, **fields), where)
