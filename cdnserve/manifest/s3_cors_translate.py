"""From an object store's rules to one policy (Fetch §3.2): every file of a store is under all of its rules at once.

Never lets in an origin that the store keeps out.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import tomlkit

from cdnserve.errors import ConfigurationError, Problem
from cdnserve.files import replace_file
from cdnserve.manifest.files import MANIFEST
from cdnserve.manifest.keys import SCHEMA
from cdnserve.manifest.lock import changing
from cdnserve.manifest.origins import Tolerance, origin_problems, request_header_problems, response_header_problems
from cdnserve.manifest.reader import CORS_POLICIES, inspect_text, parse_manifest, read_manifest
from cdnserve.manifest.s3_cors import StoreRule, read_configuration
from cdnserve.rules.cors import ANY, Policy

_READING = ("GET", "HEAD")
_WHY_ANY = (
    'it lets every origin read, and only cors = "any" does so here; that also exposes every response header and '
    "allows every request header but Authorization"
)
_MAX_AGE_OF_ANY = 86_400
_AUTHORIZATION = "Authorization"


@dataclass(frozen=True, slots=True)
class _Side:
    """The headers of one side, requests or responses."""

    names: Callable[[StoreRule], tuple[str, ...]]
    covers: Callable[[StoreRule, str], bool]
    problems: Callable[[str], Iterator[Problem]]


_REQUEST = _Side(lambda rule: rule.allow_headers, StoreRule.covers_header, request_header_problems)
_RESPONSE = _Side(lambda rule: rule.expose_headers, StoreRule.exposes, response_header_problems)


@dataclass(frozen=True, slots=True)
class Translation:
    """A policy, `None` where nothing could be translated, and all that differs from the store, as warnings."""

    policy: Policy | None
    differences: tuple[Problem, ...]


def translate_file(
    file: Path, root: Path, name: str = "", *, take_any: bool = False
) -> tuple[Policy, tuple[Problem, ...]]:
    """Return a store's configuration as a policy with a name that `root` has not, and what differs, as warnings.

    Raises ConfigurationError where nothing can be translated.
    """
    rules = read_configuration(file)
    reading = [rule for rule in rules if "GET" in rule.methods]
    own = reading[0].name if len(reading) == 1 else ""
    found = translate(rules, policy_name(name or own, taken_names(root)), take_any=take_any)
    if found.policy is None:
        message = "no rule of this configuration can be translated, so nothing was written"
        hint = "write the policy by hand: see docs/cors.md"
        raise ConfigurationError((*found.differences, Problem("store-cors-empty", message, str(file), hint=hint)))
    return found.policy, found.differences


def translate(rules: Sequence[StoreRule], name: str, *, take_any: bool = False) -> Translation:
    """Translate the rules that let pages read; `take_any` accepts `cors = "any"` where it is wider in headers."""
    told = [problem for rule in rules for problem in _methods(rule)]
    reading = [rule for rule in rules if "GET" in rule.methods]
    unbounded = [rule for rule in reading if "*" in rule.origins]
    # A store takes the first rule that matches, so that only the first one can stand for all.
    if unbounded and (take_any or (reading[0] in unbounded and _is_as_wide_as_any(reading[0]))):
        return Translation(ANY, (*told, *(problem for rule in reading for problem in _any_taken(rule))))
    told += [_any_left_out(rule) for rule in unbounded]
    kept = {rule: tuple(_origins(rule, told)) for rule in reading}
    used = [rule for rule in reading if kept[rule]]
    origins = tuple(dict.fromkeys(origin for rule in used for origin in kept[rule]))
    if not origins:
        return Translation(None, tuple(told))
    before = rules[: 1 + max(at for at, rule in enumerate(rules) if rule in used)]
    # What one of these hides is hidden, though nothing else is taken of it: the store may answer with it.
    answering = [rule for rule in before if not set(_READING).isdisjoint(rule.methods)]
    policy = Policy(
        name,
        allow_origins=tuple(origin for origin in origins if origin != "null"),
        allow_methods=tuple(method for method in _READING if all(method in rule.methods for rule in used)),
        allow_headers=_headers(used, _REQUEST, used, told),
        expose_headers=_headers(used, _RESPONSE, answering, told),
        max_age=_max_age(used, told),
        allow_null_origin="null" in origins,
    )
    return Translation(policy, (*told, _credentials()))


def _methods(rule: StoreRule) -> Iterator[Problem]:
    others = [method for method in rule.methods if method not in _READING]
    if "GET" not in rule.methods:
        message = "left out: it lets no page read, and this server takes no uploads"
        yield _at(rule, Problem("store-cors-method", message, value=", ".join(rule.methods)))
    elif others:
        message = "left out: this server answers GET, HEAD and OPTIONS alone"
        yield _at(rule, Problem("store-cors-method", message, value=", ".join(others)))


def _is_as_wide_as_any(rule: StoreRule) -> bool:
    return "*" in rule.allow_headers and "*" in rule.expose_headers and set(_READING) <= set(rule.methods)


def _any_taken(rule: StoreRule) -> Iterator[Problem]:
    if "*" in rule.origins and not _is_as_wide_as_any(rule):
        yield _at(rule, Problem("store-cors-any", _WHY_ANY, value="*"))
    if rule.covers_header(_AUTHORIZATION):
        # Fetch §4.9: the * of a response without credentials doesn't cover it; the store names what was asked for.
        message = 'left out: cors = "any" refuses a preflight that asks for it'
        hint = 'for pages that send it, list their origins in a policy with allow-headers = ["Authorization"]'
        yield _at(rule, Problem("store-cors-header", message, value=_AUTHORIZATION, hint=hint))
    if rule.max_age is not None and rule.max_age < _MAX_AGE_OF_ANY:
        message = 'left out: with cors = "any" browsers may remember a preflight for a day'
        yield _at(rule, Problem("store-cors-max-age", message, value=str(rule.max_age)))


def _any_left_out(rule: StoreRule) -> Problem:
    hint = "if scripts may read every header, as they may on any public CDN: --any"
    return _at(rule, Problem("store-cors-any", f"left out: {_WHY_ANY}", value="*", hint=hint))


def _origins(rule: StoreRule, told: list[Problem]) -> Iterator[str]:
    """Yield the patterns that mean here what they mean to the store, or less."""
    for pattern in rule.origins:
        problem = _origin_problem(pattern)
        if problem:
            message = f"left out: {problem.message}"
            # The manifest's own hint for a glob names a wider pattern.
            hint = "list each origin that it stands for" if "*" in pattern else problem.hint
            told.append(_at(rule, Problem("store-cors-origin", message, value=pattern, hint=hint)))
        elif pattern != "*":
            yield pattern


def _origin_problem(pattern: str) -> Problem | None:
    if pattern in ("*", "null"):
        return None
    if pattern.endswith(":*"):
        # Ours covers the origin without a port too, the store's does not.
        return Problem("store-cors-origin", "* for a port would let in the origin without a port as well")
    return next(origin_problems(pattern, Tolerance()), None)


def _headers(
    rules: Sequence[StoreRule], side: _Side, bounds: Sequence[StoreRule], told: list[Problem]
) -> tuple[str, ...]:
    """Return the header names of the rules that every rule of the bounds has; `*` only where all have it."""
    if all("*" in side.names(rule) for rule in bounds):
        # A store's * covers Authorization, a policy's doesn't.
        return ("*", _AUTHORIZATION) if side is _REQUEST else ("*",)
    kept: dict[str, str] = {}
    for rule in rules:
        for name in side.names(rule):
            why = _header_fault(name, bounds, side)
            if why:
                told.append(_at(rule, Problem("store-cors-header", f"left out: {why}", value=name)))
            else:
                kept.setdefault(name.lower(), name)
    return tuple(kept.values())


def _header_fault(name: str, rules: Sequence[StoreRule], side: _Side) -> str:
    if name != "*" and "*" in name:
        return "a header's name can't hold a *, so list each one"
    if problem := next(side.problems(name), None):
        return problem.message
    if all(side.covers(rule, name) for rule in rules):
        return ""
    return "not every rule that lets pages read has it, and they share one policy"


def _max_age(rules: Sequence[StoreRule], told: list[Problem]) -> int | None:
    known = [rule.max_age for rule in rules if rule.max_age is not None]
    shortest = min(known) if len(known) == len(rules) else None
    for rule in rules:
        if rule.max_age not in (None, shortest):
            message = "left out: the shortest time of all rules that let pages read holds, or none if one says none"
            told.append(_at(rule, Problem("store-cors-max-age", message, value=str(rule.max_age))))
    return shortest


def _credentials() -> Problem:
    message = "a store may let pages of listed origins send cookies; the policy does not"
    hint = "if a page needs that: allow-credentials = true"
    return Problem("store-cors-credentials", message, hint=hint, warning=True)


def _at(rule: StoreRule, problem: Problem) -> Problem:
    return replace(problem, where=rule.label, warning=True)


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
    """Write tables behind those of the manifest; return what is doubtful about them. Raises ConfigurationError."""
    path = root / MANIFEST
    read_manifest(path)
    with changing(root):
        before = path.read_bytes().decode()
        newline = "\r\n" if "\r\n" in before else "\n"
        gap = "" if not before else newline if before.endswith("\n") else newline * 2
        after = before + gap + text.replace("\n", newline)
        warnings = _inspected(after)
        replace_file(path, after.encode())
    known = {(one.reference, one.value) for one in inspect_text(before).warnings}
    return tuple(one for one in warnings if (one.reference, one.value) not in known)


def taken_names(root: Path) -> tuple[str, ...]:
    """Return the names of the policies that a manifest has; none where there is no manifest that can be read."""
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
