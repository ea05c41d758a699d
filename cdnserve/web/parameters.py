"""Parameters of the API: how each is written, what it means, and its JSON Schema; reading refuses all else."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeVar

from cdnserve.web.message import LONGEST_TARGET, WebRequest

Value = TypeVar("Value")

_MOST_PAGES = 1_000_000
_NUMBER = re.compile(r"[1-9][0-9]{0,6}", re.ASCII)
_FLAGS = {"true": True, "false": False}


class BadParameterError(ValueError):
    """A parameter is not as it must be; its text says why."""


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter of an operation; `schema` is that of its value, or of each where it may come several times."""

    name: str
    meaning: str
    schema: Mapping[str, object]
    place: Literal["path", "query"] = "query"
    required: bool = False
    repeats: bool = False
    most: int = 1


def text(
    name: str, meaning: str, longest: int, *, required: bool = False, most: int = 1, pattern: str = ""
) -> Parameter:
    """Return a parameter that is a text; with `most`, it may come several times."""
    schema: dict[str, object] = {"type": "string", "maxLength": longest}
    if required:
        schema["minLength"] = 1
    if pattern:
        schema["pattern"] = pattern
    return Parameter(name, meaning, schema, required=required, repeats=most > 1, most=most)


def in_path(name: str, meaning: str, pattern: str) -> Parameter:
    """Return a parameter that is a part of the path."""
    schema = {"type": "string", "minLength": 1, "maxLength": 1024, "pattern": pattern}
    return Parameter(name, meaning, schema, "path", required=True)


def flag(name: str, meaning: str) -> Parameter:
    """Return a parameter that is `true` or `false`."""
    return Parameter(name, meaning, {"type": "string", "enum": list(_FLAGS), "default": "false"})


def paging(per_page: int, most: int) -> tuple[Parameter, Parameter]:
    """Return the two parameters of pages of results."""
    number = {"type": "integer", "minimum": 1, "maximum": _MOST_PAGES, "default": 1}
    return (
        Parameter("page", "Which page of the results; the first is 1.", number),
        Parameter("per_page", "How many results a page has.", number | {"maximum": most, "default": per_page}),
    )


@dataclass(frozen=True, slots=True)
class Asked:
    """What a request asks of an operation: the texts of its path by name, and its query, read by its parameters."""

    request: WebRequest
    parts: Mapping[str, str]
    parameters: Mapping[str, Parameter] = field(default_factory=dict)

    def check(self) -> None:
        """Raise BadParameterError for what the operation doesn't know, and for a parameter too often."""
        for name in dict.fromkeys(key for key, _ in self.request.query):
            parameter = self.parameters.get(name)
            if parameter is None or parameter.place == "path":
                known = ", ".join(one.name for one in self.parameters.values() if one.place == "query")
                raise BadParameterError(
                    f"{name[:40]!a} is no parameter here; {f'here are {known}' if known else 'there are none'}"
                )
            if len(self.request.values(name)) > parameter.most:
                often = "once" if parameter.most == 1 else f"{parameter.most} times"
                raise BadParameterError(f"{name} comes {often} at most")

    def part(self, name: str) -> str:
        """Return a text of the path."""
        return self.parts[name]

    def texts(self, name: str) -> tuple[str, ...]:
        """Return the texts of a parameter that may come several times."""
        parameter = self.parameters[name]
        values = self.request.values(name)
        if parameter.required and not values:
            raise BadParameterError(f"{name} is missing: {parameter.meaning.rstrip('.')}")
        for value in values:
            longest = parameter.schema.get("maxLength", LONGEST_TARGET)
            if isinstance(longest, int) and len(value) > longest:
                raise BadParameterError(f"{name} has {longest} characters at most")
            if parameter.schema.get("minLength") and not value:
                raise BadParameterError(f"{name} is empty: {parameter.meaning.rstrip('.')}")
        return values

    def text(self, name: str, default: str = "") -> str:
        """Return the text of a parameter."""
        return next(iter(self.texts(name)), default)

    def number(self, name: str) -> int:
        """Return a whole number between 1 and the largest that the parameter takes."""
        schema = self.parameters[name].schema
        written = self.text(name, str(schema["default"]))
        most = schema["maximum"]
        if not _NUMBER.fullmatch(written) or not isinstance(most, int) or int(written) > most:
            raise BadParameterError(f"{name} is a whole number from 1 to {most}")
        return int(written)

    def flag(self, name: str) -> bool:
        """Return whether a parameter is `true`."""
        written = self.text(name, "false")
        if written not in _FLAGS:
            raise BadParameterError(f"{name} is true or false")
        return _FLAGS[written]

    def read(self, read: Callable[[], Value]) -> Value:
        """Return what a reader makes of texts; what it refuses is a bad parameter."""
        try:
            return read()
        except ValueError as error:
            raise BadParameterError(str(error)) from None
