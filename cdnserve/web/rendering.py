"""Rendering: a template and its values into a page, with a policy under which only the pages' own files run and load.

Every value is escaped, and every text is made printable first, whoever wrote it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

import msgspec

from cdnserve.display import plural, printable, printable_lines
from cdnserve.origin.message import Fields
from cdnserve.rules.urls import public_url
from cdnserve.web.message import ProblemDetail, WebContent, WebRequest
from cdnserve.web.static import OwnAssets, own_assets
from cdnserve.web.view import CatalogView

if TYPE_CHECKING:
    from starlette.templating import Jinja2Templates

_HTML = "text/html; charset=utf-8"
_DEFAULT_HEADING = "Library CDN"
_LONGEST_LINK = 60
# No file lies deeper; an address of slashes alone shall not get a page full of them.
_DEEPEST = 200


@dataclass(frozen=True, slots=True)
class PageLink:
    """An address behind `/-/`, and what it is called."""

    name: str
    address: str


def render(
    template: str, request: WebRequest, view: CatalogView, values: Mapping[str, object], status: int = 200
) -> WebContent:
    """Return a page; `values` are what its template shows, besides what every page has."""
    assets = own_assets(view.site)
    logo = view.site.logo if view.site.logo in view.listing.catalog.assets else ""
    # Addresses are relative, so that whatever an edge puts before all paths stays as it is.
    common: dict[str, object] = {
        "status": status,
        "root": "../" * min(request.head.raw_path.count(b"/") - 1, _DEEPEST),
        "heading": view.site.title or view.site.name or _DEFAULT_HEADING,
        "logo": logo,
        "has_pages": view.site.pages,
        "has_host": bool(view.site.url),
        "assets": assets,
        "number": view.number,
        "total": len(view.listing.paths),
        "here": "",
    }
    text = _templates().get_template(template).render({**common, **values})
    return WebContent(_HTML, text.encode("utf-8"), status, security_headers(assets))


def not_found(request: WebRequest, view: CatalogView, text: str, near: tuple[PageLink, ...] = ()) -> WebContent:
    """Return the page of an address that names nothing."""
    return render("error.html", request, view, {"title": "Nothing is here", "text": text, "near": near}, 404)


def problem_page(request: WebRequest, view: CatalogView, told: WebContent) -> WebContent:
    """Return a problem of the API's kind as a page with the same status."""
    found = msgspec.json.decode(told.body, type=ProblemDetail)
    text = " ".join(filter(None, (found.detail, found.hint)))
    return render("error.html", request, view, {"title": found.title, "text": text, "near": ()}, told.status)


def redirect(request: WebRequest, address: str) -> WebContent:
    """Return an answer that leads to an address behind `/-/`, which is percent-encoded already."""
    up = "../" * (request.head.raw_path.count(b"/") - 2) or "./"
    text = f"See {address}\n".encode()
    return WebContent("text/plain; charset=utf-8", text, 302, ((b"location", f"{up}{address}".encode("ascii")),))


def security_headers(assets: OwnAssets) -> Fields:
    """Return the headers of every page; of scripts, only the pages' own octets run (CSP 3, external hashes)."""
    policy = (
        f"default-src 'none'; script-src '{assets.script.integrity}'; style-src 'self'; img-src 'self'; "
        "font-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    )
    return (
        (b"content-security-policy", policy.encode("ascii")),
        (b"referrer-policy", b"no-referrer"),
        (b"cross-origin-opener-policy", b"same-origin"),
        (b"cross-origin-resource-policy", b"same-origin"),
    )


@cache
def _templates() -> Jinja2Templates:
    from jinja2 import Environment, PackageLoader, StrictUndefined  # noqa: PLC0415 - only who asks for a page needs it
    from starlette.templating import Jinja2Templates  # noqa: PLC0415

    environment = Environment(
        loader=PackageLoader("cdnserve.web", "templates"),
        autoescape=True,
        finalize=_shown,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    filters: Mapping[str, Callable[..., object]] = {
        "capitalized": capitalized,
        "code": _with_code,
        "host": _without_scheme,
        "lines": _lines,
        "path": quoted_path,
        "plural": _plural,
        "signed": _signed,
        "size": shown_size,
    }
    environment.filters.update(filters)
    return Jinja2Templates(env=environment)


def _shown(value: object) -> object:
    """Return what a template shows of a value; what is HTML already stays as it is."""
    return value if hasattr(value, "__html__") or not isinstance(value, str) else printable(value)


def _lines(text: str) -> object:
    from markupsafe import escape  # noqa: PLC0415 - comes with the templates

    return escape("\n".join(printable_lines(text)))


def capitalized(text: str) -> str:
    """Begin a remark as a sentence begins; a key that it begins with stays as it is.

    >>> capitalized("the policy is none"), capitalized("allow-origins does not list it")
    ('The policy is none', 'allow-origins does not list it')
    """
    return f"{text[:1].upper()}{text[1:]}" if text.partition(" ")[0].isalpha() else text


def as_markup(html: str) -> object:
    """Return HTML that a template shows as it is: whoever made it has escaped what others wrote."""
    from markupsafe import Markup  # noqa: PLC0415 - comes with the templates

    return Markup(html)  # noqa: S704 - see above


def _with_code(text: str) -> object:
    """Return a text as HTML, in which what stands between backticks is code."""
    from markupsafe import Markup  # noqa: PLC0415 - comes with the templates

    told = (Markup("<code>{}</code>").format(one) if at % 2 else one for at, one in enumerate(text.split("`")))
    return Markup("").join(told)


def _signed(octets: int) -> str:
    sign = "+" if octets > 0 else "\N{MINUS SIGN}" if octets < 0 else "±"
    return sign + shown_size(abs(octets))


def quoted_path(path: str) -> str:
    """Return a logical path as a relative URL has it.

    >>> quoted_path("npm/@scope/x@1.0.0/a b?.js")
    'npm/@scope/x@1.0.0/a%20b%3F.js'
    """
    return public_url(path).removeprefix("/")


def _plural(number: int, noun: str, several: str = "") -> str:
    return f"{number:,} {several}" if several and number != 1 else plural(number, noun)


def shown_size(octets: int) -> str:
    """Return a size as a table shows it.

    >>> shown_size(87533), shown_size(1 << 20), shown_size(532), shown_size(1023 * 1024)
    ('85.5 KiB', '1.0 MiB', '532 B', '1,023 KiB')
    """
    if octets < 1024:
        return f"{octets} B"
    number, unit = (octets / 1024, "KiB") if octets < 1 << 20 else (octets / (1 << 20), "MiB")
    return f"{number:,.0f} {unit}" if number >= 99.95 else f"{number:.1f} {unit}"


def _without_scheme(url: str) -> str:
    short = url.partition("://")[2].removeprefix("www.").rstrip("/")
    return short if len(short) <= _LONGEST_LINK else f"{short[: _LONGEST_LINK - 1]}…"
