"""A hold: after a rollback the chosen release stays current, until something in the root changes.

Never holds against a person: whoever runs `cdnserve build` makes a release of the files as they are.
"""

from __future__ import annotations

import json
import os
from contextlib import suppress
from dataclasses import asdict, dataclass

from cdnserve.errors import Problem
from cdnserve.release.blobs import replace_file
from cdnserve.release.index import read_governing
from cdnserve.release.scan import Tree
from cdnserve.release.store import Store

_FILE = "held"


@dataclass(frozen=True, slots=True)
class Hold:
    """The release to keep, the one that was left for it, and a fingerprint of the root as it was then.

    It means nothing once another release is current, so nobody has to take it away.
    """

    number: int
    left: int
    root: str


def fingerprint(tree: Tree) -> str:
    """Give a sha256 over names and signatures of all files, over the manifest and over its lock."""
    # Only who rolls back waits for what hashes.
    from hashlib import sha256  # noqa: PLC0415

    governing = read_governing(tree.root)
    digest = sha256()
    for octets in (tree.packed(), governing.manifest, governing.lock):
        digest.update(len(octets).to_bytes(8))
        digest.update(octets)
    return digest.hexdigest()


def read_hold(state: str) -> Hold | None:
    """Read the hold of the last rollback, `None` where there is no whole one."""
    try:
        with open(f"{state}/{_FILE}", "rb") as file:
            return Hold(**json.loads(file.read()))
    except (OSError, ValueError, TypeError):
        return None


def write_hold(state: str, hold: Hold) -> None:
    """Write a hold; it begins to mean something when its release becomes the current one."""
    replace_file(state, _FILE, json.dumps(asdict(hold)).encode() + b"\n")


def holds(state: str, current: int | None, tree: Tree) -> Hold | None:
    """Give the hold on the current release, if the root is still as it was when that was chosen."""
    hold = read_hold(state)
    return hold if hold and hold.number == current and hold.root == fingerprint(tree) else None


def chosen(store: Store) -> int | None:
    """Give the current release; where the pointer names none, the one that a rollback chose last."""
    current = store.pointed()
    if store.holds(current):
        return current
    hold = read_hold(str(store.state))
    with suppress(OSError, ValueError):
        if hold and os.stat(store.state / _FILE).st_mtime >= store.made(max(store.numbers())):
            return hold.number
    return None


def held(hold: Hold) -> Problem:
    """Tell that the files are not what is served."""
    return Problem(
        "release-held",
        f"release {hold.number} is current since it was rolled back from release {hold.left}",
        hint="a change in the root makes a new release, and so does cdnserve build",
        warning=True,
    )
