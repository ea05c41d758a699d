"""The description of the API: OpenAPI 3.1 from its operations and the types that they return, and a page of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from urllib.parse import quote

import msgspec

from cdnserve.version import running_version
from cdnserve.web.api import JSON, OPERATIONS, PREFIX, Operation
from cdnserve.web.message import BASE, PROBLEM_MEDIA_TYPE, ProblemDetail, WebContent, WebRequest, written_query
from cdnserve.web.packages import library_folder_of
from cdnserve.web.parameters import Parameter
from cdnserve.web.rendering import render
from cdnserve.web.view import CatalogView

Json = dict[str, object]

_ROOT = f"{BASE}{PREFIX}"
_DOCUMENT = f"{PREFIX}/openapi.json"
_MOST_TRIED = 20
PROBLEMS = MappingProxyType(
    {
        "bad-address": "Path or query are too long, are not UTF-8, or have an escape that is none.",
        "bad-host": "The Host header is missing, repeated or malformed.",
        "bad-method": "Only GET, HEAD and OPTIONS are answered.",
        "bad-parameter": "A parameter is missing, unknown, too long, repeated, or not of its kind.",
        "busy": "Too much is asked at once; ask again.",
        "changed": "If-Match names another entity tag than the current one.",
        "damaged": "Stored bytes that the answer needs are damaged or gone.",
        "failed": "The server has a defect; its log tells more.",
        "not-mapped": "A module that the import map needs is not listed, or can't run in browsers.",
        "page-past-end": "There are fewer results than that.",
        "unknown-file": "No listed file has this path.",
        "unknown-hash": "No listed file has these octets.",
        "unknown-library": "No listed library has this name.",
        "unknown-operation": "The API has no such path.",
        "unknown-version": "The library is listed, but not in this version, or in none that the range allows.",
    }
)
"""What each problem means, by the name that ends its `type`."""


def describe(request: WebRequest, view: CatalogView) -> WebContent | None:
    """Answer with the OpenAPI document."""
    if request.path == _DOCUMENT:
        return WebContent(JSON, msgspec.json.format(msgspec.json.encode(document(view)), indent=2))
    if request.path == PREFIX:
        # Relative, for an edge may put something before all paths.
        return WebContent("text/plain; charset=utf-8", b"", 302, ((b"location", b"v1/"),))
    return None


def document(view: CatalogView) -> Json:
    """Return the OpenAPI document."""
    types = [operation.returns for operation in OPERATIONS]
    schemas, components = msgspec.json.schema_components(
        [*types, ProblemDetail], ref_template="#/components/schemas/{name}"
    )
    refused = _response("Why there is no other answer.", PROBLEM_MEDIA_TYPE, schemas[-1])
    return {
        "openapi": "3.1.0",
        "info": {
            "title": _title(view),
            "version": running_version(),
            "summary": "What this host lists: libraries, files, tags with integrity, and whether a page may read them.",
        },
        "servers": [{"url": _ROOT}],
        "paths": {
            f"/{one.path}": {"get": _operation(one, schema)} for one, schema in zip(OPERATIONS, schemas, strict=False)
        },
        "components": {"schemas": components, "responses": {"Problem": refused}},
    }


def _title(view: CatalogView) -> str:
    return f"{view.site.name or 'cdnserve'}: API"


def _operation(operation: Operation, schema: Json) -> Json:
    ok = _response(operation.summary, JSON, schema)
    ok["headers"] = {
        "ETag": {"description": "A strong entity tag.", "required": True, "schema": {"type": "string"}},
        "Link": {"description": "Other pages of the results (RFC 8288).", "schema": {"type": "string"}},
    }
    problem = {"$ref": "#/components/responses/Problem"}
    return {
        "operationId": operation.name,
        "summary": operation.summary,
        "parameters": [_parameter(one) for one in operation.parameters],
        "responses": {
            "200": ok,
            "304": {"description": "If-None-Match names the current entity tag."},
            "400": problem,
            "404": problem,
            "default": problem,
        },
    }


def _parameter(parameter: Parameter) -> Json:
    schema: Json = dict(parameter.schema)
    if parameter.repeats:
        schema = {"type": "array", "items": schema, "minItems": int(parameter.required), "maxItems": parameter.most}
    described: Json = {
        "name": parameter.name,
        "in": parameter.place,
        "description": parameter.meaning,
        "required": parameter.required,
        "schema": schema,
    }
    return described | ({"style": "form", "explode": True} if parameter.repeats else {})


def _response(description: str, media_type: str, schema: Json) -> Json:
    return {"description": description, "content": {media_type: {"schema": schema}}}


@dataclass(frozen=True, slots=True)
class ShownOperation:
    """An operation as the page shows it; `example` is an address below the API that has an answer here, or `""`."""

    operation: Operation
    example: str


def answer_page(request: WebRequest, view: CatalogView) -> WebContent | None:
    """Answer `/-/api/v1/` with a page that describes the API."""
    if request.path != f"{PREFIX}/":
        return None
    texts = _example_texts(view)
    shown = tuple(ShownOperation(one, _example(one, texts)) for one in OPERATIONS)
    values = {"operations": shown, "problems": PROBLEMS, "base": _ROOT, "here": "api"}
    return render("api.html", request, view, values)


def _example_texts(view: CatalogView) -> Mapping[str, str]:
    """Return texts for parameters, of a library and a file that are listed; empty where nothing is."""
    library = next(iter(view.libraries), None)
    paths = view.listing.below(library_folder_of(library.name, library.version)) if library else view.listing.paths
    file = next((found for path in paths[:_MOST_TRIED] if (found := view.listing.file(path)).integrity), None)
    texts = {"path": file.path, "integrity": file.integrity.sha384} if file and file.integrity else {}
    if library:
        texts |= {"name": library.name, "version": library.version, "spec": library.name, "q": library.name}
    return texts | {"origin": "https://app.example.com"}


def _example(operation: Operation, texts: Mapping[str, str]) -> str:
    """Return a path, and the query that is needed; `""` where a text for it is missing, or the answer isn't sure."""
    needed = [one for one in operation.parameters if one.required]
    # Which libraries have modules is seen only by parsing them.
    if operation.name == "makeImportMap" or not all(one.name in texts for one in needed):
        return ""
    asked = [one for one in operation.parameters if one.place == "query" and (one.required or one.name == "origin")]
    parts = {one.name: quote(texts[one.name], safe="/@") for one in needed}
    query = written_query([(one.name, texts[one.name]) for one in asked])
    return operation.path.format(**parts) + (f"?{query}" if query else "")
