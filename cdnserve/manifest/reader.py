"""Reads `manifest.toml` into a frozen `Manifest`, or reports every problem in it at once; never takes one in part."""

from __future__ import annotations

import re
import stat
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar, cast

from cdnserve.display import quoted
from cdnserve.errors import ConfigurationError, Problem, Problems
from cdnserve.manifest.files import MANIFEST, missing_hint
from cdnserve.manifest.keys import CACHE, CORS, LIBRARY, PUBLISH, SCHEMA, TOP, KeySpec, Kind
from cdnserve.manifest.model import (
    Digest,
    Documents,
    Library,
    Manifest,
    Rule,
    Site,
    is_unlisted,
)
from cdnserve.manifest.origins import (
    Tolerance,
    method_problems,
    origin_problems,
    request_header_problems,
    response_header_problems,
)
from cdnserve.manifest.site import read_site
from cdnserve.manifest.toml import Fields, TomlNode, known_words, marked, parse, read_fields, read_value
from cdnserve.rules.caching import IMMUTABLE, REVALIDATE, Cache
from cdnserve.rules.cors import ANY, NONE, Policy
from cdnserve.rules.globs import LONGEST, glob_problems
from cdnserve.rules.semver import is_package_name, is_requirement

CORS_POLICIES = {policy.name: policy for policy in (ANY, NONE)}
"""The CORS policies that every manifest has."""
CACHE_POLICIES = {cache.name: cache for cache in (IMMUTABLE, REVALIDATE)}
"""The cache policies that every manifest has."""
POLICY_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")

_LARGEST = 2**20
_BYTE_ORDER_MARK = "\ufeff"
_SURROGATE = re.compile(r"[\ud800-\udfff]")
_LITERAL = re.compile(r"[^*?\[]*")
_LIBRARY = KeySpec(
    "libraries",
    Kind.LIBRARY,
    "One package.",
    hint='write "^1.2.3", ["^1.2.3", "0.9.0"], or { version = "^1.2.3", files = ["*.js"] }',
)

Value = TypeVar("Value")


@dataclass(frozen=True, slots=True)
class Reading:
    """A valid manifest together with what is doubtful in it."""

    manifest: Manifest
    warnings: tuple[Problem, ...] = ()


def read_manifest(path: Path) -> Manifest:
    """Read and check a manifest file; raise ConfigurationError with every problem."""
    return inspect_manifest(path).manifest


def inspect_manifest(path: Path) -> Reading:
    """Read and check a manifest file, and return its warnings too."""
    return inspect_text(_read_text(path), path.name)


def parse_manifest(text: str, name: str = MANIFEST) -> Manifest:
    r"""Parse and check the text of a manifest; raise ConfigurationError with every problem.

    >>> manifest = parse_manifest('schema = 1\n[[publish]]\npath = "npm/**"\ncors = "any"')
    >>> [(rule.paths, rule.cors.name, rule.cache.name, rule.line) for rule in manifest.rules]
    [(('npm/**',), 'any', 'revalidate', 2)]
    """
    return inspect_text(text, name).manifest


def inspect_text(text: str, name: str = MANIFEST) -> Reading:
    """Parse and check the text of a manifest, and return its warnings too."""
    problems = Problems(_character_problems(text, name))
    with problems.caught():
        top = parse(text.removeprefix(_BYTE_ORDER_MARK), name)
        manifest = _read_top(top, problems)
        if all(problem.warning for problem in problems):
            problems += _doubts(top, manifest.rules)
    problems.sort(key=_line)
    problems.raise_errors()
    return Reading(manifest, tuple(problems))


def _read_text(path: Path) -> str:
    try:
        # A FIFO would keep us waiting for ever.
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            problem = Problem("manifest-unreadable", "not a regular file", str(path), hint="put a file there")
            raise ConfigurationError([problem])
        if status.st_size > _LARGEST:
            hint = "write globs instead of lists of files"
            problem = Problem("manifest-unreadable", "larger than 1 MiB", str(path), f"{status.st_size} octets", hint)
            raise ConfigurationError([problem])
        octets = path.read_bytes()
    except FileNotFoundError:
        problem = Problem("manifest-missing", "there is no manifest here", str(path), hint=missing_hint(path.parent))
        raise ConfigurationError([problem]) from None
    except OSError as error:
        reason = error.strerror or str(error)
        hint = "make the file readable for the user that runs cdnserve"
        raise ConfigurationError([Problem("manifest-unreadable", reason, str(path), hint=hint)]) from None
    try:
        return octets.decode("utf-8")
    except UnicodeDecodeError as error:
        line = octets.count(b"\n", 0, error.start) + 1
        octet = f"octet 0x{octets[error.start]:02X} at position {error.start}"
        raise ConfigurationError([_not_utf8(path.name, line, octet)]) from None


def _character_problems(text: str, name: str) -> Iterator[Problem]:
    if text.startswith(_BYTE_ORDER_MARK):
        message = "the file begins with a byte order mark, which TOML does not have"
        yield Problem("manifest-byte-order-mark", message, f"{name}:1", "U+FEFF", "save the file as UTF-8 without it")
    if found := _SURROGATE.search(text):
        yield _not_utf8(name, text.count("\n", 0, found.start()) + 1, f"U+{ord(found[0]):04X}")


def _not_utf8(name: str, line: int, value: str) -> Problem:
    return Problem("manifest-not-utf-8", "the file is not UTF-8", f"{name}:{line}", value, "save the file as UTF-8")


def _read_top(top: TomlNode, problems: list[Problem]) -> Manifest:
    fields = read_fields(top, TOP, problems)
    problems += _schema_problems(fields)
    policies = _Policies(
        cors=_named(fields, "cors", _read_cors, problems) | CORS_POLICIES,
        cache=_named(fields, "cache", _read_cache, problems) | CACHE_POLICIES,
    )
    site, libraries = fields.nodes.get("site"), fields.nodes.get("libraries")
    return Manifest(
        site=read_site(site, problems) if site else Site(),
        rules=_read_rules(fields.tables("publish"), policies, problems),
        libraries=_read_libraries(libraries, problems) if libraries else (),
    )


def _schema_problems(fields: Fields) -> Iterator[Problem]:
    node = fields.nodes.get("schema")
    if node and node.value != SCHEMA:
        message = f"this version of cdnserve reads only schema {SCHEMA}"
        yield node.mark(Problem("schema-unsupported", message, hint=f"write schema = {SCHEMA}, or update cdnserve"))


def _named(
    fields: Fields, name: str, read: Callable[[TomlNode, list[Problem]], Value], problems: list[Problem]
) -> dict[str, Value]:
    """Read each table in a table of named ones."""
    key = next(key for key in TOP if key.name == name)  # a policy is a table too
    children = fields.nodes[name].items() if name in fields.nodes else ()
    return {child: read(node, problems) for child, node in children if read_value(node, key, problems)}


def _doubts(top: TomlNode, rules: tuple[Rule, ...]) -> Iterator[Problem]:
    used = {"cors": {rule.cors.name for rule in rules}, "cache": {rule.cache.name for rule in rules}}
    for kind, tables in top.items():
        for name, node in tables.items() if kind in used else ():
            if name not in used[kind]:
                hint = f'name it in a rule: {kind} = "{name}"'
                yield node.mark(Problem("policy-unused", "no rule names this policy", hint=hint, warning=True))
    if not rules:
        hint = 'add a rule: [[publish]] with path = "**"'
        yield top.mark(Problem("nothing-public", "no rule publishes anything", hint=hint, warning=True))


@dataclass(frozen=True, slots=True)
class _Policies:
    """The policies that a rule may name."""

    cors: Mapping[str, Policy]
    cache: Mapping[str, Cache]


def _read_rules(tables: Iterable[TomlNode], policies: _Policies, problems: list[Problem]) -> tuple[Rule, ...]:
    rules: list[Rule] = []
    decided: dict[str, int] = {}  # by glob: the line of the first rule that decides for all of it
    for table in tables:
        fields = read_fields(table, PUBLISH, problems)
        problems += _rule_glob_problems(fields)
        problems += _unreachable(fields, decided)
        problems += _unknown_policies(fields, policies)
        rules.append(_rule(fields, policies))
        # A rule with exceptions leaves some paths over, so that a later rule can have them.
        for glob in () if rules[-1].excepts else rules[-1].paths:
            decided.setdefault(glob, rules[-1].line)
    return tuple(rules)


def _rule(fields: Fields, policies: _Policies) -> Rule:
    return Rule(
        paths=fields.strings("path"),
        excepts=fields.strings("except"),
        cors=policies.cors.get(fields.string("cors"), NONE),
        cache=policies.cache.get(fields.string("cache"), REVALIDATE),
        documents=cast(Documents, fields.string("documents")),
        line=fields.table.line,
        digests=cast(tuple[Digest, ...], fields.strings("digests")),
        listed=fields.flag("listed") if "listed" in fields.nodes else None,
    )


def _rule_glob_problems(fields: Fields) -> Iterator[Problem]:
    yield from marked((*fields.listed("path"), *fields.listed("except")), glob_problems)
    yield from marked(fields.listed("path"), _unlisted_problems)


def _unlisted_problems(glob: str) -> Iterator[Problem]:
    if glob.startswith("-/"):
        message = "prohibited: paths under -/ are the server's own"
        yield Problem("glob-reserved", message, hint="keep these files in another folder")
    elif is_unlisted(glob) and not any(glob_problems(glob)):
        hint = "dot-files, manifest.toml and manifest.lock stay unlisted whatever a rule says"
        yield Problem("glob-never-public", "nothing that this matches is ever public", hint=hint, warning=True)


def _unreachable(fields: Fields, decided: Mapping[str, int]) -> Iterator[Problem]:
    excepts = frozenset(fields.strings("except"))
    for node in fields.listed("path"):
        covering = tuple(covering_globs(str(node.value)))
        line = min((decided[wide] for wide in covering if wide in decided), default=None)
        if line is not None:
            message = f"the rule on line {line} decides for every path that this matches"
            hint = "move the narrower rule up, or take this out"
            yield node.mark(Problem("rule-unreachable", message, hint=hint, warning=True))
        elif not excepts.isdisjoint(covering):
            message = "except takes back every path that this matches"
            hint = "take it out of except, or take the rule out"
            yield node.mark(Problem("rule-unreachable", message, hint=hint, warning=True))


def covering_globs(narrow: str) -> Iterator[str]:
    """Yield globs that match every path that one matches: itself, all, and the literal folders that it begins with.

    >>> list(covering_globs("npm/jquery@3/*.js"))
    ['npm/jquery@3/*.js', '**', 'npm/**', 'npm/jquery@3/**']
    """
    yield from (narrow, "**")
    literal = _LITERAL.match(narrow) if len(narrow) <= LONGEST else None
    for end in (at for at, sign in enumerate(literal[0] if literal else "") if sign == "/"):
        yield f"{narrow[:end]}/**"


def _unknown_policies(fields: Fields, policies: _Policies) -> Iterator[Problem]:
    known = {"cors": tuple(policies.cors), "cache": tuple(policies.cache)}
    for name, words in known.items():
        node, key = fields.nodes.get(name), next(key for key in PUBLISH if key.name == name)
        if node and node.value not in words:
            message = f"no [{name}.*] table has this name"
            hint = key.instead(node.value) or known_words(str(node.value), words)
            yield node.mark(Problem("name-unknown", message, hint=hint))


def _read_cors(node: TomlNode, problems: list[Problem]) -> Policy:
    name = str(node.path[-1])
    problems += _name_problems(node, name, tuple(CORS_POLICIES))
    fields = read_fields(node, CORS, problems)
    problems += _origin_problems(fields)
    problems += marked(fields.listed("allow-methods"), method_problems)
    problems += marked(fields.listed("allow-headers"), request_header_problems)
    problems += marked(fields.listed("expose-headers"), response_header_problems)
    problems += _wildcard_header_problems(fields)
    return Policy(
        name,
        allow_origins=fields.strings("allow-origins"),
        allow_credentials=fields.flag("allow-credentials"),
        allow_methods=fields.strings("allow-methods"),
        allow_headers=fields.strings("allow-headers"),
        expose_headers=fields.strings("expose-headers"),
        max_age=fields.number("max-age"),
        allow_null_origin=fields.flag("allow-null-origin"),
        allow_private_network=fields.flag("allow-private-network"),
    )


def _read_cache(node: TomlNode, problems: list[Problem]) -> Cache:
    name = str(node.path[-1])
    problems += _name_problems(node, name, tuple(CACHE_POLICIES))
    fields = read_fields(node, CACHE, problems)
    return Cache(
        name,
        max_age=fields.number("max-age"),
        shared_max_age=fields.number("shared-max-age"),
        stale_while_revalidate=fields.number("stale-while-revalidate"),
        cdn_max_age=fields.number("cdn-max-age"),
        cdn_stale_while_revalidate=fields.number("cdn-stale-while-revalidate"),
    )


def _name_problems(node: TomlNode, name: str, reserved: tuple[str, ...]) -> Iterator[Problem]:
    if name in reserved:
        message = f"{name} is a policy that every manifest has"
        yield node.mark(Problem("name-reserved", message, hint="give this policy another name"))
    elif not POLICY_NAME.fullmatch(name):
        message = "a policy's name has 1 to 64 letters, digits, hyphens, underscores and dots"
        yield node.mark(Problem("name-invalid", message, hint="begin it with a letter or digit"))


def _origin_problems(fields: Fields) -> Iterator[Problem]:
    credentials, null = fields.flag("allow-credentials"), fields.flag("allow-null-origin")
    tolerance = Tolerance(fields.flag("tolerate-insecure-origins"), fields.flag("tolerate-public-suffixes"))
    for node in fields.listed("allow-origins"):
        if node.value == "*" and credentials:
            message = "prohibited: with credentials, * would let every page act as its visitor"
            yield node.mark(Problem("credentials-with-any", message, hint="list the origins that you trust"))
        else:
            yield from (node.mark(problem) for problem in origin_problems(str(node.value), tolerance))
    if null and credentials:
        message = "every page can send the origin null, so with credentials it could act as its visitor"
        hint = "leave out allow-null-origin or allow-credentials"
        yield fields.nodes["allow-null-origin"].mark(Problem("credentials-with-null", message, hint=hint, warning=True))
    if fields.is_empty("allow-origins") and not null:
        hint = 'list at least one origin, or publish with cors = "any" or "none"'
        yield fields.table.mark(Problem("origin-missing", "the policy lets no origin read", hint=hint))


def _wildcard_header_problems(fields: Fields) -> Iterator[Problem]:
    credentials = fields.flag("allow-credentials")
    # Fetch §4.9: without credentials * does not cover Authorization, so that the two together mean something.
    allowed = {"*"} if credentials else {"*", "authorization"}
    for name, fellows in (("allow-headers", allowed), ("expose-headers", {"*"})):
        for node in _beside_wildcard(fields.listed(name), fellows):
            hint = 'write ["*"], or no *'
            yield node.mark(Problem("header-redundant", "* covers this one", hint=hint, warning=True))
    for node in fields.listed("expose-headers"):
        if node.value == "*" and credentials:
            message = "forbidden by the Fetch standard: with credentials, * exposes only a header named *"
            yield node.mark(Problem("credentials-with-any-header", message, hint="list the headers"))


def _beside_wildcard(nodes: tuple[TomlNode, ...], fellows: set[str]) -> Iterator[TomlNode]:
    if any(node.value == "*" for node in nodes):
        yield from (node for node in nodes if str(node.value).lower() not in fellows)


def _read_libraries(table: TomlNode, problems: list[Problem]) -> tuple[Library, ...]:
    libraries = (_read_library(name, node, problems) for name, node in table.items())
    return tuple(library for library in libraries if library)


def _read_library(name: str, node: TomlNode, problems: list[Problem]) -> Library | None:
    if not is_package_name(name):
        hint = "write it as npm does: jquery, or in quotes @scope/name"
        problem = Problem("library-name-invalid", "npm has no package of this name", value=quoted(name), hint=hint)
        problems.append(node.mark(problem))
    if not read_value(node, _LIBRARY, problems):
        return None
    # A bare value is the short form of a table that has nothing but versions.
    is_short = not isinstance(node.value, dict)
    fields = Fields(node, {"version": node}, {}) if is_short else read_fields(node, LIBRARY, problems)
    versions, globs = fields.listed("version"), fields.listed("files")
    problems += marked(versions, _version_problems)
    problems += marked(globs, glob_problems)
    return Library(name, tuple(str(version.value) for version in versions), tuple(str(glob.value) for glob in globs))


def _version_problems(version: str) -> Iterator[Problem]:
    if not is_requirement(version):
        message = "a version is exact or an npm range, never a tag"
        hint = 'write "1.2.3", "^1.2" or "1.x"; cdnserve add NAME@TAG finds out what a tag stands for'
        yield Problem("library-version-invalid", message, hint=hint)


def _line(problem: Problem) -> int:
    line = problem.where.rpartition(":")[2]
    return int(line) if line.isdecimal() else 0
