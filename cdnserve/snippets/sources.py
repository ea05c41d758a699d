"""Sources of subjects: an asset of a release, a file in hand, a response in hand.

Never opens or fetches: the bytes, where needed, are passed in.
"""

from __future__ import annotations

import hashlib
import re

from cdnserve.manifest.values import Rule
from cdnserve.release.catalog import Catalog
from cdnserve.rules import media_types
from cdnserve.rules.charsets import look
from cdnserve.rules.integrity import ALGORITHMS, HashExpression
from cdnserve.snippets.addresses import given_url, public_url, relative_url
from cdnserve.snippets.kinds import Kind, kind_of
from cdnserve.snippets.scripts import bare_imports, node_names
from cdnserve.snippets.subject import Subject

_MOST_NAMED = 5
UNPUBLISHED = "where this file will be served is not known; put its address in"


def of_asset(catalog: Catalog, path: str, source: str = "", *, module: bool | None = None) -> Subject:
    """Make the subject of a public path; KeyError where the release has none.

    `source` is the text of a JavaScript file, to tell modules from classic scripts; `module` decides it.
    """
    asset = catalog.assets[path]
    media_type = asset.media_type(path)
    kind = kind_of(path, media_type, source, module=module)
    return Subject(
        name=path,
        url=public_url(path, catalog.site.url),
        media_type=media_type,
        kind=kind,
        size=asset.identity.size,
        # A browser hashes what is left without the coding, and of that nothing is known.
        digests=() if asset.is_coded else _digests(asset.identity.sha256, asset.sha384, asset.sha512),
        remarks=(*_needs(kind, path, source.encode()), *_remarks(catalog.rules[asset.rule])),
    )


def of_alias(catalog: Catalog, alias: str, path: str, source: str = "", *, module: bool | None = None) -> Subject:
    """Make the subject of an alias that leads to a public path today: its address, and no digest."""
    target = of_asset(catalog, path, source, module=module)
    return Subject(
        name=alias,
        url=public_url(alias, catalog.site.url),
        media_type=target.media_type,
        kind=target.kind,
        size=target.size,
        digests=(),
        exact=False,
        remarks=(f"today it leads to {path}", *target.remarks),
    )


def of_file(path: str, content: bytes, *, module: bool | None = None) -> Subject:
    """Make the subject of a local file that is not published."""
    looks = look(content)
    media_type = media_types.media_type(path, looks.form, declared=looks.declared)
    kind = kind_of(path, media_type, _text(content), module=module)
    return Subject(
        name=path,
        url=relative_url(path),
        media_type=media_type,
        kind=kind,
        size=len(content),
        digests=_hashed(content),
        remarks=(*_needs(kind, path, content), UNPUBLISHED),
    )


def of_response(
    url: str, content: bytes, media_type: str = "", *, module: bool | None = None, remarks: tuple[str, ...] = ()
) -> Subject:
    """Make the subject of a response: its content without content codings, its Content-Type (`""`: by name)."""
    path = re.split(r"[?#]", url, maxsplit=1)[0]
    known = media_type or media_types.media_type(path)
    kind = kind_of(path, known, _text(content), module=module)
    return Subject(
        name=url,
        url=given_url(url),
        media_type=known,
        kind=kind,
        size=len(content),
        digests=_hashed(content),
        remarks=(*_needs(kind, path, content), *remarks),
    )


def _text(content: bytes) -> str:
    return content.decode("utf-8", "replace")


def _hashed(content: bytes) -> tuple[HashExpression, ...]:
    return _digests(*(hashlib.new(algorithm, content).digest() for algorithm in ALGORITHMS))


def _digests(*digests: bytes) -> tuple[HashExpression, ...]:
    return tuple(HashExpression(algorithm, digest) for algorithm, digest in zip(ALGORITHMS, digests, strict=True))


def _needs(kind: Kind, path: str, source: bytes) -> tuple[str, ...]:
    """Return what a script or a module needs that its tag doesn't bring."""
    if kind == "script" and (names := node_names(path, source)):
        return (f"it uses {', '.join(names)} of Node.js, so a script tag of it fails in browsers",)
    if kind == "module" and (names := bare_imports(source)):
        few = ", ".join(names[:_MOST_NAMED]) + (f" and {len(names) - _MOST_NAMED} more" * (len(names) > _MOST_NAMED))
        return (f"it imports {few}: the page needs an import map (cdnserve importmap)",)
    return ()


def _remarks(rule: Rule) -> tuple[str, ...]:
    """Give what a rule means for a page that pastes the tag."""
    found = []
    if not rule.cache.immutable:
        found.append("its rule lets it change, and browsers block changed bytes; publish it under an immutable rule")
    if rule.cors.name == "none":
        found.append('its rule has cors = "none": pages of other origins can\'t load it')
    elif rule.cors.name != "any":
        found.append(f"its rule allows the origins of [cors.{rule.cors.name}] only")
    return tuple(found)
