"""The examples at the end of each command's help: there are two of each, and they work."""

from __future__ import annotations

import json
import os
import shlex
import shutil
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from cdnserve.cli.command import Command
from cdnserve.cli.main import COMMANDS, main
from tests.cli.conftest import Run
from tests.npm.real_esbuild import folder_with_esbuild
from tests.npm.registry import LocalRegistry, packed, serving

# They serve until somebody stops them, or ask a server or a store: their command lines are read, no more.
ONLY_READ = ("serve", "verify", "healthcheck", "publish")
PACKAGES = {
    "jquery@3.7.1": {"dist/jquery.js": "let $ = 1;\n", "dist/jquery.min.js": "let $=1\n"},
    "bootstrap@5.3.3": {"dist/js/bootstrap.js": "let b;\n", "dist/css/bootstrap.css": "a {}\n"},
    "vue@3.5.13": {"dist/vue.js": "export let v;\n"},
    "react@19.2.0": {"index.js": "exports.useState = () => 1;\n"},
    "react-dom@19.2.0": {"index.js": "exports.react = require('react');\n"},
}
MANIFEST = """\
schema = 1
[site]
url = "https://cdn.example.com"
[[publish]]
path = "npm/**"
cors = "any"
cache = "immutable"
[[publish]]
path = "**"
"""
PAGE = '<!doctype html>\n<html lang="en"><title>Page</title>\n{}</html>\n'
ELSEWHERE = '<script src="https://cdn.jsdelivr.net/npm/jquery@3.7.1/dist/jquery.min.js"></script>\n'
STORE = [{"AllowedOrigins": ["https://app.example.com"], "AllowedMethods": ["GET"], "AllowedHeaders": []}]


def command_of(name: str) -> Command:
    """Return a command by its name."""
    command = main.get_command(click.Context(main), name)
    assert isinstance(command, Command)
    return command


EXAMPLES = [(name, example) for name in COMMANDS for example in command_of(name).examples]


@pytest.fixture(scope="module")
def registry() -> Iterator[LocalRegistry]:
    """A registry with the packages that examples name."""
    with serving() as running:
        for pin, files in PACKAGES.items():
            name, _, version = pin.rpartition("@")
            described = json.dumps({"name": name, "main": next(iter(files)), "version": version})
            running.publish(name, version, packed({"package.json": described, **files}))
        yield running


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory, registry: LocalRegistry) -> Path:
    """A folder with a root of two releases, pages, a build of one's own, and an archive."""
    folder = tmp_path_factory.mktemp("prepared")
    written = {
        "public/manifest.toml": MANIFEST,
        "public/app.js": "let a;\n",
        "index.html": PAGE.format(""),
        "site/index.html": PAGE.format(""),
        "dist/package.json": '{"name": "@acme/ui", "version": "1.2.0", "main": "ui.js"}\n',
        "dist/ui.js": "let ui;\n",
        "cors.json": json.dumps(STORE),
    }
    for path, text in written.items():
        (folder / path).parent.mkdir(exist_ok=True)
        (folder / path).write_text(text)
    root = ["--root", str(folder / "public")]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HOME", str(folder))
        for line in (
            ["build"],
            ["add", "--registry", registry.url, "jquery", "vue"],
            ["export", f"{folder}/cdn.tar.zst"],
        ):
            main([*line, *root], standalone_mode=False)
    return folder


def test_every_command_ends_its_help_with_two_examples(run: Run) -> None:
    for name in COMMANDS:
        assert 2 == len(command_of(name).examples), name
        lines = run(name, "--help").stdout.splitlines()
        assert ["Examples:", *(f"  cdnserve {one}" for one in command_of(name).examples)] == lines[-3:]
        assert all(one.partition(" ")[0] == name for one in command_of(name).examples)


def test_no_example_is_wider_than_a_terminal() -> None:
    assert [] == [example for _, example in EXAMPLES if len(f"  cdnserve {example}") > 80]


@pytest.mark.parametrize(("name", "example"), EXAMPLES, ids=[example for _, example in EXAMPLES])
def test_an_example_works(
    run: Run,
    tmp_path: Path,
    prepared: Path,
    registry: LocalRegistry,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    example: str,
) -> None:
    _, *arguments = shlex.split(example.partition(" > ")[0])
    if name in ONLY_READ:
        command_of(name).make_context(name, arguments)
        return
    if "--esm" in arguments:
        monkeypatch.setenv("PATH", f"{folder_with_esbuild(tmp_path)}{os.pathsep}{os.environ['PATH']}")
    place = tmp_path / "place"
    shutil.copytree(prepared, place)
    monkeypatch.chdir(place)
    if name == "init":
        shutil.rmtree("public")
    if name == "migrate":
        Path("site/index.html").write_text(PAGE.format(ELSEWHERE))
    result = run(name, *arguments, CDNSERVE_REGISTRY=registry.url)
    assert 0 == result.exit_code, result.output
