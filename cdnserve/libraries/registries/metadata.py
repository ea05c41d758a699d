"""What the registry says of a package: npm's package document, read with suspicion.

Never takes an answer that speaks of another package or version than the one that was asked for.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

import msgspec

from cdnserve.errors import ConfigurationError, Problem
from cdnserve.libraries.registries.address import Address
from cdnserve.libraries.registries.client import Client, Wanted
from cdnserve.libraries.registries.documents import fetch_document, nonsense, refused
from cdnserve.libraries.registries.registry import Registry
from cdnserve.libraries.settings import Progress, Silent
from cdnserve.libraries.spec import Spec, checked_spec
from cdnserve.libraries.wording import shown
from cdnserve.manifest.packages import is_exact_version
from cdnserve.manifest.requirements import ascending
from cdnserve.rules.integrity import parse_metadata, strongest

# The abbreviated document has all that an installation needs; registries that don't know it send the whole one.
_FIELDS = (("Accept", "application/vnd.npm.install-v1+json, application/json;q=0.8, */*;q=0.1"),)
_SUGGESTED = 5
Form = TypeVar("Form")


class Signature(msgspec.Struct, frozen=True):
    """What a registry's key says of a version; `sig` is base64."""

    keyid: str
    sig: str


class _Distribution(msgspec.Struct, frozen=True):
    tarball: str
    integrity: str | None = None
    signatures: tuple[Signature, ...] | None = None


class _Version(msgspec.Struct, frozen=True):
    name: str
    version: str
    dist: _Distribution


class _Loose(msgspec.Struct, frozen=True):
    """What registries write in more than one form, and what no tarball is fetched or verified by."""

    deprecated: Any = None
    dist: Any = None


class _Document(msgspec.Struct, frozen=True):
    name: str
    versions: dict[str, msgspec.Raw]
    tags: dict[str, str] = msgspec.field(name="dist-tags", default_factory=dict)
    time: msgspec.Raw = msgspec.Raw(b"{}")


@dataclass(frozen=True, slots=True)
class Published:
    """One published version; `integrity` is `""` where the registry gives none that we know.

    `claimed` is the integrity as the registry wrote it, which is what its signatures are over; `time` is when it was
    published (RFC 3339), `""` where the document doesn't say.
    """

    spec: Spec
    registry: Registry
    tarballs: tuple[Address, ...]
    integrity: str
    claimed: str = ""
    signatures: tuple[Signature, ...] = ()
    time: str = ""


@dataclass(frozen=True, slots=True)
class Package:
    """A package document: its tags and its exact versions, each of which is read when it is asked for."""

    name: str
    registry: Registry
    tags: Mapping[str, str]
    versions: tuple[str, ...]
    _said: Mapping[str, msgspec.Raw] = field(repr=False, compare=False)
    _time: msgspec.Raw = field(repr=False, compare=False)

    def deprecated(self, version: str) -> str:
        """Give why a version is deprecated, `""` if it isn't."""
        said = self._read(version, _Loose).deprecated
        return said if isinstance(said, str) else "deprecated" if said is True else ""

    def unpacked_size(self, version: str) -> int | None:
        """Give the octets of all files of a version, as the registry counts them; `None` where it doesn't."""
        size = self._distribution(version).get("unpackedSize")
        return size if isinstance(size, int) and not isinstance(size, bool) and size >= 0 else None

    def published(self, version: str) -> Published:
        """Give where a version's tarball is and what it must be; raise ConfigurationError if there is none."""
        if version not in self.versions:
            raise version_not_found(self, version)
        spec = checked_spec(self.name, version)
        said = self._read(version, _Version)
        if (said.name, said.version) != (self.name, version):
            raise nonsense(str(spec), self.registry, f"it gives another version: {said.name}@{said.version}")
        try:
            tarballs = self.registry.tarballs(spec, said.dist.tarball)
        except ValueError as error:
            raise nonsense(
                str(spec), self.registry, f"its tarball can't be fetched: {error}: {said.dist.tarball}"
            ) from None
        claimed = said.dist.integrity or ""
        return Published(
            spec,
            self.registry,
            tarballs,
            _strongest(claimed),
            claimed,
            said.dist.signatures or (),
            self._published_at(version),
        )

    @property
    def is_signed(self) -> bool:
        """Tell whether any version has a signature: one without then lacks what the registry gives the others."""
        return any(self._distribution(version).get("signatures") for version in self.versions)

    def _distribution(self, version: str) -> dict[str, Any]:
        dist = self._read(version, _Loose).dist
        return dist if isinstance(dist, dict) else {}

    def _published_at(self, version: str) -> str:
        try:
            time = msgspec.json.decode(self._time, type=dict[str, Any]).get(version)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            return ""
        return time if isinstance(time, str) else ""

    def _read(self, version: str, form: type[Form]) -> Form:
        if version not in self._said:
            raise version_not_found(self, version)
        try:
            return msgspec.json.decode(self._said[version], type=form)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            what = f"{self.name}@{version}"
            raise nonsense(what, self.registry, f"it is no version's entry: {error}") from None


def find_package(
    name: str, registry: Registry, client: Client, limit: int, progress: Progress | None = None
) -> Package:
    """Ask the registry for a package's document; raise ConfigurationError if it has none or answers nonsense."""
    listener = progress or Silent()
    what = f"what the registry says of {name}"
    status, data = fetch_document(
        Wanted(what, registry.document(name), registry, limit, _FIELDS, listener, name), client
    )
    if status != 200:
        raise refused(name, registry, status)
    listener.finish(name)
    return read_document(data, name, registry)


def read_document(data: bytes, name: str, registry: Registry) -> Package:
    """Read a package document (JSON); what it says of each version is looked at later."""
    try:
        document = msgspec.json.decode(data, type=_Document)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise nonsense(name, registry, f"it is no package document: {error}") from None
    if document.name != name:
        raise nonsense(name, registry, f"it speaks of another package: {document.name}")
    versions = tuple(version for version in document.versions if is_exact_version(version))
    return Package(name, registry, document.tags, versions, document.versions, document.time)


def version_not_found(package: Package, wanted: str) -> ConfigurationError:
    """Say that a package has no version that is wanted (exact, a range or a tag), and name those that are near."""
    major = re.search(r"[0-9]+", wanted)
    same = [version for version in package.versions if major and version.partition(".")[0] == major[0]]
    there = same or package.versions
    releases = [version for version in there if "-" not in version]
    near = ", ".join(ascending(there if "-" in wanted else releases or there)[-_SUGGESTED:])
    tags = ", ".join(sorted(package.tags)[:_SUGGESTED])
    facts = [f"it has {shown(near)}"] if near else []
    facts += [f"its tags are {shown(tags)}"] if tags and not major else []
    message = f"the registry has no {package.name}@{shown(wanted)}"
    problem = Problem("version-not-found", message, package.registry.address.shown, hint="; ".join(facts))
    return ConfigurationError([problem])


def _strongest(integrity: str) -> str:
    return " ".join(str(expression) for expression in strongest(parse_metadata(integrity)))
