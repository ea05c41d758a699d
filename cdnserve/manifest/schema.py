"""The JSON Schema (2020-12) of a manifest, so that editors complete it and check it while people write.

It is made from the same table of keys that the reader follows.
"""

from __future__ import annotations

from collections.abc import Mapping

from cdnserve.manifest.keys import CACHE, CORS, LIBRARY, PUBLISH, SCHEMA, SITE, TOP, Keys, KeySpec, Kind
from cdnserve.manifest.reader import POLICY_NAME
from cdnserve.rules.semver import NAME as PACKAGE_NAME
from cdnserve.rules.semver import REQUIREMENT

JsonSchema = dict[str, object]


def manifest_schema() -> JsonSchema:
    """Return the schema as a JSON value.

    >>> schema = manifest_schema()
    >>> sorted(schema["properties"]), schema["required"]
    (['cache', 'cors', 'libraries', 'publish', 'schema', 'site'], ['schema'])
    """
    described = {key.name: key.meaning for key in TOP}
    special: dict[str, JsonSchema] = {
        "schema": {"const": SCHEMA},
        "site": _table(SITE),
        "publish": {"type": "array", "items": _table(PUBLISH)},
        "cors": _named(_table(CORS), POLICY_NAME.pattern),
        "cache": _named(_table(CACHE), POLICY_NAME.pattern),
        "libraries": _named(
            {"anyOf": [*_versions(), _table(LIBRARY, {"version": _version_key()})]}, PACKAGE_NAME.pattern
        ),
    }
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "cdnserve manifest",
        "description": "Which files are public, and which origins may read them.",
        **_table(TOP, {name: {**schema, "description": described[name]} for name, schema in special.items()}),
    }


def _table(keys: Keys, special: Mapping[str, JsonSchema] | None = None) -> JsonSchema:
    properties = {key.name: (special or {}).get(key.name) or _property(key) for key in keys}
    required = [key.name for key in keys if key.required]
    table: JsonSchema = {"type": "object", "properties": properties, "additionalProperties": False}
    return {**table, "required": required} if required else table


def _named(entry: JsonSchema, names: str) -> JsonSchema:
    return {"type": "object", "propertyNames": {"pattern": f"^(?:{names})$"}, "additionalProperties": entry}


def _property(key: KeySpec) -> JsonSchema:
    schema: JsonSchema = {"description": key.meaning, **_shape(key)}
    if key.choices and key.kind is Kind.STRING:
        schema["enum"] = list(key.choices)
    if key.default is not None:
        schema["default"] = list(key.default) if isinstance(key.default, tuple) else key.default
    return schema


def _shape(key: KeySpec) -> JsonSchema:
    one: JsonSchema = {"enum": list(key.choices)} if key.choices else {"type": "string"}
    strings: JsonSchema = {"type": "array", "items": one, "uniqueItems": True}
    if not key.may_be_empty:
        strings["minItems"] = 1
    match key.kind:
        case Kind.INTEGER:
            return {"type": "integer", "minimum": 0, "maximum": key.most}
        case Kind.BOOLEAN:
            return {"type": "boolean"}
        case Kind.STRINGS:
            return strings
        case Kind.ONE_OR_MORE:
            return {"anyOf": [{"type": "string"}, strings]}
        case _:
            return {"type": "string"}


def _version_key() -> JsonSchema:
    return {"description": next(key.meaning for key in LIBRARY if key.name == "version"), "anyOf": _versions()}


def _versions() -> list[JsonSchema]:
    one: JsonSchema = {"type": "string", "pattern": f"^(?:{REQUIREMENT})$"}
    return [one, {"type": "array", "items": one, "uniqueItems": True, "minItems": 1}]
