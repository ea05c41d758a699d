"""Publishing: `[[publish]]` tables as rules, in the order in which they decide.

Never lets a rule stand that can't do what it says: one that an earlier rule hides, or that publishes under `-/`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import cast

from cdnserve.errors import Problem
from cdnserve.manifest.globs import LONGEST, glob_problems
from cdnserve.manifest.keys import PUBLISH
from cdnserve.manifest.matching import is_unlisted
from cdnserve.manifest.nodes import Node
from cdnserve.manifest.shape import Fields, read_fields, suggestion
from cdnserve.manifest.values import Digest, Documents, Rule
from cdnserve.rules.caching import REVALIDATE, Cache
from cdnserve.rules.cors import NONE, Policy

_LITERAL = re.compile(r"[^*?\[]*")


@dataclass(frozen=True, slots=True)
class Policies:
    """The policies that a rule may name."""

    cors: Mapping[str, Policy]
    cache: Mapping[str, Cache]


def read_rules(tables: Iterator[Node], policies: Policies, problems: list[Problem]) -> tuple[Rule, ...]:
    """Read every `[[publish]]` table."""
    rules: list[Rule] = []
    decided: dict[str, int] = {}  # by glob: the line of the first rule that decides for all of it
    for table in tables:
        fields = read_fields(table, PUBLISH, problems)
        problems += _glob_problems(fields)
        problems += _hidden(fields, decided)
        problems += _unknown_policies(fields, policies)
        rules.append(_rule(fields, policies))
        # A rule with exceptions leaves some paths over, so that a later rule can have them.
        for glob in () if rules[-1].excepts else rules[-1].paths:
            decided.setdefault(glob, rules[-1].line)
    return tuple(rules)


def covers(wide: str, narrow: str) -> bool:
    """Tell whether every path that one glob matches is also matched by another, where that is plain to see.

    >>> covers("npm/**", "npm/*/dist/**"), covers("npm/**", "npm"), covers("*.js", "a.js")
    (True, False, False)
    """
    return wide in _covering(narrow)


def _covering(narrow: str) -> Iterator[str]:
    """Yield the globs that cover one: itself, all, and the literal folders that it begins with."""
    yield from (narrow, "**")
    literal = _LITERAL.match(narrow) if len(narrow) <= LONGEST else None
    for end in (at for at, sign in enumerate(literal[0] if literal else "") if sign == "/"):
        yield f"{narrow[:end]}/**"


def _rule(fields: Fields, policies: Policies) -> Rule:
    return Rule(
        paths=fields.strings("path"),
        excepts=fields.strings("except"),
        cors=policies.cors.get(fields.string("cors"), NONE),
        cache=policies.cache.get(fields.string("cache"), REVALIDATE),
        documents=cast(Documents, fields.string("documents")),
        line=fields.table.line,
        digests=cast(tuple[Digest, ...], fields.strings("digests")),
    )


def _glob_problems(fields: Fields) -> Iterator[Problem]:
    for node in (*fields.listed("path"), *fields.listed("except")):
        yield from (node.mark(problem) for problem in glob_problems(str(node.value)))
    for node in fields.listed("path"):
        glob = str(node.value)
        if glob.startswith("-/"):
            message = "prohibited: paths under -/ are the server's own"
            yield node.mark(Problem("glob-reserved", message, hint="keep these files in another folder"))
        elif _never_public(glob):
            message = "nothing that this matches is ever public"
            hint = "dot-files, manifest.toml and manifest.lock stay unlisted whatever a rule says"
            yield node.mark(Problem("glob-never-public", message, hint=hint, warning=True))


def _never_public(glob: str) -> bool:
    return is_unlisted(glob) and not any(glob_problems(glob))


def _hidden(fields: Fields, decided: Mapping[str, int]) -> Iterator[Problem]:
    excepts = frozenset(fields.strings("except"))
    for node in fields.listed("path"):
        covering = tuple(_covering(str(node.value)))
        line = min((decided[wide] for wide in covering if wide in decided), default=None)
        if line is not None:
            message = f"the rule on line {line} decides for every path that this matches"
            hint = "move the narrower rule up, or take this out"
            yield node.mark(Problem("rule-unreachable", message, hint=hint, warning=True))
        elif not excepts.isdisjoint(covering):
            message = "except takes back every path that this matches"
            hint = "take it out of except, or take the rule out"
            yield node.mark(Problem("rule-unreachable", message, hint=hint, warning=True))


def _unknown_policies(fields: Fields, policies: Policies) -> Iterator[Problem]:
    known = {"cors": tuple(policies.cors), "cache": tuple(policies.cache)}
    for name, words in known.items():
        node = fields.nodes.get(name)
        if node and node.value not in words:
            message = f"no [{name}.*] table has this name"
            yield node.mark(Problem("name-unknown", message, hint=suggestion(str(node.value), words)))
