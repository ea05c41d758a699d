"""What the registry says of a package: npm's package document, read with suspicion."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

import msgspec

from cdnserve.cdns.cdnjs import browser_packages
from cdnserve.decode import OversizeError, UndecodableError, decoded
from cdnserve.display import alike, excerpt, readable_size
from cdnserve.errors import ConfigurationError, Problem
from cdnserve.npm.download import Buffer, Download, DownloadProgress, RegistryClient, Silent
from cdnserve.npm.registry import HttpUrl, Registry
from cdnserve.npm.spec import PinnedPackage, checked_spec
from cdnserve.rules.integrity import parse_metadata, strongest
from cdnserve.rules.semver import ascending, best, is_exact_version, is_range


def fetch_document(wanted: Download, client: RegistryClient) -> tuple[int, bytes]:
    """Fetch a document; give the status and, if it is 200, the octets without their content coding."""
    sink = Buffer()
    fields = (*wanted.fields, ("Accept-Encoding", "gzip, identity;q=0.5"))
    received = client.fetch(replace(wanted, fields=fields), sink)
    if received.status != 200:
        return received.status, b""
    return 200, _decoded(sink.data, received.coding, wanted)


def _decoded(data: bytes, coding: str, wanted: Download) -> bytes:
    if coding == "identity":
        return data
    try:
        return decoded([data], coding, wanted.limit)
    except UndecodableError as error:
        raise nonsense(wanted.what, wanted.registry, f"its content coding can't be taken off: {error}") from None
    except OversizeError:
        message = f"{wanted.what}: it unpacks to more than {readable_size(wanted.limit)}"
        raise ConfigurationError([Problem("registry-too-large", message, wanted.registry.address.shown)]) from None


def refused(what: object, registry: Registry, status: int, near: str = "") -> ConfigurationError:
    """Return why the registry doesn't give what was asked, from the status of its answer; `near` says what is meant."""
    where = registry.address.shown
    if status in (404, 410):
        hint = near or "check the name, and that this is the registry that has it"
        problem = Problem("library-not-found", f"the registry has no {what}", where, hint=hint)
    elif status in (401, 403):
        hint = near or (
            "a token is configured, but not sent because the registry is not reached by https"
            if registry.withholds
            else f"configure a token: //{registry.address.authority}{registry.address.path}:_authToken in .npmrc"
        )
        problem = Problem("registry-refused", f"the registry refuses {what} (status {status})", where, hint=hint)
    else:
        problem = Problem("registry-answer", f"the registry answers {what} with status {status}", where, hint=near)
    return ConfigurationError([problem])


def nonsense(what: str, registry: Registry, why: str) -> ConfigurationError:
    """Return the problem of an answer that can't be used; `why` may hold what the registry said."""
    message = f"{what}: the registry's answer can't be used"
    hint = "check that the address is an npm registry's"
    return ConfigurationError([Problem("registry-answer", message, registry.address.shown, excerpt(why), hint)])


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

    spec: PinnedPackage
    registry: Registry
    tarballs: tuple[HttpUrl, ...]
    integrity: str
    claimed: str = ""
    signatures: tuple[Signature, ...] = ()
    time: str = ""


@dataclass(frozen=True, slots=True)
class Packument:
    """A package document: its tags and its exact versions, each of which is read when it is asked for."""

    name: str
    registry: Registry
    tags: Mapping[str, str]
    versions: tuple[str, ...]
    _said: Mapping[str, msgspec.Raw] = field(repr=False, compare=False)
    _time: msgspec.Raw = field(repr=False, compare=False)

    def deprecated(self, version: str) -> str:
        """Return why a version is deprecated, `""` if it isn't."""
        said = self._read(version, _Loose).deprecated
        return said if isinstance(said, str) else "deprecated" if said is True else ""

    def unpacked_size(self, version: str) -> int | None:
        """Return the octets of all files of a version, as the registry counts them; `None` where it doesn't."""
        size = self._distribution(version).get("unpackedSize")
        return size if isinstance(size, int) and not isinstance(size, bool) and size >= 0 else None

    def published(self, version: str) -> Published:
        """Return where a version's tarball is and what it must be; raise ConfigurationError if there is none."""
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
        """Return whether any version has a signature: one without then lacks what the registry gives the others."""
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
    name: str,
    registry: Registry,
    client: RegistryClient,
    limit: int,
    progress: DownloadProgress | None = None,
    known: Iterable[str] = (),
) -> Packument:
    """Ask the registry for a package's document; raise ConfigurationError if it has none or answers nonsense.

    What is nearly one of the `known` names, or that of a package for browsers, is taken for a slip.
    """
    listener = progress or Silent()
    what = f"what the registry says of {name}"
    status, data = fetch_document(
        Download(what, registry.document(name), registry, limit, _FIELDS, listener, name), client
    )
    if status != 200:
        raise refused(name, registry, status, _slip(name, status, known))
    listener.finish(name)
    return read_document(data, name, registry)


_LIKE_ENOUGH = 0.8  # "jqeury" and "chartjs" are, and "absent" is like no package


def _slip(name: str, status: int, known: Iterable[str]) -> str:
    """Return a hint at the name that was probably meant, `""` where there is none."""
    if name != name.lower():
        return f"did you mean {name.lower()}? Names are in lower case"
    if status not in (404, 410):
        return ""
    names = {*known, *browser_packages()}
    near = alike(name, names, cutoff=_LIKE_ENOUGH) if name not in names else ()
    return f"did you mean {near[0]}?" if near else ""


def read_document(data: bytes, name: str, registry: Registry) -> Packument:
    """Read a package document (JSON); what it says of each version is looked at later."""
    try:
        document = msgspec.json.decode(data, type=_Document)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise nonsense(name, registry, f"it is no package document: {error}") from None
    if document.name != name:
        raise nonsense(name, registry, f"it speaks of another package: {document.name}")
    versions = tuple(version for version in document.versions if is_exact_version(version))
    return Packument(name, registry, document.tags, versions, document.versions, document.time)


def version_not_found(package: Packument, wanted: str) -> ConfigurationError:
    """Return the problem of a version that a package lacks (exact, a range or a tag), with those that are near."""
    major = re.search(r"[0-9]+", wanted)
    same = [version for version in package.versions if major and version.partition(".")[0] == major[0]]
    there = same or package.versions
    releases = [version for version in there if "-" not in version]
    near = ", ".join(ascending(there if "-" in wanted else releases or there)[-_SUGGESTED:])
    tags = ", ".join(sorted(package.tags)[:_SUGGESTED])
    facts = [f"it has {excerpt(near)}"] if near else []
    facts += [f"its tags are {excerpt(tags)}"] if tags and not major else []
    message = f"the registry has no {package.name}@{excerpt(wanted)}"
    problem = Problem("version-not-found", message, package.registry.address.shown, hint="; ".join(facts))
    return ConfigurationError([problem])


def _strongest(integrity: str) -> str:
    return " ".join(str(expression) for expression in strongest(parse_metadata(integrity)))


LATEST = "latest"


def choose(requirement: str, package: Packument) -> str:
    """Return the exact version that a requirement means; raise ConfigurationError if there is none.

    An exact version is that one, a tag the one it names, `""` the tag `latest`. Of a range: what `latest` names if it
    satisfies and isn't deprecated; else the highest that isn't deprecated, one without a prerelease before one with;
    else the highest of the deprecated ones, of which `deprecation` warns.
    """
    if is_exact_version(requirement):
        found = requirement if requirement in package.versions else None
    elif requirement and not is_range(requirement):
        tagged = package.tags.get(requirement)
        found = tagged if tagged in package.versions else None
    else:
        found = _latest(requirement, package) or _highest(requirement or "*", package)
    if found is None:
        raise version_not_found(package, requirement or LATEST)
    return found


def deprecation(version: str, package: Packument) -> Problem | None:
    """Warn of a version that is deprecated; the words are those of whoever publishes the package."""
    why = package.deprecated(version)
    if not why:
        return None
    hint = f"choose another version of {package.name}, or another library"
    message = f"{package.name}@{version} is deprecated"
    return Problem("version-deprecated", message, package.registry.address.shown, excerpt(why), hint, warning=True)


def _latest(requirement: str, package: Packument) -> str | None:
    latest = package.tags.get(LATEST)
    if latest is None or latest not in package.versions:
        return None
    if not requirement:
        return latest
    # npm: `*` lets even a prerelease in, where `latest` names it.
    satisfies = requirement.strip() == "*" or best(requirement, [latest]) == latest
    return latest if satisfies and not package.deprecated(latest) else None


def _highest(requirement: str, package: Packument) -> str | None:
    sound = [version for version in package.versions if not package.deprecated(version)]
    releases = [version for version in sound if "-" not in version]
    return best(requirement, releases) or best(requirement, sound) or best(requirement, package.versions)
