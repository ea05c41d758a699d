"""What the registry says of one version: npm's package document, read with suspicion.

Never takes an answer that speaks of another package or version than the one that was asked for.
"""

from __future__ import annotations

import io
from dataclasses import dataclass

import msgspec

from cdnserve.errors import ConfigurationError, Problem
from cdnserve.libraries.address import Address
from cdnserve.libraries.client import Client, Received, Wanted
from cdnserve.libraries.gunzip import CorruptError, Gunzip, OversizeError
from cdnserve.libraries.registry import Registry
from cdnserve.libraries.spec import Spec
from cdnserve.libraries.wording import shown
from cdnserve.rules.integrity import parse_metadata, strongest

# The abbreviated document has all that an installation needs; registries that don't know it send the whole one.
_FIELDS = (
    ("Accept", "application/vnd.npm.install-v1+json, application/json;q=0.8, */*;q=0.1"),
    ("Accept-Encoding", "gzip, identity;q=0.5"),
)
_SUGGESTED = 5


class _Distribution(msgspec.Struct, frozen=True):
    tarball: str
    integrity: str | None = None


class _Version(msgspec.Struct, frozen=True):
    name: str
    version: str
    dist: _Distribution


class _Document(msgspec.Struct, frozen=True):
    name: str
    versions: dict[str, msgspec.Raw]


@dataclass(frozen=True, slots=True)
class Published:
    """One published version; `integrity` is `""` where the registry gives none that we know."""

    spec: Spec
    registry: Registry
    tarballs: tuple[Address, ...]
    integrity: str


def find_published(spec: Spec, registry: Registry, client: Client, limit: int) -> Published:
    """Ask the registry for a version; raise ConfigurationError if it has none or answers nonsense."""
    sink = io.BytesIO()
    wanted = Wanted(f"what the registry says of {spec.name}", registry.document(spec.name), registry, limit, _FIELDS)
    received = client.fetch(wanted, sink)
    if received.status != 200:
        raise refused(spec, registry, received.status)
    sink.seek(0)
    return read_document(_decoded(sink, received, spec, registry, limit), spec, registry)


def read_document(data: bytes, spec: Spec, registry: Registry) -> Published:
    """Read a package document (JSON) and take one version out of it."""
    try:
        document = msgspec.json.decode(data, type=_Document)
        said = document.versions.get(spec.version)
        version = None if said is None else msgspec.json.decode(said, type=_Version)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise _nonsense(spec, registry, f"it is no package document: {error}") from None
    if document.name != spec.name:
        raise _nonsense(spec, registry, f"it speaks of another package: {document.name}")
    if version is None:
        raise _no_version(spec, registry, tuple(document.versions))
    if (version.name, version.version) != (spec.name, spec.version):
        raise _nonsense(spec, registry, f"it gives another version: {version.name}@{version.version}")
    try:
        tarballs = registry.tarballs(spec, version.dist.tarball)
    except ValueError as error:
        raise _nonsense(spec, registry, f"its tarball can't be fetched: {error}: {version.dist.tarball}") from None
    return Published(spec, registry, tarballs, _strongest(version.dist.integrity or ""))


def refused(spec: Spec, registry: Registry, status: int) -> ConfigurationError:
    """Say why the registry doesn't give what was asked, from the status of its answer."""
    where = registry.address.shown
    if status in (404, 410):
        hint = "check the name, and that this is the registry that has it"
        problem = Problem("library-not-found", f"the registry has no {spec}", where, hint=hint)
    elif status in (401, 403):
        hint = (
            "a token is configured, but not sent because the registry is not reached by https"
            if registry.withholds
            else f"configure a token: //{registry.address.authority}{registry.address.path}:_authToken in .npmrc"
        )
        problem = Problem("registry-refused", f"the registry refuses {spec} (status {status})", where, hint=hint)
    else:
        problem = Problem("registry-answer", f"the registry answers {spec} with status {status}", where)
    return ConfigurationError([problem])


def _decoded(sink: io.BytesIO, received: Received, spec: Spec, registry: Registry, limit: int) -> bytes:
    if received.coding in ("", "identity"):
        return sink.getvalue()
    if received.coding not in ("gzip", "x-gzip"):
        raise _nonsense(spec, registry, f"it has a content coding that was not asked for: {received.coding}")
    try:
        return Gunzip(sink, limit).read(limit + 1)
    except CorruptError as error:
        raise _nonsense(spec, registry, str(error)) from None
    except OversizeError as error:
        message = f"what the registry says of {spec.name}: {error}"
        raise ConfigurationError([Problem("registry-too-large", message, registry.address.shown)]) from None


def _strongest(integrity: str) -> str:
    return " ".join(str(expression) for expression in strongest(parse_metadata(integrity)))


def _nonsense(spec: Spec, registry: Registry, why: str) -> ConfigurationError:
    hint = "check that the address is an npm registry's"
    problem = Problem(
        "registry-answer", f"{spec}: the registry's answer can't be used", registry.address.shown, shown(why), hint
    )
    return ConfigurationError([problem])


def _no_version(spec: Spec, registry: Registry, versions: tuple[str, ...]) -> ConfigurationError:
    major = spec.version.partition(".")[0]
    near = [version for version in versions if version.partition(".")[0] == major] or list(versions)
    hint = f"it has {shown(', '.join(near[-_SUGGESTED:]))}" if near else ""
    problem = Problem("version-not-found", f"the registry has no {spec}", registry.address.shown, hint=hint)
    return ConfigurationError([problem])
