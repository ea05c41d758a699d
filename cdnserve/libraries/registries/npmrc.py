"""`.npmrc` (npm's own dialect of INI): text to keys and values, with `${VARIABLE}` filled in.

Never opens a file, and never follows what a value says.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping

# npm: an even number of backslashes before `${` is halved, an odd one keeps the variable as text.
_VARIABLE = re.compile(r"(?<!\\)(\\*)\$\{([^${}?]+)(\?)?\}")
_SECTION = re.compile(r"\[[^\]]*\]\s*")


def parse_npmrc(text: str, environment: Mapping[str, str]) -> dict[str, str]:
    r"""Read keys and values; those of a `[section]` are left out, a `key[]` list is joined by line ends.

    >>> parse_npmrc("registry = https://npm.example/ ; ours\n//npm.example/:_authToken=${TOKEN}", {"TOKEN": "t"})
    {'registry': 'https://npm.example/', '//npm.example/:_authToken': 't'}
    """
    values: dict[str, str] = {}
    for line in re.split(r"[\r\n]+", text):
        if _SECTION.fullmatch(line):
            break
        key, found, value = line.partition("=")
        key = expand(_unquoted(key), environment)
        if not key or line.lstrip()[:1] in (";", "#"):
            continue
        value = expand(_unquoted(value), environment) if found else "true"
        if key.endswith("[]") and len(key) > 2:
            key = key[:-2]
            value = f"{values[key]}\n{value}" if key in values else value
        values[key] = value
    return values


def expand(text: str, environment: Mapping[str, str]) -> str:
    """Fill in `${NAME}`; one that isn't set stays as it is, `${NAME?}` becomes empty.

    >>> expand("${A}-${B}-${B?}", {"A": "1"})
    '1-${B}-'
    """

    def filled(match: re.Match[str]) -> str:
        slashes, name, optional = match.groups()
        if len(slashes) % 2:
            return match[0][(len(slashes) + 1) // 2 :]
        return slashes[len(slashes) // 2 :] + environment.get(name, "" if optional else f"${{{name}}}")

    return _VARIABLE.sub(filled, text)


def _unquoted(text: str) -> str:
    text = text.strip()
    if len(text) > 1 and text[0] == text[-1] and text[0] in "\"'":
        return _json_string(text if text[0] == '"' else text[1:-1])
    # A comment may follow; `\;`, `\#` and `\\` stand for themselves, before anything else a backslash is one.
    plain = re.match(r"(?:[^;#\\]|\\.|\\$)*", text, re.DOTALL)
    return re.sub(r"\\([;#\\])", r"\1", plain[0] if plain else "").strip()


def _json_string(text: str) -> str:
    try:
        value = json.loads(text)
    except ValueError:
        return text
    return value if isinstance(value, str) else text
