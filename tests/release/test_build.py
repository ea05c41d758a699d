"""The build: what a release holds, and that nothing is read or made twice."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from cdnserve.errors import ConfigurationError
from cdnserve.manifest.reader import read_manifest
from cdnserve.release import make as make_module
from cdnserve.release import read
from cdnserve.release.build import build
from cdnserve.release.catalog import SCHEMA
from cdnserve.release.encode import Job, encode_all
from cdnserve.release.store import Store
from cdnserve.release.writer import Built, Phase
from tests.release.opened import Opened
from tests.release.roots import MANIFEST, SCRIPT, age, plant, public_bytes, snapshot

FILES: dict[str, bytes | str] = {
    "npm/lib@1.0.0/a.js": SCRIPT,
    "npm/lib@1.0.0/font.woff2": bytes(range(256)) * 8,
    "page.css": SCRIPT + b"css",
    "copy.js": SCRIPT,
    "empty.txt": b"",
    "unlisted/secret.js": b"secret",
}
PUBLIC = sorted(path for path in FILES if not path.startswith("unlisted/"))


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return plant(tmp_path / "root", FILES)


@pytest.fixture
def state(tmp_path: Path) -> Path:
    return tmp_path / "root/.cdnserve"


@pytest.fixture
def encoded(monkeypatch: pytest.MonkeyPatch) -> list[Job]:
    """What was given to the encoders."""
    jobs: list[Job] = []

    def note(state: str, todo: list[Job]) -> object:
        jobs.extend(todo)
        return encode_all(state, todo)

    monkeypatch.setattr(make_module, "encode_all", note)
    return jobs


def references(told: pytest.ExceptionInfo[ConfigurationError]) -> list[str]:
    return [problem.reference for problem in told.value.problems]


def test_a_release_holds_what_the_manifest_lists(root: Path, state: Path) -> None:
    assert Built(1, True) == build(root, state)
    catalog = Store(state).load()
    manifest = read_manifest(root / "manifest.toml")
    assert {path: FILES[path] for path in PUBLIC} == public_bytes(state)
    assert PUBLIC == list(catalog.assets)
    assert (1, manifest.site, manifest.rules) == (catalog.number, catalog.site, catalog.rules)
    assert SCHEMA == catalog.schema
    assert {0: 2, 1: 3} == {rule: [a.rule for a in catalog.assets.values()].count(rule) for rule in (0, 1)}


def test_text_has_all_codings_that_pay_from_small_to_large(root: Path, state: Path) -> None:
    build(root, state)
    assets = Store(state).load().assets
    script = assets["npm/lib@1.0.0/a.js"].representations
    assert "identity" == script[0].coding
    assert {"br", "gzip"} == {item.coding for item in script[1:]}
    assert sorted(item.size for item in script[1:]) == [item.size for item in script[1:]]
    for path in ("npm/lib@1.0.0/font.woff2", "empty.txt"):
        assert ["identity"] == [item.coding for item in assets[path].representations]


def test_the_same_octets_are_encoded_once(root: Path, state: Path, encoded: list[Job]) -> None:
    """Under however many names they lie, now or in an earlier release."""
    build(root, state)
    names = [(job.name, job.coding) for job in encoded]
    assert len(set(names)) == len(names)
    encoded.clear()
    (root / "copy.js").unlink()
    build(root, state)
    plant(root, {"again.mjs": SCRIPT, "page.css": "other"})
    assert Built(3, True) == build(root, state)
    assert 1 == len({job.name for job in encoded})
    (root / "page.css").write_bytes(SCRIPT + b"css")
    encoded.clear()
    build(root, state)
    assert [] == encoded


def test_a_binary_name_for_the_same_octets_gets_no_codings(root: Path, state: Path) -> None:
    plant(root, {"script.png": SCRIPT})
    build(root, state)
    assert 1 == len(Store(state).load().assets["script.png"].representations)


def test_an_unchanged_root_is_neither_read_nor_released_again(root: Path, state: Path, opened: Opened) -> None:
    build(root, state)
    # What is about to be promised is looked at once more.
    assert set(map(os.path.basename, PUBLIC)) == set(opened.among(FILES))
    before = snapshot(state)
    assert Built(1, False) == build(root, state)
    assert [] == opened.among(FILES)
    assert before == snapshot(state)


def test_the_first_build_reads_each_file_once(root: Path, state: Path, opened: Opened) -> None:
    plant(root, {f"many/{number}.js": b"%d" % number for number in range(300)})
    opened.names.clear()
    build(root, state)
    assert 300 == len(opened.among(f"{number}.js" for number in range(300)))


def test_only_what_changed_is_read(root: Path, state: Path, opened: Opened) -> None:
    build(root, state)
    plant(root, {"page.css": "changed", "new.js": "new"})
    opened.among(FILES)
    assert Built(2, True) == build(root, state)
    assert ["new.js", "page.css"] == sorted(opened.among((*FILES, "new.js")))
    assert b"changed" == public_bytes(state)["page.css"]


def test_a_touched_file_is_read_but_makes_no_release(root: Path, state: Path, opened: Opened) -> None:
    build(root, state)
    age(root / "page.css")
    opened.among(FILES)
    assert Built(1, False) == build(root, state)
    assert ["page.css"] == opened.among(FILES)
    assert Built(1, False) == build(root, state)
    assert [] == opened.among(FILES)


def test_a_change_that_hides_behind_size_and_date_is_seen(root: Path, state: Path) -> None:
    """As rsync --times makes them, and archives: the ctime can't be set."""
    build(root, state)
    status = (root / "page.css").stat()
    with (root / "page.css").open("r+b") as file:
        file.write(b"EXPORT")
    os.utime(root / "page.css", ns=(status.st_atime_ns, status.st_mtime_ns))
    assert build(root, state).changed
    assert public_bytes(state)["page.css"].startswith(b"EXPORT")


def test_a_file_that_takes_another_ones_place_is_seen(root: Path, state: Path) -> None:
    build(root, state)
    status = (root / "page.css").stat()
    other = root / "unlisted/other.css"
    other.write_bytes(b"x" * status.st_size)
    os.utime(other, ns=(status.st_mtime_ns, status.st_mtime_ns))
    other.replace(root / "page.css")
    assert build(root, state).changed


def test_no_change_is_lost_however_fast_it_follows(root: Path, state: Path) -> None:
    """A file system's clock stands still for milliseconds: so long two versions look the same."""
    path = root / "page.css"
    for number in range(30):
        with path.open("r+b") as file:
            file.write(b"%06d" % number)
        build(root, state)
        assert b"%06d" % number == public_bytes(state)["page.css"][:6]


def test_a_removed_file_is_no_longer_public(root: Path, state: Path) -> None:
    build(root, state)
    (root / "page.css").unlink()
    assert Built(2, True) == build(root, state)
    assert "page.css" not in Store(state).load().assets


def test_a_change_of_rules_reads_no_file(root: Path, state: Path, opened: Opened) -> None:
    build(root, state)
    (root / "manifest.toml").write_text(MANIFEST.replace('cors = "any"', 'cors = "none"'))
    opened.among(FILES)
    assert Built(2, True) == build(root, state)
    assert [] == opened.among(FILES)
    assert {"none"} == {rule.cors.name for rule in Store(state).load().rules}


def test_what_becomes_public_is_read(root: Path, state: Path, opened: Opened) -> None:
    build(root, state)
    (root / "manifest.toml").write_text(MANIFEST.replace("unlisted/**", "nothing/**"))
    opened.among(FILES)
    assert Built(2, True) == build(root, state)
    assert ["secret.js"] == opened.among(FILES)


def test_an_empty_root_is_a_release_of_nothing(tmp_path: Path) -> None:
    root = plant(tmp_path / "root", {})
    first, second = (build(root, tmp_path / "state") for _ in range(2))
    assert (1, True, 1, False) == (first.number, first.changed, second.number, second.changed)
    assert {} == Store(tmp_path / "state").load().assets


def test_a_state_folder_inside_the_root_is_never_public(root: Path) -> None:
    for _ in range(2):
        build(root, root / "state")
    assert PUBLIC == list(Store(root / "state").load().assets)


def test_links_are_published_under_their_own_names(root: Path, state: Path) -> None:
    (root / "latest").symlink_to("npm/lib@1.0.0")
    (root / "main.js").symlink_to("npm/lib@1.0.0/a.js")
    build(root, state)
    found = public_bytes(state)
    assert SCRIPT == found["main.js"] == found["latest/a.js"]
    assert Built(1, False) == build(root, state)


def test_a_large_file_is_released_whole(root: Path, state: Path) -> None:
    octets = os.urandom(read.CHUNK + 12345)
    plant(root, {"large.bin": octets})
    build(root, state)
    assert octets == public_bytes(state)["large.bin"]


def test_a_build_that_finds_nothing_changed_loads_little(root: Path, state: Path) -> None:
    """These take longer to load than a folder of thousands takes to look at."""
    build(root, state)
    program = (
        "import sys; from pathlib import Path; from cdnserve.release.build import build;"
        "print(build(Path(sys.argv[1]), Path(sys.argv[2])).changed);"
        "heavy = ('msgspec', 'brotli', 'zstandard', 'tomllib', 'cdnserve.release.make');"
        "print([name for name in heavy if name in sys.modules])"
    )
    environment = os.environ | {"PYTHONPATH": str(Path(read.__file__).parents[2])}
    done = subprocess.run(
        [sys.executable, "-c", program, str(root), str(state)],
        env={name: value for name, value in environment.items() if not name.startswith("COV")},
        capture_output=True,
        text=True,
        check=True,
    )
    assert ["False", "[]"] == done.stdout.splitlines()


def test_two_builds_at_once_make_one_release(root: Path, state: Path) -> None:
    built: list[Built] = []
    threads = [threading.Thread(target=lambda: built.append(build(root, state))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [False, False, False, True] == sorted(one.changed for one in built)
    assert {1} == {one.number for one in built}
    assert (1,) == Store(state).numbers()


class Listener:
    """Notes phases, and what was counted in each."""

    def __init__(self) -> None:
        self.phases: dict[Phase, list[int]] = {}
        self.ended = 0

    def start(self, phase: Phase, files: int, octets: int) -> None:
        self.phases[phase] = [files, octets, 0, 0]
        self._now = self.phases[phase]

    def advance(self, files: int, octets: int) -> None:
        self._now[2] += files
        self._now[3] += octets

    def finish(self) -> None:
        self.ended += 1


def test_progress_is_told_to_the_last_octet(root: Path, state: Path) -> None:
    listener = Listener()
    build(root, state, progress=listener)
    total = sum(len(FILES[path]) for path in PUBLIC)
    assert [len(PUBLIC), total, len(PUBLIC), total] == [
        sum(column) for column in zip(*[listener.phases["reading"]], strict=True)
    ]
    files, octets, done, counted = listener.phases["encoding"]
    assert (files, octets) == (done, counted)
    assert files > 0
    again = Listener()
    build(root, state, progress=again)
    assert {} == again.phases


def test_a_root_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError) as told:
        build(tmp_path / "nowhere", tmp_path / "state")
    assert ["root-missing"] == references(told)
    assert not (tmp_path / "state").exists()


def test_a_state_that_is_the_root(root: Path) -> None:
    with pytest.raises(ConfigurationError) as told:
        build(root, root / "npm/..")
    assert ["state-is-root"] == references(told)


def test_problems_of_manifest_and_lock_are_told_together(root: Path, state: Path) -> None:
    (root / "manifest.toml").write_text("schema = 1\nnonsense = 2\n")
    (root / "manifest.lock").write_text("<<<<<<< HEAD\n")
    with pytest.raises(ConfigurationError) as told:
        build(root, state)
    assert {"manifest.toml", "manifest.lock"} == {problem.where.partition(":")[0] for problem in told.value.problems}
    assert Store(state).current() is None


def test_a_broken_manifest_leaves_the_last_release(root: Path, state: Path) -> None:
    build(root, state)
    (root / "manifest.toml").write_text("schema = 1\nnonsense = 2\n")
    with pytest.raises(ConfigurationError):
        build(root, state)
    assert PUBLIC == list(public_bytes(state))
