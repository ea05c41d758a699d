"""The description of the API: OpenAPI 3.1 from its operations and the types that they return, and a page of it.

The page needs no script, and loads nothing but its own stylesheet.
"""

from __future__ import annotations

from collections.abc import Iterator
from html import escape
from types import MappingProxyType

import msgspec

from cdnserve.version import running_version
from cdnserve.web.api import JSON, OPERATIONS, PREFIX, Operation
from cdnserve.web.message import BASE, PROBLEM_MEDIA_TYPE, ProblemDetail, WebContent, WebRequest
from cdnserve.web.parameters import Parameter
from cdnserve.web.view import CatalogView

Json = dict[str, object]

_ROOT = f"{BASE}{PREFIX}"
_DOCUMENT, _STYLE = f"{PREFIX}/openapi.json", f"{PREFIX}/style.css"
_POLICY = (
    b"content-security-policy",
    b"default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
)
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
    """Answer what describes the API: its page, its stylesheet, and the OpenAPI document."""
    if request.path == _DOCUMENT:
        return WebContent(JSON, msgspec.json.format(msgspec.json.encode(document(view)), indent=2))
    if request.path == _STYLE:
        return WebContent("text/css; charset=utf-8", _CSS.encode("ascii"))
    if request.path == PREFIX:
        # Relative, for an edge may put something before all paths.
        return WebContent("text/plain; charset=utf-8", b"", 302, ((b"location", b"v1/"),))
    if request.path == f"{PREFIX}/":
        return WebContent("text/html; charset=utf-8", page(view).encode("utf-8"), headers=(_POLICY,))
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


_INTRODUCTION = """\
<p>Answers are JSON, readable by pages of every origin. Only what a rule of the manifest lists is in them. Each has a
strong <code>ETag</code>; ask again with <code>If-None-Match</code>. Pages of results have <code>Link</code> headers.
What goes wrong is a problem (RFC 9457).</p>"""


def page(view: CatalogView) -> str:
    """Return the page that describes the API, as HTML."""
    title = escape(_title(view))
    return "\n".join(
        [
            '<!doctype html>\n<html lang="en">\n<meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f'<title>{title}</title>\n<link rel="stylesheet" href="style.css">',
            f"<main>\n<h1>{title}</h1>",
            _INTRODUCTION,
            '<p>For programs: <a href="openapi.json">openapi.json</a> (OpenAPI 3.1).</p>',
            *(line for operation in OPERATIONS for line in _section(operation)),
            "<h2>Problems</h2>\n<dl>",
            *(f'<dt id="{name}"><code>{name}</code></dt><dd>{escape(text)}</dd>' for name, text in PROBLEMS.items()),
            "</dl>\n</main>\n</html>\n",
        ]
    )


def _section(operation: Operation) -> Iterator[str]:
    yield f'<h2 id="{operation.name}"><code>GET {_ROOT}/{escape(operation.path)}</code></h2>'
    yield f"<p>{escape(operation.summary)}</p>"
    if operation.parameters:
        yield "<dl>"
        for one in operation.parameters:
            needed = " (required)" if one.required and one.place == "query" else ""
            yield f"<dt><code>{one.name}</code>{needed}</dt><dd>{escape(one.meaning)}{_bounds(one)}</dd>"
        yield "</dl>"


def _bounds(parameter: Parameter) -> str:
    told = []
    if "maximum" in parameter.schema:
        told.append(f"1 to {parameter.schema['maximum']}, {parameter.schema['default']} without it.")
    if parameter.repeats:
        told.append(f"It may come {parameter.most} times.")
    return "".join(f" {one}" for one in told)


_CSS = """\
:root { color-scheme: light dark }
body { font: 1rem/1.5 system-ui, sans-serif; margin: 0 }
main { max-width: 60rem; margin: 0 auto; padding: 1rem }
h1 { font-size: 1.6rem }
h2 { font-size: 1.05rem; margin-top: 2rem; overflow-wrap: anywhere }
dt { margin-top: .5rem }
dd { margin-left: 1.5rem }
"""
