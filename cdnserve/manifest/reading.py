"""Reading: `manifest.toml` as a frozen `Manifest`, or every problem in it at once.

Never touches the disk but to read that one file, and never accepts a manifest in part.
"""

from __future__ import annotations

import re
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from cdnserve.errors import ConfigurationError, Problem
from cdnserve.manifest.governing import MANIFEST
from cdnserve.manifest.keys import SCHEMA, TOP
from cdnserve.manifest.nodes import Node, parse
from cdnserve.manifest.pins import read_libraries
from cdnserve.manifest.policies import CACHE_POLICIES, CORS_POLICIES, read_cache, read_cors
from cdnserve.manifest.publishing import Policies, read_rules
from cdnserve.manifest.shape import Fields, read_fields, read_value
from cdnserve.manifest.sites import read_site
from cdnserve.manifest.values import Manifest, Rule, Site

Read = TypeVar("Read")

_FIRST_MANIFEST = 'write one: schema = 1, then [[publish]] with path = "**" and cors = "any"'
_LARGEST = 2**20
_BYTE_ORDER_MARK = "\ufeff"
_SURROGATE = re.compile(r"[\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class Reading:
    """A valid manifest together with what is doubtful in it."""

    manifest: Manifest
    warnings: tuple[Problem, ...] = ()


def read_manifest(path: Path) -> Manifest:
    """Read and check a manifest file; raise ConfigurationError with every problem."""
    return inspect_manifest(path).manifest


def inspect_manifest(path: Path) -> Reading:
    """Read and check a manifest file, and give its warnings too."""
    return inspect_text(_read_text(path), path.name)


def parse_manifest(text: str, name: str = MANIFEST) -> Manifest:
    r"""Parse and check the text of a manifest; raise ConfigurationError with every problem.

    >>> manifest = parse_manifest('schema = 1\n[[publish]]\npath = "npm/**"\ncors = "any"')
    >>> [(rule.paths, rule.cors.name, rule.cache.name, rule.line) for rule in manifest.rules]
    [(('npm/**',), 'any', 'revalidate', 2)]
    """
    return inspect_text(text, name).manifest


def manifest_warnings(text: str, name: str = MANIFEST) -> tuple[Problem, ...]:
    """Give what is doubtful in a valid manifest: it works, but hardly as its author meant."""
    return inspect_text(text, name).warnings


def inspect_text(text: str, name: str = MANIFEST) -> Reading:
    """Parse and check the text of a manifest, and give its warnings too."""
    problems = list(_character_problems(text, name))
    try:
        top = parse(text.removeprefix(_BYTE_ORDER_MARK), name)
    except ConfigurationError as error:
        raise ConfigurationError([*problems, *error.problems]) from None
    manifest = _read_top(top, problems)
    if all(problem.warning for problem in problems):
        problems += _doubts(top, manifest.rules)
    problems.sort(key=lambda problem: int(problem.where.rpartition(":")[2]))
    if not all(problem.warning for problem in problems):
        raise ConfigurationError(problems)
    return Reading(manifest, tuple(problems))


def _read_top(top: Node, problems: list[Problem]) -> Manifest:
    fields = read_fields(top, TOP, problems)
    problems += _schema_problems(fields)
    policies = Policies(
        cors=_named(fields, "cors", read_cors, problems) | CORS_POLICIES,
        cache=_named(fields, "cache", read_cache, problems) | CACHE_POLICIES,
    )
    site, libraries = fields.nodes.get("site"), fields.nodes.get("libraries")
    return Manifest(
        site=read_site(site, problems) if site else Site(),
        rules=read_rules(fields.tables("publish"), policies, problems),
        libraries=read_libraries(libraries, problems) if libraries else (),
    )


def _schema_problems(fields: Fields) -> Iterator[Problem]:
    node = fields.nodes.get("schema")
    if node and node.value != SCHEMA:
        message = f"this version of cdnserve reads only schema {SCHEMA}"
        yield node.mark(Problem("schema-unsupported", message, hint=f"write schema = {SCHEMA}, or update cdnserve"))


def _named(
    fields: Fields, name: str, read: Callable[[Node, list[Problem]], Read], problems: list[Problem]
) -> dict[str, Read]:
    """Read each table in a table of named ones."""
    key = next(key for key in TOP if key.name == name)  # a policy is a table too
    children = fields.nodes[name].items() if name in fields.nodes else ()
    return {child: read(node, problems) for child, node in children if read_value(node, key, problems)}


def _doubts(top: Node, rules: tuple[Rule, ...]) -> Iterator[Problem]:
    used = {"cors": {rule.cors.name for rule in rules}, "cache": {rule.cache.name for rule in rules}}
    for kind, tables in top.items():
        for name, node in tables.items() if kind in used else ():
            if name not in used[kind]:
                hint = f'name it in a rule: {kind} = "{name}"'
                yield node.mark(Problem("policy-unused", "no rule names this policy", hint=hint, warning=True))
    if not rules:
        hint = 'add a rule: [[publish]] with path = "**"'
        yield top.mark(Problem("nothing-public", "no rule publishes anything", hint=hint, warning=True))


def _character_problems(text: str, name: str) -> Iterator[Problem]:
    if text.startswith(_BYTE_ORDER_MARK):
        message = "the file begins with a byte order mark, which TOML does not have"
        yield Problem("manifest-byte-order-mark", message, f"{name}:1", "U+FEFF", "save the file as UTF-8 without it")
    if found := _SURROGATE.search(text):
        yield _not_utf8(name, text.count("\n", 0, found.start()) + 1, f"U+{ord(found[0]):04X}")


def _not_utf8(name: str, line: int, value: str) -> Problem:
    return Problem("manifest-not-utf-8", "the file is not UTF-8", f"{name}:{line}", value, "save the file as UTF-8")


def _read_text(path: Path) -> str:
    try:
        # A FIFO would keep us waiting for ever.
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            problem = Problem("manifest-unreadable", "not a regular file", str(path), hint=_FIRST_MANIFEST)
            raise ConfigurationError([problem])
        if status.st_size > _LARGEST:
            hint = "write globs instead of lists of files"
            problem = Problem("manifest-unreadable", "larger than 1 MiB", str(path), f"{status.st_size} octets", hint)
            raise ConfigurationError([problem])
        octets = path.read_bytes()
    except FileNotFoundError:
        problem = Problem("manifest-missing", "there is no manifest here", str(path), hint=_FIRST_MANIFEST)
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
