"""Several libraries at once: found, fetched, verified, unpacked; from the registry or from the cache."""

from __future__ import annotations

import contextlib
import dataclasses
import errno
import io
import json
import os
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor, wait
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from cdnserve.errors import ConfigurationError
from cdnserve.npm import fetch as module
from cdnserve.npm.cache import Begun, TarballCache
from cdnserve.npm.download import DownloadProgress, Silent, StoppedError
from cdnserve.npm.fetch import Once, Order, Session, StagedLibrary, find, prepare, stage
from cdnserve.npm.spec import PinnedPackage
from tests.npm.registry import QUICK, Answer, LocalRegistry, listed_key, packed, settings_for, sha512, signature

X, Y = PinnedPackage("x", "1.0.0"), PinnedPackage("@s/y", "2.0.0")
PACKAGE = packed({"a.js": "let a", "package.json": "{}"})
KEY = ec.generate_private_key(ec.SECP256R1())
TARBALL = "/x/-/x-1.0.0.tgz"


def first(spec: PinnedPackage = X) -> Order:
    return Order(spec, (), "")


def again(spec: PinnedPackage = X, locked: str = sha512(PACKAGE)) -> Order:
    return Order(spec, (), locked)


class Gathering:
    """Gathers into a new folder each time, as one command after the other."""

    def __init__(self, tmp_path: Path, registry: LocalRegistry) -> None:
        self.settings = settings_for(tmp_path, registry.url)
        self._folder = tmp_path
        self._times = 0

    def __call__(self, *orders: Order, progress: DownloadProgress | None = None) -> tuple[StagedLibrary, ...]:
        self._times += 1
        folder = self._folder / f"incoming{self._times}"
        folder.mkdir()
        with Session(self.settings, progress) as session:
            return stage(prepare(orders, session), folder, session)

    def refused(self, *orders: Order) -> list[str]:
        with pytest.raises(ConfigurationError) as raised:
            self(*orders)
        written = [path for path in (self._folder / f"incoming{self._times}").rglob("*") if path.is_file()]
        assert [] == written
        return [problem.reference for problem in raised.value.problems]


@pytest.fixture
def gathering(tmp_path: Path, registry: LocalRegistry) -> Gathering:
    return Gathering(tmp_path, registry)


def _files(gathered: StagedLibrary) -> dict[str, bytes]:
    folder = gathered.placement.folder
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_several_are_gathered(gathering: Gathering, registry: LocalRegistry) -> None:
    registry.publish("x", "1.0.0", PACKAGE)
    other = registry.publish("@s/y", "2.0.0", packed({"y.js": "let y"}))
    one, two = gathering(first(X), first(Y))
    assert ({"a.js": b"let a", "package.json": b"{}"}, {"y.js": b"let y"}) == (_files(one), _files(two))
    assert (sha512(PACKAGE), other) == (one.integrity, two.integrity)
    assert () == one.warnings


def test_a_document_is_fetched_once_for_all_its_versions(gathering: Gathering, registry: LocalRegistry) -> None:
    registry.publish("x", "1.0.0", PACKAGE)
    registry.publish("x", "1.1.0", packed({"a.js": "let b"}))
    gathering(first(X), first(PinnedPackage("x", "1.1.0")))
    assert 1 == registry.paths().count("/x")
    assert 1 == registry.paths().count("/-/npm/v1/keys")


def test_what_was_found_is_not_asked_for_again(gathering: Gathering, registry: LocalRegistry) -> None:
    registry.publish("x", "1.0.0", PACKAGE)
    with Session(gathering.settings) as session:
        assert ["x"] == [package.name for package in find(["x"], session)]
        assert ["/x"] == registry.paths()
        prepare([first()], session)
    assert 1 == registry.paths().count("/x")


def test_all_that_is_not_found_is_told_together(gathering: Gathering, registry: LocalRegistry) -> None:
    registry.publish("x", "1.0.0", PACKAGE)
    with pytest.raises(ConfigurationError) as raised, Session(gathering.settings) as session:
        find(["x", "y", "z"], session)
    assert ["the registry has no y", "the registry has no z"] == [problem.message for problem in raised.value.problems]


def test_one_problem_of_two_orders_is_told_once(gathering: Gathering, registry: LocalRegistry) -> None:
    assert ["library-not-found"] == gathering.refused(first(X), first(PinnedPackage("x", "1.1.0")))


def test_what_the_lock_knows_needs_no_document(gathering: Gathering, registry: LocalRegistry) -> None:
    registry.publish("x", "1.0.0", PACKAGE)
    (one,) = gathering(again())
    assert [TARBALL] == registry.paths()
    assert sha512(PACKAGE) == one.integrity


@pytest.mark.parametrize(
    "usual",
    [
        pytest.param(Answer(404), id="nothing in the usual place"),
        pytest.param(Answer(403), id="a refusal"),
        pytest.param(Answer(body=b"<html>"), id="something else"),
    ],
)
def test_a_tarball_elsewhere_is_found_by_the_document(
    gathering: Gathering, registry: LocalRegistry, usual: Answer
) -> None:
    registry.publish("x", "1.0.0", PACKAGE, tarball=f"{registry.url}files/1")
    registry.answer("/files/1", Answer(body=PACKAGE))
    registry.answer(TARBALL, usual)
    (one,) = gathering(again())
    assert [TARBALL, "/x", "/files/1"] == registry.paths()
    assert sha512(PACKAGE) == one.integrity


def test_other_bytes_than_the_lock_demands_are_refused(gathering: Gathering, registry: LocalRegistry) -> None:
    registry.publish("x", "1.0.0", packed({"a.js": "evil"}))
    assert ["lock-mismatch"] == gathering.refused(again())
    assert [TARBALL, "/x"] == registry.paths()


def test_what_is_locked_is_held_to_the_lock_and_not_to_the_registrys_word(
    gathering: Gathering, registry: LocalRegistry
) -> None:
    registry.publish("x", "1.0.0", PACKAGE, integrity=sha512(b"other"))
    assert ["integrity-mismatch"] == gathering.refused(first())
    (one,) = gathering(again())
    assert sha512(PACKAGE) == one.integrity


def test_an_interruption_ends_unpacking(
    gathering: Gathering, registry: LocalRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A package of many files must not keep whoever pressed a key waiting."""
    begun, prepared, stopped = threading.Event(), threading.Event(), threading.Event()

    def endless(
        _file: object, _folder: Path, _spec: PinnedPackage, keep: Callable[[str], bool], _limits: object
    ) -> None:
        patience = time.monotonic() + 60
        try:
            while keep("a.js") and time.monotonic() < patience:
                begun.set()
        except StoppedError:
            stopped.set()
            raise

    def interrupted(futures: Iterable[Future[object]]) -> None:
        if prepared.is_set():
            assert begun.wait(60)
            raise KeyboardInterrupt
        prepared.set()
        wait(futures)

    registry.publish("x", "1.0.0", PACKAGE)
    monkeypatch.setattr(module, "unpack", endless)
    monkeypatch.setattr(module, "wait", interrupted)
    with pytest.raises(KeyboardInterrupt):
        gathering(first())
    assert stopped.is_set()


def test_plain_http_is_warned_of(tmp_path: Path, registry: LocalRegistry) -> None:
    """This machine alone needs no https; a registry elsewhere is reached by a proxy here."""
    gathering = Gathering(tmp_path, registry)
    gathering.settings = settings_for(tmp_path, "http://npm.example/", {"HTTP_PROXY": registry.url})
    dist = {"integrity": sha512(PACKAGE), "tarball": f"http://npm.example{TARBALL}"}
    document = {"name": "x", "versions": {"1.0.0": {"name": "x", "version": "1.0.0", "dist": dist}}}
    registry.answer("http://npm.example/x", Answer(body=json.dumps(document).encode()))
    registry.answer(f"http://npm.example{TARBALL}", Answer(body=PACKAGE))
    (one,) = gathering(first())
    assert ["registry-plain-http"] == [warning.reference for warning in one.warnings]


def _sign(registry: LocalRegistry, *signatures: Mapping[str, str]) -> None:
    registry.publish("x", "1.0.0", PACKAGE, signatures=list(signatures))
    registry.answer("/-/npm/v1/keys", Answer(body=json.dumps({"keys": [listed_key(KEY)]}).encode()))


GOOD = signature(KEY, f"x@1.0.0:{sha512(PACKAGE)}")


def test_a_signature_is_checked(gathering: Gathering, registry: LocalRegistry) -> None:
    _sign(registry, GOOD)
    (one,) = gathering(first())
    assert () == one.warnings


def test_a_wrong_signature_stops_before_the_tarball(gathering: Gathering, registry: LocalRegistry) -> None:
    _sign(registry, {**GOOD, "sig": GOOD["sig"][::-1]})
    assert ["signature-wrong"] == gathering.refused(first())
    assert TARBALL not in registry.paths()


def test_an_absent_signature_is_told(gathering: Gathering, registry: LocalRegistry) -> None:
    _sign(registry)
    (one,) = gathering(first())
    assert ["signature-missing"] == [warning.reference for warning in one.warnings]


def test_what_is_locked_needs_no_signature_again(gathering: Gathering, registry: LocalRegistry) -> None:
    _sign(registry, {**GOOD, "sig": "c2ln"})
    (one,) = gathering(again())
    assert () == one.warnings
    assert "/-/npm/v1/keys" not in registry.paths()


def test_the_cache_needs_no_network(gathering: Gathering, registry: LocalRegistry) -> None:
    registry.publish("x", "1.0.0", PACKAGE)
    gathering(first())
    gathering.settings = dataclasses.replace(gathering.settings, registry="http://127.0.0.1:1/")
    (one,) = gathering(again())
    assert {"a.js": b"let a", "package.json": b"{}"} == _files(one)


def test_the_cache_needs_no_registry_at_all(gathering: Gathering, registry: LocalRegistry) -> None:
    registry.publish("x", "1.0.0", PACKAGE)
    gathering(first())
    gathering.settings = dataclasses.replace(gathering.settings, registry="")
    assert sha512(PACKAGE) == gathering(again())[0].integrity


def test_a_first_download_is_asked_for_and_not_fetched_twice(gathering: Gathering, registry: LocalRegistry) -> None:
    registry.publish("x", "1.0.0", PACKAGE)
    gathering(first())
    gathering(first())
    assert ["/x", "/-/npm/v1/keys", TARBALL, "/x", "/-/npm/v1/keys"] == registry.paths()


def test_the_cache_is_held_to_the_lock(gathering: Gathering, registry: LocalRegistry) -> None:
    """What is in the cache by the registry's word is not what the lock demands."""
    evil = packed({"a.js": "evil"})
    registry.publish("x", "1.0.0", evil)
    gathering(first())
    assert ["lock-mismatch"] == gathering.refused(again())


def test_a_damaged_entry_is_fetched_anew(gathering: Gathering, registry: LocalRegistry, tmp_path: Path) -> None:
    registry.publish("x", "1.0.0", PACKAGE)
    gathering(first())
    (entry,) = (tmp_path / "home").rglob("*.tgz")
    entry.write_bytes(b"damaged")
    (one,) = gathering(again())
    assert b"let a" == _files(one)["a.js"]
    assert PACKAGE == entry.read_bytes()
    assert 2 == registry.paths().count(TARBALL)


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"caches": False}, id="by a setting"),
        pytest.param({"environment": {"CDNSERVE_CACHE": "off"}}, id="by a variable"),
    ],
)
def test_without_a_cache_nothing_is_kept(
    gathering: Gathering, registry: LocalRegistry, tmp_path: Path, change: dict[str, object]
) -> None:
    registry.publish("x", "1.0.0", PACKAGE)
    gathering.settings = dataclasses.replace(gathering.settings, **change)  # type: ignore[arg-type]
    for _ in range(2):
        gathering(again())
    assert 2 == registry.paths().count(TARBALL)
    assert [] == list((tmp_path / "home").iterdir())


def test_a_cache_that_cannot_be_written_is_done_without(
    gathering: Gathering, registry: LocalRegistry, tmp_path: Path
) -> None:
    registry.publish("x", "1.0.0", PACKAGE)
    (tmp_path / "home/.cache").write_text("")
    assert sha512(PACKAGE) == gathering(first())[0].integrity


def test_what_others_could_have_put_into_the_cache_is_verified(
    gathering: Gathering, registry: LocalRegistry, tmp_path: Path
) -> None:
    """Permissions of an entry are neither believed nor taken over."""
    registry.publish("x", "1.0.0", PACKAGE)
    gathering(first())
    (entry,) = (tmp_path / "home").rglob("*.tgz")
    entry.chmod(0o777)
    (one,) = gathering(again())
    assert 0o644 & ~_umask() == (one.placement.folder / "a.js").stat().st_mode & 0o777


def _umask() -> int:
    mask = os.umask(0o022)
    os.umask(mask)
    return mask


class _Full(io.BytesIO):
    """A file on a disk that is full."""

    def write(self, data: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")


def test_a_full_disk_under_the_cache_is_done_without(
    gathering: Gathering, registry: LocalRegistry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    @contextlib.contextmanager
    def begun(cache: TarballCache, integrity: str) -> Iterator[Begun]:
        yield Begun(_Full(), tmp_path / "begun", "")

    monkeypatch.setattr(TarballCache, "begun", begun)
    registry.publish("x", "1.0.0", PACKAGE)
    assert b"let a" == _files(gathering(again())[0])["a.js"]


def _broken(package: bytes) -> Answer:
    half = package[: len(package) // 2]
    return Answer(200, half, {"ETag": '"1"', "Content-Length": str(len(package))})


def _once(gathering: Gathering) -> None:
    limits = dataclasses.replace(QUICK, attempts=1)
    gathering.settings = dataclasses.replace(gathering.settings, limits=limits)


def test_the_next_command_continues_what_broke_off(gathering: Gathering, registry: LocalRegistry) -> None:
    registry.publish("x", "1.0.0", PACKAGE)
    _once(gathering)
    registry.answer(TARBALL, _broken(PACKAGE), Answer(body=PACKAGE, fields={"ETag": '"1"'}))
    assert ["registry-unreachable"] == gathering.refused(again())
    (one,) = gathering(again())
    assert b"let a" == _files(one)["a.js"]
    assert [None, f"bytes={len(PACKAGE) // 2}-"] == [asked.fields.get("range") for asked in registry.asked]


def test_parts_that_do_not_belong_together_are_fetched_anew(gathering: Gathering, registry: LocalRegistry) -> None:
    """One entity tag for two contents: only the whole tells."""
    registry.publish("x", "1.0.0", PACKAGE)
    _once(gathering)
    other = bytes(len(PACKAGE))
    registry.answer(TARBALL, _broken(other), Answer(body=PACKAGE, fields={"ETag": '"1"'}))
    gathering.refused(again())
    (one,) = gathering(again())
    assert b"let a" == _files(one)["a.js"]
    assert [False, True, False] == ["range" in asked.fields for asked in registry.asked]


def test_a_download_that_was_wrong_is_not_continued(
    gathering: Gathering, registry: LocalRegistry, tmp_path: Path
) -> None:
    registry.publish("x", "1.0.0", packed({"a.js": "evil"}))
    assert ["lock-mismatch"] == gathering.refused(again())
    assert [] == [path for path in (tmp_path / "home").rglob("*") if path.is_file()]


def test_progress_hears_of_what_comes_from_the_cache(
    gathering: Gathering, registry: LocalRegistry, tmp_path: Path
) -> None:
    registry.publish("x", "1.0.0", PACKAGE)
    said: list[tuple[str, str, int | None]] = []

    class Heard(Silent):
        def begin(self, library: str, size: int | None) -> None:
            said.append(("begin", library, size))

        def finish(self, library: str) -> None:
            said.append(("finish", library, None))

    for order in (first(), again()):
        gathering(order, progress=Heard())
    size = len(PACKAGE)
    document = len(registry.answers["/x"][0].body)
    once = [("begin", "x@1.0.0", size), ("finish", "x@1.0.0", None)]
    assert [("begin", "x", document), ("finish", "x", None), *once, *once] == [event for event in said if event[1]]


def test_a_question_is_asked_once() -> None:
    asked: list[str] = []

    def ask(question: str) -> int:
        asked.append(question)
        return len(question)

    once = Once[str, int](ask)
    assert [1, 2, 1] == [once("a"), once("bb"), once("a")]
    assert ["a", "bb"] == asked


def test_whoever_asks_meanwhile_waits() -> None:
    answering = threading.Event()
    asked: list[str] = []

    def ask(question: str) -> str:
        asked.append(question)
        assert answering.wait(20)
        return "answer"

    once = Once[str, str](ask)
    with ThreadPoolExecutor(4) as threads:
        waiting = [threads.submit(once, "question") for _ in range(4)]
        answering.set()
        assert ["answer"] * 4 == [one.result(20) for one in waiting]
    assert ["question"] == asked


def test_an_error_is_everybodys() -> None:
    asked: list[str] = []

    def ask(question: str) -> str:
        asked.append(question)
        raise ValueError(question)

    once = Once[str, str](ask)
    for _ in range(2):
        with pytest.raises(ValueError, match="question"):
            once("question")
    assert ["question"] == asked


def test_a_document_is_fetched_once(tmp_path: Path, registry: LocalRegistry) -> None:
    registry.publish("x", "1.0.0", packed({"a.js": "1"}))
    with Session(settings_for(tmp_path, registry.url)) as session:
        assert session.package("x") is session.package("x")
    assert ["/x"] == registry.paths()
