"""The JSON API below `/-/api/v1/`: its operations, each with its parameters, its answer, and the type of that.

`web/openapi` describes them from the same table.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import msgspec

from cdnserve.display import alike, plural
from cdnserve.errors import ConfigurationError
from cdnserve.modules.graph import ModuleMap
from cdnserve.origin.suggest import suggest
from cdnserve.web.explained import read_question
from cdnserve.web.message import WebContent, WebRequest, problem, written_query
from cdnserve.web.model import (
    FileDetail,
    HashMatches,
    ImportMapText,
    Item,
    ListedLibrary,
    ListedRelease,
    MappedModules,
    Paged,
    ResolvedVersion,
    SearchHit,
    ShownExplanation,
    VersionDetail,
)
from cdnserve.web.packages import library_folder_of
from cdnserve.web.parameters import Asked, BadParameterError, Parameter, flag, in_path, paging, text
from cdnserve.web.search import LONGEST_QUERY
from cdnserve.web.usage import told_of
from cdnserve.web.view import CatalogView

PREFIX = "api/v1"
JSON = "application/json"
_MOST_NAMES, _MOST_HEADERS = 20, 20
# Names that a 404 looks through for one that was meant.
_MOST_ALIKE, _LONGEST_ALIKE = 2000, 100


def _libraries(asked: Asked, view: CatalogView) -> object:
    page, per_page = asked.number("page"), asked.number("per_page")
    start = (page - 1) * per_page
    return Paged(view.libraries[start : start + per_page], len(view.libraries), page, per_page)


def _library(asked: Asked, view: CatalogView) -> object:
    return view.library(asked.part("name")) or _no_library(asked.part("name"), view)


def _version(asked: Asked, view: CatalogView) -> object:
    name, version = asked.part("name"), asked.part("version")
    page, per_page = asked.number("page"), asked.number("per_page")
    found = view.version(name, version)
    if found is None:
        return _no_version(name, view)
    files = view.files(library_folder_of(name, version), page, per_page)
    return VersionDetail(found, files) if files.items else past_the_end(files)


def _file(asked: Asked, view: CatalogView) -> object:
    path = asked.part("path")
    found = view.file(path)
    if found:
        return found
    return problem(404, "unknown-file", "No listed file has this path.", suggest(path, view.listing.paths))


def _resolve(asked: Asked, view: CatalogView) -> object:
    # The @ of a scope does not begin a range.
    spec = asked.part("spec")
    name, at, wanted = spec[1:].partition("@")
    return view.resolve(spec[0] + name, wanted if at else None) or _no_version(spec[0] + name, view)


def _hashes(asked: Asked, view: CatalogView) -> object:
    found = view.with_hash(asked.part("integrity"))
    if found is None:
        raise BadParameterError("a hash is sha256-, sha384- or sha512- and the digest in base64")
    return found if found.files else problem(404, "unknown-hash", "No listed file has these octets.")


def _search(asked: Asked, view: CatalogView) -> object:
    return view.search(asked.text("q"), asked.number("page"), asked.number("per_page"))


def _importmap(asked: Asked, view: CatalogView) -> object:
    try:
        found = view.import_map(asked.texts("name"))
    except ConfigurationError as error:
        detail = "; ".join(map(told_of, error.problems[:_MOST_NAMES]))
        return problem(404, "not-mapped", detail, next((one.hint for one in error.problems if one.hint), ""))
    return MappedModules(_map_text(found.map), found.modules, tuple(str(one.message) for one in found.warnings))


def _map_text(module_map: ModuleMap) -> ImportMapText:
    return msgspec.convert(module_map, ImportMapText)


def _explain(asked: Asked, view: CatalogView) -> object:
    path, page, method = asked.text("path"), asked.text("origin"), asked.text("method", "GET")
    headers, credentials = asked.texts("headers"), asked.flag("credentials")
    question = asked.read(lambda: read_question(path, page, method, headers, credentials=credentials))
    found = view.explain(question)
    return found or problem(404, "unknown-file", "No listed file has this path.", suggest(path, view.listing.paths))


def _releases(asked: Asked, view: CatalogView) -> object:
    return view.releases(asked.number("page"), asked.number("per_page"))


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation: GET of a path below the API's; `name` is its operationId, `returns` the type of its answer.

    What is not `lasting` depends on more than the release.
    """

    path: str
    name: str
    summary: str
    returns: object
    answer: Callable[[Asked, CatalogView], object]
    parameters: tuple[Parameter, ...] = ()
    lasting: bool = True

    @property
    def by_name(self) -> dict[str, Parameter]:
        """Its parameters by their names."""
        return {one.name: one for one in self.parameters}


_NAME = in_path("name", "The name of a library, as npm has it: `vue`, `@scope/name`.", r"^(@[^/@]+/)?[^/@]+$")
_VERSION = in_path("version", "An exact version: `3.7.1`.", r"^[^/]+$")
_PATH = in_path("path", "A logical path, without a slash at its beginning.", r"^[^/]")
_SPEC = in_path("spec", "NAME, or NAME@RANGE with npm's ranges or `latest`.", r"^(@[^/@]+/)?[^/@]+(@[^/]*)?$")
_INTEGRITY = in_path(
    "integrity",
    "A hash expression: `sha384-…`.",
    r"^(sha256-[A-Za-z0-9+/_-]{43}=|sha384-[A-Za-z0-9+/_-]{64}|sha512-[A-Za-z0-9+/_-]{86}==)$",
)
_WORD = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_HEADER = rf"^{_WORD}:[\t\x20-\x7e\x80-\xff]*$"
_HEADERS = "A header that the page sets, `NAME: VALUE`; not Origin, and none that the browser sets for a preflight."
_LABEL = r"[a-z]([a-z0-9-]{0,20}[a-z0-9])?"
_ORIGIN = rf"^(null|https?://{_LABEL}(\.{_LABEL}){{0,4}}(:[1-9][0-9]{{0,3}})?(/[!-~]*)?)$"

OPERATIONS: tuple[Operation, ...] = (
    Operation(
        "libraries", "listLibraries", "The libraries, by name.", Paged[ListedLibrary], _libraries, paging(50, 200)
    ),
    Operation("libraries/{name}", "getLibrary", "A library and its versions.", ListedLibrary, _library, (_NAME,)),
    Operation(
        "libraries/{name}/{version}",
        "getVersion",
        "One version: what to paste, what its package.json says, and its files.",
        VersionDetail,
        _version,
        (_NAME, _VERSION, *paging(500, 2000)),
    ),
    Operation("files/{path}", "getFile", "A file: codings, integrity, tags, policies.", FileDetail, _file, (_PATH,)),
    Operation(
        "resolve/{spec}", "resolveRange", "The hosted version that a range means.", ResolvedVersion, _resolve, (_SPEC,)
    ),
    Operation(
        "hashes/{integrity}", "findHash", "The files that have these octets.", HashMatches, _hashes, (_INTEGRITY,)
    ),
    Operation(
        "search",
        "search",
        "Libraries, folders and files that have each word of a query.",
        Paged[SearchHit],
        _search,
        (text("q", "The words to look for.", LONGEST_QUERY, required=True), *paging(50, 200)),
    ),
    Operation(
        "importmap",
        "makeImportMap",
        "An import map with integrity, for libraries and all that their modules import.",
        MappedModules,
        _importmap,
        (text("name", "NAME, NAME@RANGE, NAME/PATH or NAME=FILE.", 300, required=True, most=_MOST_NAMES),),
    ),
    Operation(
        "explain",
        "explainRequest",
        "Whether a page may read a file, and why, with the exact heads.",
        ShownExplanation,
        _explain,
        (
            text("path", "A logical path, or an address on this host.", 1024, required=True),
            text("origin", "The page's origin, or its address.", 512, pattern=_ORIGIN),
            text("method", "The method of its request; GET without it.", 32, pattern=f"^{_WORD}$"),
            text("headers", _HEADERS, 1024, most=_MOST_HEADERS, pattern=_HEADER),
            flag("credentials", "Whether the request has credentials."),
        ),
        lasting=False,  # dates in headers are compared with the clock
    ),
    Operation(
        "releases",
        "listReleases",
        "The releases that are there, the newest first, and what each changed.",
        Paged[ListedRelease],
        _releases,
        paging(20, 50),
        lasting=False,  # others are removed while one is served
    ),
)


def answer(request: WebRequest, view: CatalogView) -> WebContent | None:
    """Answer a request below the API; what it has no operation for is a problem as well."""
    found = find_operation(request.path.removeprefix(PREFIX).removeprefix("/"))
    if found is None:
        return problem(404, "unknown-operation", "The API has no such path.", f"See /-/{PREFIX}/.")
    operation, parts = found
    asked = Asked(request, parts, operation.by_name)
    try:
        asked.check()
        value = operation.answer(asked, view)
    except BadParameterError as error:
        return problem(400, "bad-parameter", f"{error}.")
    if isinstance(value, Paged) and not value.items and value.page > 1:
        return past_the_end(value)
    return value if isinstance(value, WebContent) else as_json(value, request, lasting=operation.lasting)


def find_operation(path: str) -> tuple[Operation, dict[str, str]] | None:
    """Return the operation of a path below the API, and the texts of its parts.

    >>> found = find_operation("libraries/@scope/x/1.0.0")
    >>> found and (found[0].name, found[1])
    ('getVersion', {'name': '@scope/x', 'version': '1.0.0'})
    """
    first, slash, rest = path.partition("/")
    texts = _split(first, rest) if slash else ()
    if slash and (not texts or not all(texts)):
        return None
    for operation in OPERATIONS:
        names = [one.name for one in operation.parameters if one.place == "path"]
        if operation.path.partition("/")[0] == first and len(names) == len(texts):
            return operation, dict(zip(names, texts, strict=True))
    return None


def _split(first: str, rest: str) -> tuple[str, ...]:
    if first != "libraries":
        return (rest,)
    depth = 2 if rest.startswith("@") else 1
    *name, version = [*rest.split("/", depth), *[""] * depth][: depth + 1]
    return ("/".join(name).rstrip("/"), version) if version else (rest,)


def as_json(value: object, request: WebRequest, *, lasting: bool) -> WebContent:
    """Return a value as JSON; pages of results have links to the others (RFC 8288)."""
    paged = value.files if isinstance(value, VersionDetail) else value
    headers = (
        ((b"link", link.encode("ascii")),) if isinstance(paged, Paged) and (link := _links(paged, request)) else ()
    )
    return WebContent(JSON, msgspec.json.encode(value), headers=headers, lasting=lasting)


def _links(paged: Paged[object], request: WebRequest) -> str:
    last = max(1, -(-paged.total // paged.per_page))
    pages = {"first": 1, "prev": paged.page - 1, "next": paged.page + 1, "last": last}
    if last == 1:
        return ""
    others = [(key, value) for key, value in request.query if key != "page"]
    return ", ".join(
        f'<?{written_query([*others, ("page", str(page))])}>; rel="{name}"'
        for name, page in pages.items()
        if 1 <= page <= last
    )


def past_the_end(paged: Paged[Item]) -> WebContent:
    """Return that there is no such page of results."""
    last = max(1, -(-paged.total // paged.per_page))
    return problem(404, "page-past-end", f"{plural(paged.total, 'result')}; the last page is {last}.")


def _no_library(name: str, view: CatalogView) -> WebContent:
    names = view.listing.libraries.names[:_MOST_ALIKE]
    near = alike(name, names) if len(name) <= _LONGEST_ALIKE else []
    return problem(
        404, "unknown-library", "No listed library has this name.", f"Did you mean {near[0]}?" if near else ""
    )


def _no_version(name: str, view: CatalogView) -> WebContent:
    if not view.listing.libraries.versions(name):
        return _no_library(name, view)
    return problem(404, "unknown-version", "This version is not listed.", view.listing.libraries.hint(name))
