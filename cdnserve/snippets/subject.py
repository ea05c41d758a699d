"""A subject: one file to make a tag for, as a value (SRI §3.1)."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass

from cdnserve.display import printable
from cdnserve.errors import Problem, Problems
from cdnserve.manifest.model import Rule
from cdnserve.markup.tag import Kind, kind_of
from cdnserve.modules.imports import read_imports
from cdnserve.modules.scripts import bare_imports, node_names
from cdnserve.release.catalog import Catalog
from cdnserve.rules import media_types
from cdnserve.rules.charsets import look
from cdnserve.rules.integrity import ALGORITHMS, DEFAULT_ALGORITHM, HashExpression
from cdnserve.rules.urls import given_url, public_url, relative_url


@dataclass(frozen=True, slots=True)
class Subject:
    """One file to make tags for.

    `name` is what a person calls it: a logical path, a file name or a URL. `url` is absolute, or begins with `/`
    or `./`. `size` counts the octets without a content coding, which are also what `digests` were made of.
    `remarks` are told with every note on it. `alias` says what the target is today, where that may change.
    """

    name: str
    url: str
    media_type: str
    kind: Kind
    size: int
    digests: tuple[HashExpression, ...]
    remarks: tuple[str, ...] = ()
    alias: str = ""

    @property
    def label(self) -> str:
        r"""The name on one line, with escapes for what can't be printed.

        >>> Subject("a\nb.js", "./b.js", "text/javascript", "script", 0, ()).label
        'a\\nb.js'
        """
        return printable(self.name)

    @property
    def essence(self) -> str:
        """The media type without parameters."""
        return self.media_type.partition(";")[0].strip()


@dataclass(frozen=True, slots=True)
class Options:
    """How snippets are written; `algorithms` are names out of `ALGORITHMS`."""

    algorithms: tuple[str, ...] = (DEFAULT_ALGORITHM,)


def read_algorithms(names: Iterable[str]) -> tuple[str, ...]:
    """Read algorithm names as people write them, weakest first, each once; none asked for is the default.

    >>> read_algorithms(["SHA-512", "sha256", "sha512"])
    ('sha256', 'sha512')
    """
    asked = {name: name.strip().lower().replace("-", "") for name in names}
    Problems(_unknown(name) for name, algorithm in asked.items() if algorithm not in ALGORITHMS).raise_errors()
    return tuple(algorithm for algorithm in ALGORITHMS if algorithm in asked.values()) or (DEFAULT_ALGORITHM,)


def _unknown(name: str) -> Problem:
    message = "browsers check integrity with other algorithms"
    return Problem("algorithm-unknown", message, value=name, hint=f"say one of {', '.join(ALGORITHMS)}")


def expressions(subject: Subject, options: Options) -> tuple[HashExpression, ...]:
    """Return the hash expressions that were asked for, weakest first."""
    chosen = [e for e in subject.digests if e.algorithm in options.algorithms]
    return tuple(sorted(chosen, key=lambda e: ALGORITHMS.index(e.algorithm)))


def metadata(subject: Subject, options: Options) -> str:
    """Return the value of an `integrity` attribute, `""` where there is none."""
    return " ".join(str(expression) for expression in expressions(subject, options))


_MOST_NAMED = 5
UNPUBLISHED = "where this file will be served is not known; put its address in"


def of_asset(catalog: Catalog, path: str, source: str = "", *, module: bool | None = None) -> Subject:
    """Make the subject of a public path; KeyError where the release has none.

    `source` is the text of a JavaScript file, to tell modules from classic scripts; `module` decides it.
    """
    asset = catalog.assets[path]
    media_type = asset.media_type(path)
    kind, needs = _looked_into(path, media_type, source, module)
    return Subject(
        name=path,
        url=public_url(path, catalog.site.url),
        media_type=media_type,
        kind=kind,
        size=asset.identity.size,
        # A browser hashes what is left without the coding, and of that nothing is known.
        digests=() if asset.is_coded else _digests(asset.identity.sha256, asset.sha384, asset.sha512),
        remarks=(*needs, *_remarks(catalog.rules[asset.rule])),
    )


def of_file(path: str, content: bytes, *, module: bool | None = None) -> Subject:
    """Make the subject of a local file that is not published."""
    looks = look(content)
    media_type = media_types.media_type(path, looks.form, declared=looks.declared)
    kind, needs = _looked_into(path, media_type, _text(content), module)
    return Subject(
        name=path,
        url=relative_url(path),
        media_type=media_type,
        kind=kind,
        size=len(content),
        digests=_hashed(content),
        remarks=(*needs, UNPUBLISHED),
    )


def of_response(
    url: str, content: bytes, media_type: str = "", *, module: bool | None = None, remarks: tuple[str, ...] = ()
) -> Subject:
    """Make the subject of a response: its content without content codings, its Content-Type (`""`: by name)."""
    path = re.split(r"[?#]", url, maxsplit=1)[0]
    known = media_type or media_types.media_type(path)
    kind, needs = _looked_into(path, known, _text(content), module)
    return Subject(
        name=url,
        url=given_url(url),
        media_type=known,
        kind=kind,
        size=len(content),
        digests=_hashed(content),
        remarks=(*needs, *remarks),
    )


def _text(content: bytes) -> str:
    return content.decode("utf-8", "replace")


def _hashed(content: bytes) -> tuple[HashExpression, ...]:
    return _digests(*(hashlib.new(algorithm, content).digest() for algorithm in ALGORITHMS))


def _digests(*digests: bytes) -> tuple[HashExpression, ...]:
    return tuple(HashExpression(algorithm, digest) for algorithm, digest in zip(ALGORITHMS, digests, strict=True))


def _looked_into(path: str, media_type: str, source: str, module: bool | None) -> tuple[Kind, tuple[str, ...]]:
    """Return the kind of a file, and what a script or a module needs that its tag doesn't bring; parses it once."""
    kind = kind_of(path, media_type, module=False)
    if kind != "script":
        return kind, ()
    imports = read_imports(source)
    is_module = path.endswith(".mjs") or imports.is_module
    kind = "module" if (is_module if module is None else module) else "script"
    if (kind == "script" or not is_module) and (names := node_names(path, source.encode())):
        return kind, (f"it uses {', '.join(names)} of Node.js, so a script tag of it fails in browsers",)
    if kind == "module" and (names := bare_imports(imports)):
        few = ", ".join(names[:_MOST_NAMED]) + (f" and {len(names) - _MOST_NAMED} more" * (len(names) > _MOST_NAMED))
        return kind, (f"it imports {few}: the page needs an import map (cdnserve importmap)",)
    return kind, ()


def _remarks(rule: Rule) -> tuple[str, ...]:
    """Return what a rule means for a page that pastes the tag."""
    found = []
    if not rule.cache.immutable:
        found.append("its rule lets it change, and browsers block changed bytes; publish it under an immutable rule")
    if rule.cors.name == "none":
        found.append('its rule has cors = "none": pages of other origins can\'t load it')
    elif rule.cors.name != "any":
        found.append(f"its rule allows the origins of [cors.{rule.cors.name}] only")
    return tuple(found)
