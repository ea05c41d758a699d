"""The catalog: logical path → asset → representations, as a release holds it."""

from __future__ import annotations

from collections.abc import Container, Mapping
from hashlib import sha256
from typing import Literal

import msgspec
from msgspec.structs import replace

from cdnserve.manifest.model import Rule, Site
from cdnserve.rules.charsets import Form
from cdnserve.rules.media_types import media_type

Coding = Literal["identity", "br", "gzip", "zstd"]

SCHEMA = 2


class CatalogDamageError(Exception):
    """The octets are no whole catalog."""


class CatalogSchemaError(Exception):
    """The catalog has a schema that this program does not know; its only argument says which."""


class Representation(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """The bytes of an asset under one content coding; `sha256` (32 octets) names the blob."""

    coding: Coding
    size: int
    sha256: bytes


class Asset(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """One public file; digests are raw octets of the bytes without a content coding.

    `rule` is the index of the rule that published it; `representations` has identity first, then the
    content codings from small to large; `last_modified` is in seconds since 1970, where it is reproducible. `form` is
    that of the octets, `None` in a release of a time when nobody looked; `declared` says that they declare an encoding
    other than UTF-8. A file that is coded by nature has one representation: its octets, under that coding.
    """

    rule: int
    sha384: bytes
    sha512: bytes
    representations: tuple[Representation, ...]
    last_modified: int | None = None
    form: Form | None = None
    declared: bool = False

    @property
    def identity(self) -> Representation:
        """The representation by the file's own octets: without a content coding, unless it is coded by nature."""
        return self.representations[0]

    @property
    def is_coded(self) -> bool:
        """Whether the file's own octets are under a content coding."""
        return self.identity.coding != "identity"

    def media_type(self, path: str) -> str:
        """Return the Content-Type of the asset under its logical path."""
        return media_type(path, self.form, declared=self.declared)


class Entries(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """What a package.json names for whoever asks for no file: paths in the package, `""` where it names none.

    `exports` is what that field gives unpkg. Nothing says that such a file exists, or is public.
    """

    jsdelivr: str = ""
    unpkg: str = ""
    browser: str = ""
    main: str = ""
    style: str = ""
    exports: str = ""


class Catalog(msgspec.Struct, frozen=True):
    """All that a release publishes; `assets` is keyed by logical path (no leading slash), sorted.

    `packages` is keyed by the folder of each hosted library that has a package.json, public or not.
    """

    schema: int
    number: int
    site: Site
    rules: tuple[Rule, ...]
    assets: dict[str, Asset]
    packages: dict[str, Entries] = msgspec.field(default_factory=dict)

    def without_codings(self) -> Catalog:
        """Return the release without number and codings: equal for the two stages of a build."""
        plain = {path: replace(asset, representations=(asset.identity,)) for path, asset in self.assets.items()}
        return replace(self, number=0, assets=plain)

    def blobs(self) -> set[str]:
        """Return the names of the blobs of all representations, in hexadecimal."""
        return {item.sha256.hex() for asset in self.assets.values() for item in asset.representations}

    def lacking(self, there: Mapping[str, int], coded: Container[str]) -> tuple[str, ...]:
        """Return the logical paths of assets that lack a blob, or have one of another size.

        The blobs that are `there` are given by name, with their sizes; those of the `coded` ones say nothing.
        """

        def is_lacking(item: Representation) -> bool:
            name = item.sha256.hex()
            return there.get(name) != item.size and name not in coded

        return tuple(path for path, asset in self.assets.items() if any(map(is_lacking, asset.representations)))


class _Envelope(msgspec.Struct, frozen=True, array_like=True):
    """A catalog as a file: the schema comes first in every version, then the sha256 of `body`."""

    schema: int
    sha256: bytes
    body: bytes


class _Schema(msgspec.Struct, frozen=True, array_like=True):
    schema: int


def encode(catalog: Catalog) -> bytes:
    """Write a catalog as MessagePack, with the digest that proves it whole."""
    body = msgspec.msgpack.encode(catalog)
    return msgspec.msgpack.encode(_Envelope(catalog.schema, sha256(body).digest(), body))


def decode(octets: bytes) -> Catalog:
    """Read what `encode` wrote; raises `CatalogDamageError` or `CatalogSchemaError`."""
    try:
        schema = msgspec.msgpack.decode(octets, type=_Schema).schema
        if schema != SCHEMA:
            raise CatalogSchemaError(schema)
        envelope = msgspec.msgpack.decode(octets, type=_Envelope)
        if sha256(envelope.body).digest() != envelope.sha256:
            raise CatalogDamageError
        return msgspec.msgpack.decode(envelope.body, type=Catalog)
    except msgspec.DecodeError as error:  # truncated, not MessagePack, or of another shape
        raise CatalogDamageError from error
