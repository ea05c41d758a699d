"""One library's tarball: out of the cache or from its registry, and exactly what the lock and the registry demand.

Never gives a tarball that was not verified as a whole.
"""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, cast

from cdnserve.errors import ConfigurationError, Problem
from cdnserve.libraries.archives.tarball import satisfies
from cdnserve.libraries.downloads.cache import Begun, Cache
from cdnserve.libraries.downloads.orders import Order
from cdnserve.libraries.downloads.workshop import Workshop
from cdnserve.libraries.registries import signatures
from cdnserve.libraries.registries.address import Address
from cdnserve.libraries.registries.client import Wanted
from cdnserve.libraries.registries.documents import refused
from cdnserve.libraries.registries.metadata import Published
from cdnserve.libraries.registries.receiving import Measured
from cdnserve.manifest.governing import LOCK

_IN_MEMORY = 2**23
_DAMAGED = "try again; if it stays, tell the registry's owner"


@dataclass(frozen=True, slots=True)
class Prepared:
    """An order, what the registry says of it if that was asked, and what is to be told about it."""

    order: Order
    published: Published | None = None
    warnings: tuple[Problem, ...] = ()

    @property
    def integrity(self) -> str:
        """The integrity metadata that the tarball must satisfy."""
        return self.published.integrity if self.published else self.order.locked


@dataclass(frozen=True, slots=True)
class Fetched:
    """A tarball that was verified, and its integrity."""

    file: BinaryIO
    integrity: str


def prepare(order: Order, workshop: Workshop) -> Prepared:
    """Ask what is needed before a tarball: its integrity and signatures, or nothing.

    What the lock has an integrity for needs neither: they were checked when it was locked.
    """
    if order.locked:
        return Prepared(order)
    package = workshop.package(order.spec.name)
    published = package.published(order.spec.version)
    if not published.integrity:
        hint = "choose a version that was published with sha256, sha384 or sha512 integrity"
        message = f"{order.spec}: the registry gives no integrity that can be relied on"
        raise ConfigurationError([Problem("integrity-missing", message, hint=hint)])
    is_open = not published.registry.address.is_private
    unsigned = signatures.check(package, published, workshop.keys(published.registry))
    warnings = (_plain_http(published) if is_open else None, unsigned)
    return Prepared(order, published, tuple(warning for warning in warnings if warning))


@contextlib.contextmanager
def fetch(prepared: Prepared, folder: Path, workshop: Workshop) -> Iterator[Fetched]:
    """Give the tarball, verified, while the block runs; raise ConfigurationError if there is none that is right.

    `folder` is for what is too large for memory.
    """
    with tempfile.SpooledTemporaryFile(_IN_MEMORY, dir=str(folder)) as temporary:
        spool = cast(BinaryIO, temporary)
        copy = Measured(spool, prepared.integrity)
        if workshop.cache and workshop.cache.copy(prepared.integrity, copy):
            _tell(prepared, copy, workshop)
            yield Fetched(spool, _integrity(prepared, copy))
            return
        nowhere = contextlib.nullcontext[Begun | None](None)
        with workshop.cache.begun(prepared.integrity) if workshop.cache else nowhere as begun:
            sink = _into_cache(prepared, begun, workshop.cache, workshop) if begun and workshop.cache else None
            if sink is None:
                sink = copy
                _download(prepared, copy, workshop)
            yield Fetched(sink.file, _integrity(prepared, sink))


def _into_cache(prepared: Prepared, begun: Begun, cache: Cache, workshop: Workshop) -> Measured | None:
    """Download into the cache; give nothing where there is no room, which must not keep anybody from a library."""
    try:
        sink = Measured(begun.file, prepared.integrity, begun.validator, begun.note)
        _download(prepared, sink, workshop)
        sink.file.flush()
    except OSError:
        begun.discard()
        return None
    cache.keep(begun, sink.expression)
    return sink


def _download(prepared: Prepared, sink: Measured, workshop: Workshop) -> None:
    problems: tuple[Problem, ...] = ()
    for address in _addresses(prepared, workshop):
        problems = _attempt(prepared, address, sink, workshop)
        if not problems:
            return
    raise ConfigurationError(problems)


def _addresses(prepared: Prepared, workshop: Workshop) -> Iterator[Address]:
    """Give the addresses to try; what the lock knows needs no document, unless it is not in its usual place."""
    published, spec = prepared.published, prepared.order.spec
    usual: Address | None = None
    if published is None:
        usual = workshop.registry(spec.name).usual(spec)
        yield usual
        published = workshop.package(spec.name).published(spec.version)
    yield from (address for address in published.tarballs if address != usual)


def _attempt(prepared: Prepared, address: Address, sink: Measured, workshop: Workshop) -> tuple[Problem, ...]:
    spec, limit = prepared.order.spec, workshop.settings.limits.tarball
    registry = workshop.registry(spec.name)
    what, library = f"the tarball of {spec}", str(spec)
    wanted = Wanted(what, address, registry, limit, progress=workshop.progress, label=library)
    received = workshop.client.fetch(wanted, sink)
    if received.was_continued and _flaw(prepared, sink):
        # The parts did not belong together: once more, the whole.
        sink.restart("")
        received = workshop.client.fetch(wanted, sink)
    if received.status != 200:
        return refused(spec, registry, received.status).problems
    flaw = _flaw(prepared, sink)
    if flaw is None:
        return ()
    sink.restart("")
    if prepared.published:
        raise ConfigurationError([flaw])
    return (flaw,)


def _flaw(prepared: Prepared, sink: Measured) -> Problem | None:
    spec, expected = prepared.order.spec, prepared.integrity
    got = sink.expression
    if satisfies(got, expected):
        return None
    value = f"expected {expected}, got {got}"
    if prepared.published:
        message = f"{spec}: the tarball is not what the registry's integrity says; nothing was unpacked"
        return Problem("integrity-mismatch", message, "", value, _DAMAGED)
    message = f"{spec}: the tarball is not the one that {LOCK} records; nothing was unpacked"
    hint = f"the registry gives other bytes than before: find out why before you remove the entry from {LOCK}"
    return Problem("lock-mismatch", message, "", value, hint)


def _integrity(prepared: Prepared, sink: Measured) -> str:
    return prepared.order.locked or sink.expression


def _tell(prepared: Prepared, copy: Measured, workshop: Workshop) -> None:
    library = str(prepared.order.spec)
    workshop.progress.begin(library, copy.size)
    workshop.progress.advance(library, copy.size)


def _plain_http(published: Published) -> Problem:
    message = "the registry is not reached by https: whoever is on the way could have changed what came"
    where = published.registry.address.shown
    return Problem("registry-plain-http", message, where, hint="use its https address", warning=True)
