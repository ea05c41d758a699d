"""A translated policy as TOML 1.0, alone or behind a manifest's text.

Never gives a text that the reader of manifests refuses, and never changes what stands in one already.
"""

from __future__ import annotations

import tomllib
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

import tomlkit

from cdnserve.errors import ConfigurationError, Problem
from cdnserve.manifest.governing import MANIFEST, changing, replace_file
from cdnserve.manifest.keys import SCHEMA
from cdnserve.manifest.policies import CORS_POLICIES
from cdnserve.manifest.reading import inspect_text, parse_manifest, read_manifest
from cdnserve.rules.cors import Policy


def policy_name(wanted: str, taken: Collection[str]) -> str:
    """Make a policy's name of what people called a rule: one that no other policy has.

    >>> policy_name("Web & app", ()), policy_name("store", {"store"}), policy_name("any", ())
    ('Web-app', 'store-2', 'any-2')
    """
    words = "".join(character if character.isascii() and character.isalnum() else " " for character in wanted)
    name = "-".join(words.split())[:48] or "object-store"
    known = {*taken, *CORS_POLICIES}
    numbered = (f"{name}-{number}" for number in range(2, len(known) + 3))
    return name if name not in known else next(one for one in numbered if one not in known)


def policy_text(policy: Policy, paths: Sequence[str]) -> str:
    """Write a policy's rule and table; without paths the rule is a comment, for a person to complete.

    Raises ConfigurationError where a path is no glob.
    """
    lines = [*_rule(policy.name, paths), *(_table(policy) if policy.name not in CORS_POLICIES else ())]
    text = "\n".join(lines).rstrip("\n") + "\n"
    parse_manifest(f"schema = {SCHEMA}\n{text}", "the new rule")
    return text


def append_policy(root: Path, text: str) -> tuple[Problem, ...]:
    """Write tables behind those of the manifest; give what is doubtful about them. Raises ConfigurationError."""
    path = root / MANIFEST
    read_manifest(path)
    with changing(root):
        before = path.read_bytes().decode()
        newline = "\r\n" if "\r\n" in before else "\n"
        lead = "" if not before else newline if before.endswith("\n") else newline * 2
        after = before + lead + text.replace("\n", newline)
        warnings = _inspected(after)
        replace_file(path, after.encode())
    known = {(one.reference, one.value) for one in inspect_text(before).warnings}
    return tuple(one for one in warnings if (one.reference, one.value) not in known)


def taken_names(root: Path) -> tuple[str, ...]:
    """Give the names of the policies that a manifest has; none where there is no manifest that can be read."""
    try:
        document = tomllib.loads((root / MANIFEST).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return ()
    policies = document.get("cors")
    return tuple(policies) if isinstance(policies, dict) else ()


def _inspected(after: str) -> tuple[Problem, ...]:
    # Tables can't follow a table that is written inline, nor [[publish]] an array in brackets.
    try:
        tomllib.loads(after)
    except tomllib.TOMLDecodeError as error:
        message = f"the manifest is left as it is: its tables are written in a way that can't be continued ({error})"
        hint = "paste by hand what the command prints without --write"
        raise ConfigurationError([Problem("manifest-edit", message, hint=hint)]) from None
    return inspect_text(after).warnings


def _rule(name: str, paths: Sequence[str]) -> Iterator[str]:
    if not paths:
        yield "# Say which files these are, and where the rule stands: the first one that matches a path decides."
    comment = "" if paths else "# "
    yield f"{comment}[[publish]]"
    yield f"{comment}path = {_value(list(paths))}" if paths else "# path ="
    yield f"{comment}cors = {_value(name)}"
    yield ""


def _table(policy: Policy) -> Iterator[str]:
    yield f"[cors.{tomlkit.key(policy.name).as_string()}]"
    yield f"allow-origins = {_value(list(policy.allow_origins))}"
    yield f"allow-methods = {_value(list(policy.allow_methods))}"
    if policy.allow_headers:
        yield f"allow-headers = {_value(list(policy.allow_headers))}"
    if policy.expose_headers:
        yield f"expose-headers = {_value(list(policy.expose_headers))}"
    if policy.max_age is not None:
        yield f"max-age = {policy.max_age}"
    if policy.allow_null_origin:
        yield "allow-null-origin = true"


def _value(value: str | list[str]) -> str:
    return tomlkit.item(value).as_string()
