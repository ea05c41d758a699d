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
from cdnserve.libraries import signatures
from cdnserve.libraries.address import Address
from cdnserve.libraries.cache import Begun, Cache
from cdnserve.libraries.client import Wanted
from cdnserve.libraries.documents import refused
from cdnserve.libraries.metadata import Published
from cdnserve.libraries.orders import Order
from cdnserve.libraries.receiving import Measured
from cdnserve.libraries.tarball import satisfies
from cdnserve.libraries.workshop import Workshop

_IN_MEMORY = 2**23


@dataclass(frozen=True, slots=True)
class Prepared:
    """An order, what the registry says of it if that was asked, and what is to be told about it."""

    order: Order
    published: Published | None = None
    warnings: tuple[Problem, ...] = ()

    @property
    def demands(self) -> tuple[str, ...]:
        """What the tarball must satisfy, each one: integrity metadata of the registry and of the lock."""
        said = self.published.integrity if self.published else ""
        return tuple(filter(None, (said, self.order.locked)))


@dataclass(frozen=True, slots=True)
class Fetched:
    """A tarball that was verified, and its integrity."""

    file: BinaryIO
    integrity: str


def prepare(order: Order, workshop: Workshop) -> Prepared:
    """Ask what is needed before a tarball: of a first download, its integrity and signatures; else nothing.

    What the lock has an integrity for needs no signature: that was checked when it was locked.
    """
    if not order.is_first:
        return Prepared(order)
    package = workshop.package(order.spec.name)
    published = package.published(order.spec.version)
    if not published.integrity:
        hint = "choose a version that was published with sha256, sha384 or sha512 integrity"
        message = f"{order.spec}: the registry gives no integrity that can be relied on"
        raise ConfigurationError([Problem("integrity-missing", message, hint=hint)])
    warnings = [_plain_http(published)] if not published.registry.address.is_private else []
    if not order.locked:
        warning = signatures.check(package, published, workshop.keys(published.registry))
        warnings += [warning] if warning else []
    return Prepared(order, published, tuple(warnings))


@contextlib.contextmanager
def fetch(prepared: Prepared, folder: Path, workshop: Workshop) -> Iterator[Fetched]:
    """Give the tarball, verified, while the block runs; raise ConfigurationError if there is none that is right.

    `folder` is for what is too large for memory.
    """
    with tempfile.SpooledTemporaryFile(_IN_MEMORY, dir=str(folder)) as temporary:
        spool = cast(BinaryIO, temporary)
        copy = Measured(spool, prepared.demands)
        if workshop.cache and workshop.cache.copy(prepared.demands[0], copy) and not _flaw(prepared, copy):
            _tell(prepared, copy, workshop)
            yield Fetched(spool, _integrity(prepared, copy))
            return
        with _begun(prepared, workshop) as begun:
            sink = _into_cache(prepared, begun, workshop.cache, workshop) if begun and workshop.cache else None
            if sink is None:
                sink = copy
                _download(prepared, copy, workshop)
            yield Fetched(sink.file, _integrity(prepared, sink))


@contextlib.contextmanager
def _begun(prepared: Prepared, workshop: Workshop) -> Iterator[Begun | None]:
    if workshop.cache is None:
        yield None
        return
    with workshop.cache.begun(prepared.demands[0]) as begun:
        yield begun


def _into_cache(prepared: Prepared, begun: Begun, cache: Cache, workshop: Workshop) -> Measured | None:
    """Download into the cache; give nothing where there is no room, which must not keep anybody from a library."""
    try:
        sink = Measured(begun.file, prepared.demands, begun.validator, begun.note)
        _download(prepared, sink, workshop)
        sink.file.flush()
    except OSError:
        begun.discard()
        return None
    cache.keep(begun, sink.expression(prepared.demands[0]))
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
    spec, published, locked = prepared.order.spec, prepared.published, prepared.order.locked
    if published and not satisfies(got := sink.expression(published.integrity), published.integrity):
        message = f"{spec}: the tarball is not what the registry's integrity says; nothing was unpacked"
        return Problem("integrity-mismatch", message, "", f"expected {published.integrity}, got {got}")
    if locked and not satisfies(got := sink.expression(locked), locked):
        message = f"{spec}: the tarball is not the one that manifest.lock records; nothing was unpacked"
        hint = "the registry gives other bytes than before: find out why before you remove the entry from manifest.lock"
        return Problem("lock-mismatch", message, "", f"expected {locked}, got {got}", hint)
    return None


def _integrity(prepared: Prepared, sink: Measured) -> str:
    return prepared.order.locked or sink.expression(prepared.demands[0])


def _tell(prepared: Prepared, copy: Measured, workshop: Workshop) -> None:
    library = str(prepared.order.spec)
    workshop.progress.begin(library, copy.size)
    workshop.progress.advance(library, copy.size)


def _plain_http(published: Published) -> Problem:
    message = "the registry is not reached by https: whoever is on the way could have changed what came"
    where = published.registry.address.shown
    return Problem("registry-plain-http", message, where, hint="use its https address", warning=True)
