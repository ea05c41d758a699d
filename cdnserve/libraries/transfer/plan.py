"""The plan of an import: all that it will change, written down before anything is, so that it can be taken back.

Never leaves a file missing in between: one that is replaced is there all the time, in its old or its new form.
"""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
from hashlib import sha256
from pathlib import Path

import msgspec

from cdnserve.errors import ConfigurationError, Problem
from cdnserve.libraries.incoming import require_folder
from cdnserve.manifest.governing import LOCK, MANIFEST, replace_file, sync_folder

NAME = "plan.json"


class Plan(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What will be: new files, each with where it lies now, files in the place of others, folders that are missing.

    `governing` has the sha256 that governing files will have.
    """

    new: dict[str, str]
    replaced: tuple[str, ...]
    folders: tuple[str, ...]
    governing: dict[str, str]


def make_plan(root: Path, new: dict[str, str], replaced: tuple[str, ...], governing: dict[str, bytes]) -> Plan:
    """Find out which folders have to be made, outermost first; `new` says where files lie in the import's folder."""
    parents = {parent.as_posix() for path in new for parent in Path(path).parents if parent.name}
    folders = sorted(parent for parent in parents if not os.path.lexists(root / parent))
    digests = {name: sha256(octets).hexdigest() for name, octets in governing.items()}
    return Plan(new, replaced, tuple(folders), digests)


def carry_out(root: Path, folder: Path, plan: Plan, places: dict[str, Path], governing: dict[str, bytes]) -> None:
    """Put every file into its place, the governing ones last; raise with all taken back.

    `folder` is the import's own, on the root's file system. Whoever calls this may change the governing files.
    """
    _keep_old(root, folder, plan)
    _write(folder / "draft", msgspec.json.encode(plan))
    try:
        os.rename(folder / "draft", folder / NAME)
        # One call for thousands of files, before any of them is moved.
        os.sync()
        for path in plan.folders:
            require_folder(root / path, root)
        for path in (*plan.new, *plan.replaced):
            _require_place(root, path, is_new=path in plan.new)
            os.replace(places[path], root / path)
        os.sync()
        for name in (LOCK, MANIFEST):
            if name in governing:
                replace_file(root / name, governing[name])
    except BaseException:
        if is_pending(folder):
            take_back(root, folder)
        raise
    (folder / NAME).unlink()
    sync_folder(folder)


def is_pending(folder: Path) -> bool:
    """Tell whether an import was killed before it was done."""
    return os.path.lexists(folder / NAME)


def take_back(root: Path, folder: Path) -> None:
    """Undo what a plan has changed as yet; what can't be undone stays for the next time."""
    plan = _read(root, folder)
    for name, after in plan.governing.items():
        _govern_back(root / name, folder / f"old-{name}", after)
    for number, path in enumerate(plan.replaced):
        old = folder / f"old-{number}"
        if old.exists():
            os.replace(old, root / path)
    for path, place in plan.new.items():
        # What still lies where it was made ready never came to its place, so what is there is not ours.
        if not (folder / place).exists():
            (root / path).unlink(missing_ok=True)
    for path in reversed(plan.folders):
        with contextlib.suppress(OSError):
            (root / path).rmdir()
    (folder / NAME).unlink()


def _keep_old(root: Path, folder: Path, plan: Plan) -> None:
    for number, path in enumerate(plan.replaced):
        _link(root / path, folder / f"old-{number}")
    for name in plan.governing:
        if (root / name).exists():
            _write(folder / f"old-{name}", (root / name).read_bytes())


def _link(source: Path, target: Path) -> None:
    try:
        os.link(source, target, follow_symlinks=False)
    except OSError as error:
        if error.errno not in (errno.EPERM, errno.ENOTSUP, errno.EMLINK):
            raise
        shutil.copy2(source, target, follow_symlinks=False)


def _govern_back(path: Path, old: Path, after: str) -> None:
    # One that somebody has changed since is theirs.
    if path.exists() and sha256(path.read_bytes()).hexdigest() == after:
        if old.exists():
            replace_file(path, old.read_bytes())
        else:
            path.unlink()


def _require_place(root: Path, path: str, *, is_new: bool) -> None:
    if is_new and os.path.lexists(root / path):
        raise ConfigurationError([Problem("import-place", "something came to lie here meanwhile", path)])
    for parent in Path(path).parents:
        if parent.name and ((root / parent).is_symlink() or not (root / parent).is_dir()):
            message = "a folder is needed here, and no symbolic link to one"
            raise ConfigurationError([Problem("import-place", message, parent.as_posix(), hint="move it away")])


def _read(root: Path, folder: Path) -> Plan:
    try:
        plan = msgspec.json.decode((folder / NAME).read_bytes(), type=Plan)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise _damaged(folder, str(error)) from None
    real = os.path.realpath(root)
    for path in (*plan.new, *plan.replaced, *plan.folders):
        if os.path.normpath(path) != path or not os.path.realpath(root / path).startswith(f"{real}/"):
            raise _damaged(folder, "it names what is not in the root")
    if not plan.governing.keys() <= {MANIFEST, LOCK}:
        raise _damaged(folder, "it names what is no governing file")
    return plan


def _damaged(folder: Path, why: str) -> ConfigurationError:
    message = f"what an interrupted import left can't be read: {why}"
    hint = "look there for files that you miss, then delete the folder"
    return ConfigurationError([Problem("import-interrupted", message, str(folder), hint=hint)])


def _write(path: Path, octets: bytes) -> None:
    with path.open("xb") as file:
        file.write(octets)
        file.flush()
        os.fsync(file.fileno())
