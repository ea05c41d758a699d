"""The package keeps its layers, and the check that says so can fail."""

from __future__ import annotations

from pathlib import Path

import pytest

import cdnserve
from tests.layers import LAYERS, PURE, violations


def test_the_package_keeps_its_layers() -> None:
    """Imports point down, and files and the terminal are touched in their places only."""
    assert [] == violations(Path(cdnserve.__file__).parent)


@pytest.mark.parametrize(
    ("file", "source", "expected"),
    [
        pytest.param("rules/cors.py", "from cdnserve.manifest.model import Rule", "up or sideways", id="up"),
        pytest.param("origin/respond.py", "import cdnserve.npm.add", "up or sideways", id="sideways"),
        pytest.param("snippets/html.py", "from cdnserve import audit", "up or sideways", id="up by name"),
        pytest.param("release/build.py", "from ..server import run", "up or sideways", id="up, relative"),
        pytest.param("release/__init__.py", "from ..server import run", "up or sideways", id="up from a folder's init"),
        pytest.param("release/__init__.py", "from .. import cli", "up or sideways", id="up, relative, by name"),
        pytest.param("manifest.py", "from cdnserve.release import build", "up or sideways", id="up from one file"),
        pytest.param("errors.py", "from cdnserve.rules import cors", "up or sideways", id="up from the lowest"),
        pytest.param("cli/run.py", "import cdnserve.__main__", "up or sideways", id="up from the highest room"),
        pytest.param(
            "rules/cors.py",
            "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from cdnserve.cli import main",
            "cdnserve/rules/cors.py:3: rules imports cli: up or sideways",
            id="up, for type checkers only",
        ),
        pytest.param("web/api.py", "def f():\n    import cdnserve.server", "up or sideways", id="up, in a function"),
        pytest.param("web/api.py", "import_module('cdnserve.cli')", "up or sideways", id="up, by import_module"),
        pytest.param("web/api.py", "importlib.import_module('cdnserve.cli')", "up or sideways", id="by importlib"),
        pytest.param("web/api.py", "__import__('cdnserve.cli')", "up or sideways", id="up, by __import__"),
        pytest.param("rules/cors.py", "from cdnserve.rules.ranges import parse", "its sibling", id="a sibling"),
        pytest.param("rules/cors.py", "from cdnserve.rules import ranges", "its sibling", id="a sibling by name"),
        pytest.param("rules/cors.py", "from . import ranges", "its sibling", id="a sibling, relative"),
        pytest.param("rules/cors.py", "from cdnserve import rules", "its sibling", id="all siblings at once"),
        pytest.param("rules/cors/grammar.py", "from cdnserve.rules import ranges", "its sibling", id="from a folder"),
        pytest.param("__init__.py", "from cdnserve.cli import main", "itself imports", id="the package itself"),
        pytest.param("helpful.py", "", "no place in the layers", id="a module in no layer"),
        pytest.param("cli/run.py", "from cdnserve import helpful", "no place in the layers", id="of no layer"),
        pytest.param("origin/respond.py", "from starlette.responses import Response", "starlette", id="starlette"),
        pytest.param("cli/serve.py", "import uvicorn", "which is for server and web", id="uvicorn"),
        pytest.param("server/run.py", "import click", "which is for cli", id="click"),
        pytest.param("release/build.py", "from rich.progress import Progress", "which is for cli", id="rich"),
        pytest.param("rules/cors.py", "import socket", "is pure", id="a socket in a rule"),
        pytest.param("rules/cors.py", "from cdnserve.client import Request", "is pure", id="the client in a rule"),
        pytest.param("origin/respond.py", "from os import environ", "is pure", id="the environment in the origin"),
        pytest.param("snippets/html.py", "import os.path", "is pure", id="a part of an impure package"),
        pytest.param("cli/sri.py", "text = open('x').read()", "opens files: open", id="open()"),
        pytest.param("cli/sri.py", "import os\nos.open('x', 0)", "opens files: open", id="os.open()"),
        pytest.param("web/html.py", "from os import fdopen", "opens files: fdopen", id="an opener that is imported"),
        pytest.param("web/html.py", "read = open", "opens files: open", id="open under another name"),
        pytest.param("web/html.py", "Path('x').open()", "opens files: open", id="Path.open()"),
        pytest.param("origin/files.py", "Path('x').read_text()", "opens files: read_text", id="Path.read_text()"),
        pytest.param("rules/cors.py", "list(map(Path.read_bytes, x))", "opens files: read_bytes", id="as a function"),
        pytest.param("snippets/html.py", "Path('x').write_text('')", "opens files: write_text", id="Path.write_text()"),
        pytest.param("cli/sri.py", "click.open_file('x')", "opens files: open_file", id="click.open_file()"),
        pytest.param("server/run.py", "print('listening')", "prints: print", id="print()"),
        pytest.param("release/build.py", "write = print", "prints: print", id="print under another name"),
        pytest.param("server/run.py", "sys.stderr.write('')", "prints: sys.stderr", id="sys.stderr"),
        pytest.param("server/run.py", "from sys import stdout", "prints: sys.stdout", id="sys.stdout, imported"),
    ],
)
def test_a_breach_is_found(tmp_path: Path, file: str, source: str, expected: str) -> None:
    """Each kind of breach, alone in an otherwise empty package, is told once."""
    found = violations(package(tmp_path, {file: source}))
    assert 1 == len(found)
    assert expected in found[0]
    assert found[0].startswith(f"cdnserve/{file}:")


def test_what_is_allowed_is_not_a_breach(tmp_path: Path) -> None:
    """Every room may import all below it and its own modules, pure ones no client; a rule's folder itself."""
    below: list[str] = []
    files = {
        "rules/cors/grammar.py": "from . import words\nfrom cdnserve.rules.cors import words",
        "rules/cors/words.py": "",
    }
    for rooms in LAYERS:
        for room in rooms:
            lower = [other for other in below if other != "client" or room not in PURE]
            lines = [f"from cdnserve.{other} import anything\nimport cdnserve.{other}" for other in lower]
            files[f"{room}/__init__.py"] = "\n".join([*lines, f"from cdnserve.{room} import own"])
        below += rooms
    files["rules/__init__.py"] += "\nfrom cdnserve.rules import cors, ranges"
    files["release/blobs.py"] = "open('x'); Path('x').read_bytes()"
    files["release/encode.py"] = "import sys\nanswers = sys.stdout.buffer"
    files["cli/serve.py"] = "from cdnserve.release.blobs import read_text\nread_text('x')"
    files["server/asgi.py"] = "import starlette.routing, uvicorn"
    files["cli/list.py"] = "import click, rich, sys\nprint(sys.stdout)"
    files["rules/ranges.py"] = "import re\nfrom datetime import datetime"
    assert [] == violations(package(tmp_path, files))


def package(folder: Path, files: dict[str, str]) -> Path:
    """Write a package `cdnserve` with these files."""
    root = folder / "cdnserve"
    for name, source in files.items():
        file = root / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(source, encoding="utf-8")
    return root
