"""The catalog: small in memory, and read back as it was written or not at all."""

from __future__ import annotations

import tracemalloc
from hashlib import sha256

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cdnserve.manifest.model import Rule, Site
from cdnserve.release.catalog import (
    SCHEMA,
    Asset,
    Catalog,
    CatalogDamageError,
    CatalogSchemaError,
    Coding,
    Representation,
    decode,
    encode,
)
from cdnserve.rules.caching import IMMUTABLE
from cdnserve.rules.cors import ANY

RULE = Rule(("npm/**",), (), ANY, IMMUTABLE, "sandbox", 2)
CODINGS: tuple[Coding, ...] = ("identity", "br", "zstd", "gzip")


def catalog(count: int = 1) -> Catalog:
    assets = {}
    for number in range(count):
        digest = sha256(b"%d" % number).digest()
        representations = tuple(
            Representation(coding, 10_000 + number, bytes(32 - 1) + digest[:1]) for coding in CODINGS
        )
        path = f"npm/library{number % 100}@1.0.0/dist/folder/file{number}.min.js"
        assets[path] = Asset(0, digest + digest[:16], digest + digest, representations, 1_700_000_000 + number)
    return Catalog(SCHEMA, 7, Site("name", "https://cdn.example.com"), (RULE,), assets)


def test_a_catalog_is_read_as_it_was_written() -> None:
    assert catalog(3) == decode(encode(catalog(3)))


def test_the_identity_comes_first() -> None:
    asset = next(iter(catalog().assets.values()))
    assert "identity" == asset.identity.coding


def test_a_truncated_catalog_is_damaged() -> None:
    octets = encode(catalog())
    for length in range(len(octets)):
        with pytest.raises(CatalogDamageError):
            decode(octets[:length])


def test_a_catalog_with_any_octet_changed_is_refused() -> None:
    octets = encode(catalog())
    for at in range(len(octets)):
        with pytest.raises((CatalogDamageError, CatalogSchemaError)):
            decode(octets[:at] + bytes([octets[at] ^ 0x01]) + octets[at + 1 :])


@given(st.binary())
def test_anything_else_is_refused(octets: bytes) -> None:
    with pytest.raises((CatalogDamageError, CatalogSchemaError)):
        decode(octets)


def test_another_schema_is_known_as_such_whatever_follows_it() -> None:
    for other in (SCHEMA - 1, SCHEMA + 1):
        for later in ([other], [other, "anything"], [other, b"", b"", 5]):
            with pytest.raises(CatalogSchemaError, match=str(other)):
                decode(msgspec.msgpack.encode(later))


def test_a_body_of_another_shape_is_damaged() -> None:
    body = msgspec.msgpack.encode({"schema": SCHEMA})
    with pytest.raises(CatalogDamageError):
        decode(msgspec.msgpack.encode([SCHEMA, sha256(body).digest(), body]))


def test_an_asset_takes_less_than_2_kilobytes_of_memory() -> None:
    octets = encode(catalog(2_000))
    tracemalloc.start()
    try:
        loaded = decode(octets)
        used = tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()
    assert used / len(loaded.assets) < 2_000
