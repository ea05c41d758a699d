"""Roots to export, and archives as somebody else could have made them."""

from __future__ import annotations

import io
import tarfile
from hashlib import sha256
from pathlib import Path

from cdnserve.manifest.lock import Lock, LockedLibrary, write_lock
from cdnserve.npm.bundle_export import Exported, export
from cdnserve.npm.bundle_format import BundleEntry, encode_index
from cdnserve.npm.bundle_import import Imported, import_archive
from cdnserve.release.build import build

MANIFEST = """\
# ours
schema = 1

[[publish]]
path = ["npm/**", "app/**"]
except = ["**/*.map"]
cors = "any"
cache = "immutable"

[[publish]]
path = "data/*.json"

[libraries]
x = "1.0.0"
"""
FILES = {
    "app/1.0.0/a.js": "export {}\n",
    "app/1.0.0/a.js.map": "{}",
    "app/1.0.0/" + "long-" * 40 + ".js": "x\n",
    "app/1.0.0/é ü.css": "a {}\n",
    "data/d.json": "[]\n",
    "data/secret.txt": "not public\n",
    "npm/x@1.0.0/package.json": '{"name": "x"}',
    "npm/x@1.0.0/LICENSE": "MIT",
    "npm/x@1.0.0/x.js": "x\n",
    "npm/x@1.0.0/x.js.map": "{}",
    "npm/x@1.0.0/.npmignore": "t\n",
}
PUBLIC = sorted(path for path in FILES if path not in ("app/1.0.0/a.js.map", "data/secret.txt"))
LIBRARY = LockedLibrary("sha512-" + "A" * 86 + "==")


def make_root(folder: Path, *, built: bool = True) -> Path:
    """Write a root; a build records its immutable files in the lock."""
    for path, text in FILES.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)
    (folder / "manifest.toml").write_text(MANIFEST)
    write_lock(folder / "manifest.lock", Lock({"x@1.0.0": LIBRARY}))
    if built:
        build(folder, folder / ".cdnserve")
    return folder


def exported(root: Path, target: Path) -> Exported:
    return export(root, root / ".cdnserve", target)


def imported(root: Path, archive: Path | bytes, *, replace: bool = False, integrity: str = "") -> Imported:
    source = io.BytesIO(archive) if isinstance(archive, bytes) else archive
    return import_archive(root, source, replace=replace, integrity=integrity)


def tree(root: Path) -> dict[str, bytes]:
    """Return every file below a root, but the releases."""
    files = (file for file in root.rglob("*") if file.is_file() or file.is_symlink())
    found = {file.relative_to(root).as_posix(): file.read_bytes() for file in files}
    return {path: content for path, content in found.items() if not path.startswith(".cdnserve/")}


def member(name: str, content: bytes = b"", kind: bytes = tarfile.REGTYPE, link: str = "") -> bytes:
    """Make one member of an archive."""
    header = tarfile.TarInfo(name)
    header.size, header.type, header.linkname = len(content), kind, link
    return header.tobuf(tarfile.PAX_FORMAT) + content + bytes(-len(content) % 512)


def archive_of(files: dict[str, bytes], *more: bytes, index: bytes | None = None) -> bytes:
    """Make an archive with a right index, or another one, and what else is wanted behind its files."""
    entries = {path: BundleEntry(len(content), sha256(content).hexdigest()) for path, content in files.items()}
    first = member("cdnserve/index.json", encode_index(entries) if index is None else index)
    rest = [member(f"cdnserve/root/{path}", content) for path, content in files.items()]
    return b"".join([first, *rest, *more, bytes(1024)])


SMALL = {
    "manifest.toml": b'schema = 1\n[[publish]]\npath = "a/**"\ncache = "immutable"\n',
    "a/b.js": b"b\n",
}
