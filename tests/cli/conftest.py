"""What the tests of the command line share: a root with every kind of rule, and ways to run commands on it."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from cdnserve.cli.main import main

MANIFEST = """\
schema = 1

[site]
url = "https://cdn.example.com"

[[publish]]
path = "demo/**"
except = ["**/*.map"]
cors = "any"
cache = "immutable"

[[publish]]
path = "partners/**"
cors = "partners"

[[publish]]
path = "accounts/*"
cors = "accounts"

[[publish]]
path = "framed/**"
cors = "framed"

[[publish]]
path = "own/**"

[cors.partners]
allow-origins = ["https://app.example.com", "https://*.example.org"]
allow-headers = ["X-Requested-With"]

[cors.accounts]
allow-origins = ["https://app.example.com"]
allow-credentials = true
allow-methods = ["GET", "PUT"]
allow-headers = ["*"]

[cors.framed]
allow-origins = []
allow-null-origin = true
"""
FILES = {
    "demo/1.0.0/greet.js": "function greet(name) { return `Hello, ${name}`; }\n" * 20,
    "demo/1.0.0/greet.js.map": '{"version": 3}\n',
    "demo/1.0.0/module.js": "export const answer = 42;\n",
    "demo/1.0.0/style.css": "body { color: teal }\n" * 20,
    "partners/shops.json": '{"shops": []}\n',
    "accounts/me.json": '{"name": "me"}\n',
    "framed/a.json": "[]\n",
    "own/page.txt": "ours alone\n",
    "drafts/notes.txt": "not yet\n",
}

Run = Callable[..., Result]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A root with a manifest and a few files."""
    folder = tmp_path / "public"
    for path, text in FILES.items():
        file = folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    (folder / "manifest.toml").write_text(MANIFEST)
    return folder


@pytest.fixture
def run(root: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run a command in the folder above the root, where nothing is configured."""
    monkeypatch.chdir(root.parent)
    for name in [name for name in os.environ if name.lower().startswith(("cdnserve_", "npm_config_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(root.parent))

    def invoke(*arguments: str, **environment: str) -> Result:
        result = CliRunner().invoke(main, arguments, env=environment, prog_name="cdnserve")
        if result.exception and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result

    return invoke
