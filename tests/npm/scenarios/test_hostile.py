"""A registry that means harm, or is broken: each answer ends in one problem, and nothing is unpacked."""

from __future__ import annotations

import dataclasses
import gzip
import tarfile
import threading
from collections.abc import Callable, Iterable
from concurrent.futures import Future, wait
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from cdnserve.errors import ConfigurationError, Problem
from cdnserve.npm.download import DownloadProgress, Silent
from cdnserve.npm.fetch import Order, Session, StagedLibrary, prepare, stage
from cdnserve.npm.settings import DownloadLimits, NpmSettings
from cdnserve.npm.spec import PinnedPackage
from tests.npm.registry import QUICK, Answer, LocalRegistry, archive, member, packed, settings_for, sha512, tarball

SPEC = PinnedPackage("x", "1.0.0")
SMALL = dataclasses.replace(QUICK, unpacked=2**20, members=1000, kept=1000, tarball=2**20, metadata=2**16, total=10.0)
GOOD = packed({"a.js": "let a"})
TARBALL = "/x/-/x-1.0.0.tgz"
# Something decent before what is not: it must not stay either.
DECENT = member("package/a.js", "let a")


def _staged_anew(
    tmp_path: Path, registry: LocalRegistry, limits: DownloadLimits = SMALL, npmrc: str = ""
) -> tuple[StagedLibrary, ...]:
    settings = settings_for(tmp_path, registry.url, limits=limits)
    (settings.home / ".npmrc").write_text(npmrc)
    return _staged([Order(SPEC, (), "")], _folder(tmp_path, "incoming"), settings, Silent())


def _staged(
    orders: list[Order], folder: Path, settings: NpmSettings, progress: DownloadProgress
) -> tuple[StagedLibrary, ...]:
    with Session(settings, progress) as session:
        return stage(prepare(orders, session), folder, session)


def _problem(tmp_path: Path, registry: LocalRegistry, limits: DownloadLimits = SMALL) -> Problem:
    with pytest.raises(ConfigurationError) as raised:
        _staged_anew(tmp_path, registry, limits)
    (problem,) = raised.value.problems
    assert all(line.isprintable() for line in str(problem).splitlines())
    return problem


def _many_members() -> bytes:
    return gzip.compress(b"".join(tarfile.TarInfo(f"package/{n}").tobuf() for n in range(100_000)), 1)


@pytest.mark.parametrize(
    ("package", "reference", "message"),
    [
        pytest.param(GOOD[:-30], "tarball-corrupt", "ends too early", id="a tarball that is cut short"),
        pytest.param(GOOD + b"more", "tarball-corrupt", "", id="a tarball that goes on"),
        pytest.param(b"<html>", "tarball-corrupt", "no sound gzip", id="a page"),
        pytest.param(gzip.compress(bytes(2**26), 9), "tarball-too-large", "more than 1 MiB", id="a bomb of zeros"),
        pytest.param(
            tarball(member("package/zeros", bytes(2**24))),
            "tarball-too-large",
            "more than 1 MiB",
            id="a bomb in a file",
        ),
        pytest.param(_many_members, "tarball-too-large", "more than", id="100,000 members"),
        pytest.param(
            tarball(DECENT, member("package/l", type=tarfile.SYMTYPE, linkname="/etc/passwd")),
            "tarball-member",
            "a symbolic link",
            id="a symbolic link",
        ),
        pytest.param(
            tarball(DECENT, member("package/l", type=tarfile.LNKTYPE, linkname="package/a.js")),
            "tarball-member",
            "a hard link",
            id="a hard link",
        ),
        pytest.param(tarball(DECENT, member("package/../../x")), "tarball-member", "'..'", id="a path upwards"),
        pytest.param(tarball(DECENT, member("/etc/x")), "tarball-member", "an absolute name", id="an absolute name"),
        pytest.param(tarball(DECENT, member("package\\..\\x")), "tarball-member", "a backslash", id="a backslash"),
        pytest.param(
            gzip.compress(archive(*(member(f"package/{n}/{'d/' * 30}x") for n in range(500)))),
            "tarball-too-large",
            "more than 1000 files and folders",
            id="a bomb of folders",
        ),
        pytest.param(
            tarball(DECENT, member("package/a\u202esj.exe")), "tarball-member", "U+202E", id="a change of direction"
        ),
        pytest.param(
            tarball(DECENT, member("package/A.js")),
            "tarball-member",
            "differs only by case",
            id="names alike but for case",
        ),
        pytest.param(
            tarball(member("package/é.js"), member("package/e\u0301.js")),
            "tarball-member",
            "composition",
            id="names alike but for composition",
        ),
        pytest.param(tarball(DECENT, member("package/a.js")), "tarball-member", "comes twice", id="a file twice"),
        pytest.param(
            tarball(DECENT, member("package/a.js/b.js")), "tarball-member", "both a file's", id="a file in a file"
        ),
        pytest.param(
            tarball(DECENT, member("package/tty", type=tarfile.CHRTYPE)), "tarball-member", "a device", id="a device"
        ),
        pytest.param(
            tarball(DECENT, member("package/sda", type=tarfile.BLKTYPE)), "tarball-member", "a device", id="a disk"
        ),
        pytest.param(
            tarball(DECENT, member("package/pipe", type=tarfile.FIFOTYPE)), "tarball-member", "a FIFO", id="a FIFO"
        ),
        pytest.param(tarball(DECENT, member("package/\udcff.js")), "tarball-member", "not valid UTF-8", id="not UTF-8"),
        pytest.param(
            tarball(DECENT, member("package/\x1b[2J")), "tarball-member", "control character", id="an escape sequence"
        ),
        pytest.param(tarball(DECENT, member(f"package/{'d/' * 600}x")), "tarball-member", "32 parts", id="a deep path"),
        pytest.param(tarball(), "library-files", "no file", id="nothing at all"),
    ],
)
def test_hostile_packages(
    tmp_path: Path, registry: LocalRegistry, package: bytes | Callable[[], bytes], reference: str, message: str
) -> None:
    """Their integrity is right: it is the packages themselves that are not."""
    registry.publish("x", "1.0.0", package if isinstance(package, bytes) else package())
    problem = _problem(tmp_path, registry)
    assert reference == problem.reference
    assert message in problem.message
    assert [] == [path.name for path in tmp_path.iterdir() if path.name not in ("home", "work", "incoming")]


@pytest.mark.parametrize(
    ("changes", "reference"),
    [
        pytest.param({"integrity": sha512(b"other")}, "integrity-mismatch", id="a wrong integrity"),
        pytest.param({"integrity": "sha1-AAAA"}, "integrity-missing", id="a weak integrity"),
        pytest.param({"integrity": ""}, "integrity-missing", id="no integrity"),
        pytest.param({"tarball": "file:///etc/passwd"}, "registry-answer", id="a tarball in a file"),
        pytest.param({"tarball": "http://u:p@127.0.0.1/"}, "registry-answer", id="a tarball with a password"),
        pytest.param({"document": {"name": "y", "versions": {}}}, "registry-answer", id="another package"),
        pytest.param({"document": {"name": "x", "versions": {}}}, "version-not-found", id="no versions"),
        pytest.param({"entry": {"name": "x", "version": "1.0.0", "dist": "\x1b[2J"}}, "registry-answer", id="nonsense"),
    ],
)
def test_hostile_documents(tmp_path: Path, registry: LocalRegistry, changes: dict[str, object], reference: str) -> None:
    registry.publish("x", "1.0.0", GOOD, **changes)
    assert reference == _problem(tmp_path, registry).reference
    assert [] == [path for path in (tmp_path / "incoming").rglob("*") if path.is_file()]


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(Answer(body=b" " * (2**16 + 1)), id="plain"),
        pytest.param(
            Answer(body=gzip.compress(bytes(2**24)), fields={"Content-Encoding": "gzip"}), id="in a small gzip file"
        ),
        pytest.param(Answer(body=b"", fields={"Content-Length": "9" * 15}), id="it says so itself"),
    ],
)
def test_a_huge_document_is_refused(tmp_path: Path, registry: LocalRegistry, answer: Answer) -> None:
    registry.answer("/x", answer)
    assert "registry-too-large" == _problem(tmp_path, registry).reference


def test_a_huge_tarball_is_refused(tmp_path: Path, registry: LocalRegistry) -> None:
    registry.publish("x", "1.0.0", bytes(2**20 + 1))
    assert "registry-too-large" == _problem(tmp_path, registry).reference


def test_a_tarball_that_never_comes_whole_is_given_up(tmp_path: Path, registry: LocalRegistry) -> None:
    registry.publish("x", "1.0.0", GOOD)
    registry.answer(TARBALL, Answer(200, GOOD[:50], {"Content-Length": str(len(GOOD))}))
    assert "registry-unreachable" == _problem(tmp_path, registry).reference
    assert SMALL.attempts == registry.paths().count(TARBALL)


def _drip(registry: LocalRegistry) -> Callable[[BaseHTTPRequestHandler], None]:
    def write(handler: BaseHTTPRequestHandler) -> None:
        while not registry.closing.wait(0.02):
            handler.wfile.write(b" ")
            handler.wfile.flush()

    return write


@pytest.mark.parametrize("path", [pytest.param("/x", id="a document"), pytest.param(TARBALL, id="a tarball")])
def test_what_drips_is_cut_off(tmp_path: Path, registry: LocalRegistry, path: str) -> None:
    registry.publish("x", "1.0.0", GOOD)
    registry.answer(path, Answer(fields={"Content-Length": "1000"}, write=_drip(registry)))
    problem = _problem(tmp_path, registry, dataclasses.replace(SMALL, exchange=0.4, attempts=1))
    assert "registry-unreachable" == problem.reference
    assert "it takes too long" in problem.message


@pytest.mark.parametrize("path", [pytest.param("/x", id="a document"), pytest.param(TARBALL, id="a tarball")])
@pytest.mark.parametrize("status", [429, 500, 503])
def test_what_passes_is_waited_for(tmp_path: Path, registry: LocalRegistry, path: str, status: int) -> None:
    registry.publish("x", "1.0.0", GOOD)
    (honest,) = registry.answers[path]
    registry.answer(path, Answer(status, fields={"Retry-After": "0"}), honest)
    (gathered,) = _staged_anew(tmp_path, registry)
    assert ("a.js",) == gathered.unpacked.files
    assert 2 == registry.paths().count(path)


@pytest.mark.parametrize("path", [pytest.param("/x", id="a document"), pytest.param(TARBALL, id="a tarball")])
def test_a_token_does_not_follow_to_another_host(
    tmp_path: Path, registry: LocalRegistry, elsewhere: LocalRegistry, path: str
) -> None:
    registry.publish("x", "1.0.0", GOOD)
    elsewhere.answers["/far"] = registry.answers[path]
    registry.answer(path, Answer(302, fields={"Location": f"{elsewhere.url}far"}))
    (gathered,) = _staged_anew(tmp_path, registry, npmrc=f"//{registry.authority}/:_authToken=secret")
    assert ("a.js",) == gathered.unpacked.files
    assert {"Bearer secret"} == {asked.authorization for asked in registry.asked}
    assert [None] == [asked.authorization for asked in elsewhere.asked]
    assert "secret" not in str(elsewhere.asked)


def test_a_tarball_that_the_document_puts_elsewhere_gets_no_token(
    tmp_path: Path, registry: LocalRegistry, elsewhere: LocalRegistry
) -> None:
    far = elsewhere.answer("/x-1.0.0.tgz", Answer(body=GOOD))
    registry.publish("x", "1.0.0", GOOD, tarball=far)
    registry.answer(TARBALL, Answer(404))
    _staged_anew(tmp_path, registry, npmrc=f"//{registry.authority}/:_authToken=secret")
    assert [None] == [asked.authorization for asked in elsewhere.asked]


def test_an_interruption_ends_all_downloads(
    tmp_path: Path, registry: LocalRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As when a person presses a key; the next command continues what came so far."""
    arrived = threading.Event()

    class Heard(Silent):
        def advance(self, library: str, octets: int) -> None:
            arrived.set()

    def stall(handler: BaseHTTPRequestHandler) -> None:
        handler.wfile.write(GOOD[:50])
        handler.wfile.flush()
        registry.closing.wait(20)

    prepared = threading.Event()

    def interrupted(futures: Iterable[Future[object]]) -> None:
        if prepared.is_set():
            assert arrived.wait(20)
            raise KeyboardInterrupt
        prepared.set()
        wait(futures)

    fields = {"ETag": '"1"'}
    stalled = Answer(fields={**fields, "Content-Length": str(len(GOOD))}, write=stall)
    registry.answer(TARBALL, stalled, Answer(body=GOOD, fields=fields))
    settings = settings_for(tmp_path, registry.url, limits=SMALL)
    order = Order(SPEC, (), sha512(GOOD))
    with monkeypatch.context() as patch:
        patch.setattr("cdnserve.npm.fetch.wait", interrupted)
        with pytest.raises(KeyboardInterrupt):
            _staged([order], _folder(tmp_path, "interrupted"), settings, Heard())
    (gathered,) = _staged([order], _folder(tmp_path, "again"), settings, Silent())
    assert ("a.js",) == gathered.unpacked.files
    assert [None, "bytes=50-"] == [asked.fields.get("range") for asked in registry.asked]


def _folder(tmp_path: Path, name: str) -> Path:
    folder = tmp_path / name
    folder.mkdir()
    return folder
