"""The libraries of one command: found, and their tarballs verified and unpacked, from the cache or their registries.

Never unpacks a tarball that was not verified as a whole: by the lock, or by what the registry says and signs.
"""

from __future__ import annotations

import contextlib
import tempfile
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Generic, TypeVar, cast

from cdnserve.errors import ConfigurationError, Problem, Problems
from cdnserve.manifest.files import LOCK, MANIFEST
from cdnserve.manifest.lock import LockedModules
from cdnserve.manifest.model import is_kept, is_named
from cdnserve.npm import signatures
from cdnserve.npm.cache import Begun, TarballCache, cache_folder
from cdnserve.npm.download import Download, DownloadProgress, Measured, RegistryClient, Silent
from cdnserve.npm.package import Packument, Published, find_package, refused
from cdnserve.npm.registry import HttpUrl, Registry, find_registry, http_client
from cdnserve.npm.settings import NpmSettings, ask_npm, read_configuration
from cdnserve.npm.signatures import Keys, find_keys
from cdnserve.npm.spec import PinnedPackage
from cdnserve.npm.transaction import Placement
from cdnserve.npm.unpack import UnpackedTarball, unpack
from cdnserve.rules.integrity import satisfies

Question = TypeVar("Question")
Answer = TypeVar("Answer")
Item = TypeVar("Item")
Result = TypeVar("Result")


class Once(Generic[Question, Answer]):
    """Asks each question once; threads that ask it meanwhile wait, and get the same answer or error."""

    def __init__(self, ask: Callable[[Question], Answer]) -> None:
        self._ask = ask
        self._lock = threading.Lock()
        self._answers: dict[Question, Future[Answer]] = {}

    def __call__(self, question: Question) -> Answer:
        """Return the answer."""
        with self._lock:
            is_first = question not in self._answers
            answer = self._answers.setdefault(question, Future())
        if is_first:
            try:
                answer.set_result(self._ask(question))
            except BaseException as error:
                answer.set_exception(error)
        return answer.result()


class Session:
    """One command's conversation with its registries, from several threads at once; each question is asked once.

    `known` are names that are hosted, which another one may have been meant as.
    """

    def __init__(
        self, settings: NpmSettings, progress: DownloadProgress | None = None, known: Iterable[str] = ()
    ) -> None:
        configuration = read_configuration(settings)
        npm = Once[str, str](lambda key: ask_npm(key, settings))
        folder = cache_folder(settings)
        self.settings = settings
        self._known = tuple(known)
        self.progress = progress or Silent()
        self.cache = TarballCache(folder, settings.limits.tarball) if folder else None
        self._http = http_client(settings, configuration)
        self.client = RegistryClient(self._http, settings)
        self._registry = Once[str, Registry](lambda name: find_registry(name, settings, configuration, npm))
        self._package = Once[str, Packument](self._find_package)
        self._keys = Once[HttpUrl, Keys](lambda address: find_keys(Registry(address, configuration), self.client))

    def __enter__(self) -> Session:
        """Begin."""
        return self

    def __exit__(self, *error: object) -> None:
        """Close every connection."""
        self._http.close()

    def stop(self) -> None:
        """Call everything off."""
        self.client.stop()

    def require_going(self) -> None:
        """Raise `StoppedError` once everything was called off."""
        self.client.require_going()

    def registry(self, name: str) -> Registry:
        """Return the registry of a package."""
        return self._registry(name)

    def package(self, name: str) -> Packument:
        """Return what the registry says of a package."""
        return self._package(name)

    def keys(self, registry: Registry) -> Keys:
        """Return the keys that a registry signs with."""
        return self._keys(registry.address)

    def all_at_once(self, work: Callable[[Item], Result], items: Sequence[Item]) -> list[Result]:
        """Return the results of some work on each item, in their order; raise the problems of all of them together."""
        with ThreadPoolExecutor(self.settings.limits.at_once, "libraries") as threads:
            futures = [threads.submit(work, item) for item in items]
            try:
                wait(futures)
            except BaseException:
                # An interruption: the threads must not go on downloading while we leave.
                self.stop()
                threads.shutdown(cancel_futures=True)
                raise
        errors = [future.exception() for future in futures]
        Problems(p for error in errors if isinstance(error, ConfigurationError) for p in error.problems).raise_errors()
        return [future.result() for future in futures]

    def _find_package(self, name: str) -> Packument:
        limit = self.settings.limits.metadata
        return find_package(name, self.registry(name), self.client, limit, self.progress, self._known)


@dataclass(frozen=True, slots=True)
class Order:
    """One library that is wanted; `files` are globs of what is kept, empty for all.

    `locked` is the integrity that the lock demands. Where it is `""` the registry's counts, and its signatures do.
    An `own` build is in no registry.
    """

    spec: PinnedPackage
    files: tuple[str, ...]
    locked: str
    own: bool = False


_IN_MEMORY = 2**23
_DAMAGED = "try again; if it stays, tell the registry's owner"


@dataclass(frozen=True, slots=True)
class PreparedOrder:
    """An order, what the registry says of it if that was asked, and what is to be told about it."""

    order: Order
    published: Published | None = None
    warnings: tuple[Problem, ...] = ()

    @property
    def integrity(self) -> str:
        """The integrity metadata that the tarball must satisfy."""
        return self.published.integrity if self.published else self.order.locked


@dataclass(frozen=True, slots=True)
class VerifiedTarball:
    """A tarball that was verified, and its integrity."""

    file: BinaryIO
    integrity: str


def _prepared(order: Order, session: Session) -> PreparedOrder:
    """Ask what is needed before a tarball: its integrity and signatures, or nothing.

    What the lock has an integrity for needs neither: they were checked when it was locked.
    """
    if order.locked:
        return PreparedOrder(order)
    package = session.package(order.spec.name)
    published = package.published(order.spec.version)
    if not published.integrity:
        hint = "choose a version that was published with sha256, sha384 or sha512 integrity"
        message = f"{order.spec}: the registry gives no integrity that can be relied on"
        raise ConfigurationError([Problem("integrity-missing", message, hint=hint)])
    is_open = not published.registry.address.is_private
    unsigned = signatures.check(package, published, session.keys(published.registry))
    warnings = (_plain_http(published) if is_open else None, unsigned)
    return PreparedOrder(order, published, tuple(warning for warning in warnings if warning))


@contextlib.contextmanager
def fetch(prepared: PreparedOrder, folder: Path, session: Session) -> Iterator[VerifiedTarball]:
    """Yield the tarball, verified, while the block runs; raise ConfigurationError if there is none that is right.

    `folder` is for what is too large for memory.
    """
    with tempfile.SpooledTemporaryFile(_IN_MEMORY, dir=str(folder)) as temporary:
        spool = cast(BinaryIO, temporary)
        copy = Measured(spool, prepared.integrity)
        if session.cache and session.cache.copy(prepared.integrity, copy):
            _tell(prepared, copy, session)
            yield VerifiedTarball(spool, _integrity(prepared, copy))
            return
        nowhere = contextlib.nullcontext[Begun | None](None)
        with session.cache.begun(prepared.integrity) if session.cache else nowhere as begun:
            sink = _into_cache(prepared, begun, session.cache, session) if begun and session.cache else None
            if sink is None:
                sink = copy
                _download(prepared, copy, session)
            yield VerifiedTarball(sink.file, _integrity(prepared, sink))


def _into_cache(prepared: PreparedOrder, begun: Begun, cache: TarballCache, session: Session) -> Measured | None:
    """Download into the cache; give nothing where there is no room, which must not keep anybody from a library."""
    try:
        sink = Measured(begun.file, prepared.integrity, begun.validator, begun.note)
        _download(prepared, sink, session)
        sink.file.flush()
    except OSError:
        begun.discard()
        return None
    cache.keep(begun, sink.expression)
    return sink


def _download(prepared: PreparedOrder, sink: Measured, session: Session) -> None:
    problems: tuple[Problem, ...] = ()
    for address in _addresses(prepared, session):
        problems = _attempt(prepared, address, sink, session)
        if not problems:
            return
    raise ConfigurationError(problems)


def _addresses(prepared: PreparedOrder, session: Session) -> Iterator[HttpUrl]:
    """Yield the addresses to try; what the lock knows needs no document, unless it is not in its usual place."""
    published, spec = prepared.published, prepared.order.spec
    usual: HttpUrl | None = None
    if published is None:
        usual = session.registry(spec.name).usual(spec)
        yield usual
        published = session.package(spec.name).published(spec.version)
    yield from (address for address in published.tarballs if address != usual)


def _attempt(prepared: PreparedOrder, address: HttpUrl, sink: Measured, session: Session) -> tuple[Problem, ...]:
    spec, limit = prepared.order.spec, session.settings.limits.tarball
    registry = session.registry(spec.name)
    what, library = f"the tarball of {spec}", str(spec)
    wanted = Download(what, address, registry, limit, progress=session.progress, label=library)
    received = session.client.fetch(wanted, sink)
    if received.was_continued and _flaw(prepared, sink):
        # The parts did not belong together: once more, the whole.
        sink.restart("")
        received = session.client.fetch(wanted, sink)
    if received.status != 200:
        return refused(spec, registry, received.status).problems
    flaw = _flaw(prepared, sink)
    if flaw is None:
        return ()
    sink.restart("")
    if prepared.published:
        raise ConfigurationError([flaw])
    return (flaw,)


def _flaw(prepared: PreparedOrder, sink: Measured) -> Problem | None:
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


def _integrity(prepared: PreparedOrder, sink: Measured) -> str:
    return prepared.order.locked or sink.expression


def _tell(prepared: PreparedOrder, copy: Measured, session: Session) -> None:
    library = str(prepared.order.spec)
    session.progress.begin(library, copy.size)
    session.progress.advance(library, copy.size)


def _plain_http(published: Published) -> Problem:
    message = "the registry is not reached by https: whoever is on the way could have changed what came"
    where = published.registry.address.shown
    return Problem("registry-plain-http", message, where, hint="use its https address", warning=True)


@dataclass(frozen=True, slots=True)
class StagedLibrary:
    """A library that lies ready; `integrity` is what its tarball was verified against.

    Several libraries may bring the same warning (of their registry). `esm` says how ES modules were made of it.
    """

    order: Order
    placement: Placement
    unpacked: UnpackedTarball
    integrity: str
    warnings: tuple[Problem, ...] = ()
    esm: LockedModules | None = None

    def source(self, path: str) -> bytes:
        """Return the content of one of its files."""
        return (self.placement.folder / path).read_bytes()


def find(names: Sequence[str], session: Session) -> tuple[Packument, ...]:
    """Return what the registry says of each package, in this order; raise the problems of all of them together."""
    return tuple(session.all_at_once(session.package, names))


def prepare(orders: Sequence[Order], session: Session) -> tuple[PreparedOrder, ...]:
    """Return what each tarball must be; raise the problems of all of them together, before the first is fetched."""
    return tuple(session.all_at_once(lambda order: _prepared(order, session), orders))


def stage(prepared: Sequence[PreparedOrder], folder: Path, session: Session) -> tuple[StagedLibrary, ...]:
    """Fetch each tarball, verify it, and unpack it into a new folder; raise the problems of all of them together."""
    return tuple(session.all_at_once(lambda one: _staged(one, folder, session), prepared))


def _staged(prepared: PreparedOrder, folder: Path, session: Session) -> StagedLibrary:
    order = prepared.order
    place = folder / order.spec.folder
    place.mkdir(parents=True)

    def keep(path: str) -> bool:
        # An interruption must not wait until thousands of files are written.
        session.require_going()
        return is_kept(path, order.files)

    with fetch(prepared, folder, session) as fetched:
        unpacked = unpack(fetched.file, place, order.spec, keep, session.settings.limits)
    require_kept(unpacked, order)
    session.progress.finish(str(order.spec))
    placement = Placement(order.spec, place, len(unpacked.files))
    return StagedLibrary(order, placement, unpacked, fetched.integrity, prepared.warnings)


def require_kept(unpacked: UnpackedTarball, order: Order) -> None:
    """Raise ConfigurationError where a package has no file, or the globs of an order name none."""
    if not order.files and not unpacked.files:
        raise ConfigurationError([Problem("library-files", "there is no file in it", str(order.spec))])
    if not any(is_named(path, order.files) for path in unpacked.files):
        message = f"{order.spec}: no file of the package is kept"
        hint = "correct the globs: they are relative to the package's folder"
        raise ConfigurationError([Problem("library-files", message, MANIFEST, " ".join(order.files), hint)])
