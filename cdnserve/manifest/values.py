"""The manifest as frozen values: what is public, and which origins may read it.

Never holds anything unvalidated: `read_manifest` makes these, or says every problem.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from cdnserve.rules.caching import Cache
from cdnserve.rules.cors import Policy

Documents = Literal["sandbox", "live"]
Digest = Literal["repr", "unencoded"]
TagField = Literal["Cache-Tag", "Surrogate-Key"]


@dataclass(frozen=True, slots=True)
class Site:
    """Who we are; `url` is the public base URL without a trailing slash, `""` when unknown.

    Hosted libraries have addresses in the shape of unpkg or cdnjs too, where these are set. `cache_tags` names the
    headers with tags that answers have.
    """

    name: str = ""
    url: str = ""
    unpkg_addresses: bool = False
    cdnjs_addresses: bool = False
    cache_tags: tuple[TagField, ...] = ()


@dataclass(frozen=True, slots=True)
class Rule:
    """One `[[publish]]` table; `line` is where it begins in `manifest.toml`, `digests` are fields of its answers."""

    paths: tuple[str, ...]
    excepts: tuple[str, ...]
    cors: Policy
    cache: Cache
    documents: Documents
    line: int
    digests: tuple[Digest, ...] = ()


@dataclass(frozen=True, slots=True)
class Library:
    """One npm package; `versions` are exact versions and npm ranges, `files` globs of what is kept, empty for all."""

    name: str
    versions: tuple[str, ...]
    files: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Manifest:
    """All of `manifest.toml`, valid; rules in the order in which they decide."""

    site: Site
    rules: tuple[Rule, ...]
    libraries: tuple[Library, ...]
