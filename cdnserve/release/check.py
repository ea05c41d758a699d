"""The check: every problem of manifest, lock and files at once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from cdnserve.errors import ConfigurationError, Problem
from cdnserve.release.blobs import StoreError
from cdnserve.release.build import build
from cdnserve.release.encode import Results
from cdnserve.release.immutable import broken, promises
from cdnserve.release.inputs import missing, published, read_inputs
from cdnserve.release.prebuilt import ELSEWHERE
from cdnserve.release.read import FileContent, Sources, probe, read
from cdnserve.release.repair import BlobNames, Mended, look_up_makings, lost_blobs, mend, mend_records, unmended
from cdnserve.release.scan import Signature, Tree, scan
from cdnserve.release.state_files import known_blobs, lost_hold, note_proved, prove, read_index
from cdnserve.release.store import Store, find_places, is_denied, store_problem
from cdnserve.release.writer import BuildProgress, Silence, Writer


def check(root: Path, state: Path | None = None) -> tuple[Problem, ...]:
    """Find every problem and warning; `state` needs to be told when it lies in the root and is no dot-folder.

    Files that the lock pins are read, all others only opened.
    """
    try:
        places = find_places(root, state or root / ".cdnserve")
    except ConfigurationError as error:
        return error.problems
    tree = scan(places.root, places.inner)
    try:
        inputs = read_inputs(places.root)
    except ConfigurationError as error:
        return (*error.problems, *tree.problems)
    rules = published(inputs.manifest, tree)
    doubts = (*inputs.warnings, *missing(inputs, tree))
    return (*doubts, *tree.problems, *_file_problems(tree, rules, promises(inputs.lock, None)))


def _file_problems(tree: Tree, rules: Mapping[str, int], promised: Mapping[str, bytes]) -> Iterator[Problem]:
    with Sources(tree.root) as sources:
        for path in rules:
            real = tree.real(path)
            found = read(sources, real) if path in promised else probe(sources, real)
            if isinstance(found, FileContent):
                yield from broken(promised, {path: found})
            elif found:
                yield found


def examine(root: Path, state: Path, names: BlobNames | None = None, progress: BuildProgress | None = None) -> Mended:
    """Read every release and every blob of a state folder, or only the blobs of these names, and make good what can be.

    Where the state can't be written, only tell. Raises ConfigurationError where it can't even be read, or where the
    current release is damaged and the files allow no build.
    """
    places = find_places(root, state)
    store, progress = Store(Path(places.state)), progress or Silence()
    if not store.numbers() and not store.pointed():
        return Mended()
    try:
        with Writer(places.state, progress) as writer:
            mended = _examine(writer, scan(places.root, places.inner), names, progress)
    except StoreError as failure:
        if not is_denied(failure):
            raise ConfigurationError([store_problem(failure, places.state)]) from failure
        return _only_tell(store, names, progress)
    if names is None and not _is_readable(store):
        built = build(root, state)
        mended = Mended((*mended.again, *built.damage), mended.left)
    return mended


def _is_readable(store: Store) -> bool:
    try:
        store.read()
    except ConfigurationError:
        return False
    return True


def _examine(writer: Writer, tree: Tree, names: BlobNames | None, progress: BuildProgress) -> Mended:
    known, expected, damaged = _prepare(writer.store, names)
    proof = prove(writer.state, known, progress)
    writer.proved = proof.sizes()
    records = mend_records(writer, lost_hold(writer.store, read_index(writer.state), tree)) if names is None else []
    mended = mend(writer, tree, proof, expected)
    note_proved(writer.state, proof)
    current = writer.store.pointed()
    gone = {number: problem for number, problem in damaged.items() if number != current}
    for number in gone:
        writer.remove_damaged(number)
    return Mended((*records, *mended.again), (*mended.left, *map(_removed, gone.values())))


def _only_tell(store: Store, names: BlobNames | None, progress: BuildProgress) -> Mended:
    known, expected, damaged = _prepare(store, names)
    proof = prove(str(store.state), known, progress)
    lost = proof.wrong | (expected - proof.found.keys())
    makings = look_up_makings(store, lost, Results())
    told = map(unmended, lost_blobs(str(store.state), proof, makings, makings.keys()))
    return Mended((), tuple(replace(problem, hint=ELSEWHERE) for problem in (*told, *damaged.values())))


def _prepare(store: Store, names: BlobNames | None) -> tuple[dict[str, Signature], BlobNames, dict[int, Problem]]:
    """Return by which signatures blobs are known, which ones there should be, and which catalogs are damaged."""
    if names is not None:
        known = known_blobs(str(store.state))
        return {name: known[name] for name in known.keys() - names}, known.keys() | names, {}
    expected: set[str] = set()
    damaged: dict[int, Problem] = {}
    for number in store.numbers():
        try:
            expected |= store.read(number).blobs()
        except ConfigurationError as error:
            problem = error.problems[0]
            if problem.reference == "release-corrupt":
                damaged[number] = problem
    return {}, expected, damaged


def _removed(problem: Problem) -> Problem:
    return replace(
        problem,
        message="the catalog was damaged, and nothing says any more what was in it: the release is removed",
        hint="nothing is left to do; to have it again, restore its file from a backup",
        warning=True,
    )
