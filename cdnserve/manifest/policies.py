"""Policies: `[cors.*]` and `[cache.*]` tables as the values that the rules of Fetch and RFC 9111 work with.

Never lets an insecure combination pass: what browsers would refuse, or attackers use, is refused here.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from cdnserve.errors import Problem
from cdnserve.manifest.field_names import request_header_problems, response_header_problems
from cdnserve.manifest.keys import CACHE, CORS
from cdnserve.manifest.methods import method_problems
from cdnserve.manifest.nodes import Node
from cdnserve.manifest.origins import Tolerance, origin_problems
from cdnserve.manifest.shape import Fields, read_fields
from cdnserve.rules.caching import IMMUTABLE, REVALIDATE, Cache
from cdnserve.rules.cors import ANY, NONE, Policy

CORS_POLICIES = {policy.name: policy for policy in (ANY, NONE)}
"""The policies that every manifest has."""
CACHE_POLICIES = {cache.name: cache for cache in (IMMUTABLE, REVALIDATE)}
"""The cache policies that every manifest has."""

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")
"""The grammar of a policy's name."""


def read_cors(node: Node, problems: list[Problem]) -> Policy:
    """Read one `[cors.NAME]` table."""
    name = str(node.path[-1])
    problems += _name_problems(node, name, tuple(CORS_POLICIES))
    fields = read_fields(node, CORS, problems)
    problems += _origin_problems(fields)
    problems += _each(fields.listed("allow-methods"), method_problems)
    problems += _each(fields.listed("allow-headers"), request_header_problems)
    problems += _each(fields.listed("expose-headers"), response_header_problems)
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


def read_cache(node: Node, problems: list[Problem]) -> Cache:
    """Read one `[cache.NAME]` table."""
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


def _name_problems(node: Node, name: str, reserved: tuple[str, ...]) -> Iterator[Problem]:
    if name in reserved:
        message = f"{name} is a policy that every manifest has"
        yield node.mark(Problem("name-reserved", message, hint="give this policy another name"))
    elif not NAME.fullmatch(name):
        message = "a policy's name has 1 to 64 letters, digits, hyphens, underscores and dots"
        yield node.mark(Problem("name-invalid", message, hint="begin it with a letter or digit"))


def _each(nodes: tuple[Node, ...], check: Callable[[str], Iterator[Problem]]) -> Iterator[Problem]:
    for node in nodes:
        yield from (node.mark(problem) for problem in check(str(node.value)))


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


def _beside_wildcard(nodes: tuple[Node, ...], fellows: set[str]) -> Iterator[Node]:
    if any(node.value == "*" for node in nodes):
        yield from (node for node in nodes if str(node.value).lower() not in fellows)
