"""README.md's first commands and the tutorial's, run as they stand there, with a registry on loopback."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from scripts.smoke import first_commands
from tests.cli.processes import environment, serving
from tests.cli.readme import README, blocks
from tests.npm.registry import LocalRegistry, packed
from tests.npm.registry import serving as registry_serving

CSS = '@font-face { font-family: Inter; src: url("files/inter.woff2") }'
PACKAGES: dict[str, tuple[dict[str, object], dict[str, str]]] = {
    "jquery": ({"main": "dist/jquery.js", "jsdelivr": "dist/jquery.min.js"}, {"dist/jquery.min.js": "jQuery = 1;"}),
    "@fontsource/inter": ({"style": "index.css"}, {"index.css": CSS, "files/inter.woff2": "wOF2"}),
    "preact": ({"type": "module", "exports": "./preact.js"}, {"preact.js": "export const h = 1, render = 2;"}),
}


@pytest.fixture(scope="module")
def registry() -> Iterator[LocalRegistry]:
    with registry_serving() as running:
        for name, (fields, files) in PACKAGES.items():
            package = {"name": name, "version": "4.0.0", **fields}
            running.publish(name, "4.0.0", packed({"package.json": json.dumps(package), **files}))
        yield running


def run(command: str, folder: Path, registry: LocalRegistry) -> str:
    """Run a line of a document with the cdnserve that is tested; return its output."""
    programs = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    variables = environment(PATH=programs, CDNSERVE_REGISTRY=registry.url, CDNSERVE_CACHE="off")
    done = subprocess.run(
        ["bash", "-c", command], cwd=folder, env=variables, capture_output=True, text=True, timeout=60, check=False
    )
    assert 0 == done.returncode, done.stderr
    return done.stdout


def test_the_first_commands_lead_to_a_library_that_is_served(tmp_path: Path, registry: LocalRegistry) -> None:
    *commands, last = first_commands()
    assert ["cdnserve init", "cdnserve add jquery", "cdnserve serve"] == [*commands, last]
    written = [run(command, tmp_path, registry) for command in commands]
    (source,) = re.findall(
        r'<script src="(.*?)" integrity="sha384-.{64}" crossorigin="anonymous"></script>', written[1]
    )
    with serving(cwd=tmp_path, CDNSERVE_PORT="0") as server:
        url = server.stdout.until("listening on").removeprefix("listening on ")
        for path in (source, "/npm/jquery/dist/jquery.min.js"):
            with urllib.request.urlopen(f"{url}{path}") as response:
                assert "*" == response.headers["Access-Control-Allow-Origin"]
                assert b"jQuery = 1;" == response.read()


def test_each_step_of_the_tutorial_works(tmp_path: Path, registry: LocalRegistry) -> None:
    text = (README.parent / "docs/tutorial.md").read_text(encoding="utf-8")
    written = [run(line, tmp_path, registry) for block in blocks(text, "tutorial") for line in block.splitlines()]
    told = "\n".join(written)
    assert '<script src="http://127.0.0.1:8000/npm/jquery@4.0.0/dist/jquery.min.js" integrity="sha384-' in told
    assert (
        '<link rel="stylesheet" href="http://127.0.0.1:8000/npm/@fontsource/inter@4.0.0/index.css" integrity="sha384-'
        in told
    )
    assert '"preact": "http://127.0.0.1:8000/npm/preact@4.0.0/preact.js"' in told
    assert "https://app.example.com is allowed" in told
