"""`cdnserve add`: the modules it goes through, what it prints at the end, and what it offers."""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

import pytest

import cdnserve
from tests.cli.conftest import Run
from tests.cli.processes import bare, run_on_terminal
from tests.npm.registry import LocalRegistry, packed, serving

SCRIPTS = {
    "hello": "let hello = 1;\n",
    "module": "export const one = 1;\n",
    "needy": 'import "absent"; export const x = 1;\n',
}
PACKAGE = f"{Path(cdnserve.__file__).parent}/"
# A newcomer who follows `add` by hand gives up beyond that.
MOST_MODULES_OF_ADD = 31
OPTIMIZED = 1  # the flag of a function's code, which bodies of modules and classes don't have


@pytest.fixture
def registry() -> Iterator[LocalRegistry]:
    """A registry with a classic script, an ES module, and one that imports what is not there."""
    with serving() as running:
        for name, script in SCRIPTS.items():
            described = json.dumps({"name": name, "main": "main.js"})
            running.publish(name, "1.0.0", packed({"package.json": described, "main.js": script}))
        yield running


@pytest.fixture
def listed(root: Path) -> Path:
    """The root with a manifest as small as they come: one rule, for libraries."""
    rule = '[[publish]]\npath = "npm/**"\ncors = "any"\ncache = "immutable"\n'
    (root / "manifest.toml").write_text(f"schema = 1\n\n{rule}")
    return root


@contextmanager
def modules_that_run() -> Iterator[set[str]]:
    """Yield the modules of the package of which a function has run, in any thread that began meanwhile."""
    found: set[str] = set()

    def profile(frame: FrameType, event: str, _argument: object) -> None:
        code = frame.f_code
        if event == "call" and code.co_flags & OPTIMIZED and code.co_filename.startswith(PACKAGE):
            found.add(code.co_filename.removeprefix(PACKAGE))

    threading.setprofile(profile)
    sys.setprofile(profile)
    try:
        yield found
    finally:
        sys.setprofile(None)
        threading.setprofile(None)


def test_the_way_of_add_goes_through_few_modules(run: Run, listed: Path, registry: LocalRegistry) -> None:
    with modules_that_run() as modules:
        assert 0 == run("add", "hello", "--json", "--registry", registry.url).exit_code
    assert {"cli/add.py", "npm/add.py", "npm/signatures.py", "npm/unpack.py", "manifest/editor.py"} <= modules
    assert MOST_MODULES_OF_ADD >= len(modules), sorted(modules)


def test_it_ends_with_the_tags_of_sri_and_the_next_command(run: Run, listed: Path, registry: LocalRegistry) -> None:
    result = run("add", "hello", "--registry", registry.url)
    assert (0, "") == (result.exit_code, result.stderr)
    assert run("sri", "hello@1.0.0").stdout in result.stdout
    hostless = 'these addresses have no host: set url = "https://…" in [site] of public/manifest.toml'
    assert result.stdout.endswith(f'crossorigin="anonymous"></script>\n\n{hostless}\nnext: cdnserve serve\n')


def test_an_es_module_gets_the_import_map(run: Run, listed: Path, registry: LocalRegistry) -> None:
    result = run("add", "module", "--registry", registry.url)
    assert (0, "") == (result.exit_code, result.stderr)
    assert run("importmap", "module", "--format", "html").stdout in result.stdout


def test_an_es_module_beside_a_script_for_node_gets_the_import_map(
    run: Run, listed: Path, registry: LocalRegistry
) -> None:
    exports = {".": {"import": "./m.js", "require": "./n.cjs"}}
    described = json.dumps({"name": "both", "main": "n.cjs", "exports": exports})
    files = {"package.json": described, "m.js": "export {};\n", "n.cjs": 'require("fs");\n'}
    registry.publish("both", "1.0.0", packed(files))
    result = run("add", "both", "--registry", registry.url)
    assert (0, "") == (result.exit_code, result.stderr)
    assert run("importmap", "both", "--format", "html").stdout in result.stdout


def test_with_deps_what_is_imported_comes_too(run: Run, listed: Path, registry: LocalRegistry) -> None:
    described = json.dumps(
        {"name": "two", "exports": "./two.js", "unpkg": "classic.js", "dependencies": {"module": "^1"}}
    )
    files = {"package.json": described, "two.js": 'import "module"; export {};\n', "classic.js": "let two = 2;\n"}
    registry.publish("two", "1.0.0", packed(files))
    result = run("add", "two", "--deps", "--registry", registry.url)
    assert (0, "") == (result.exit_code, result.stderr)
    assert run("importmap", "two", "--format", "html").stdout in result.stdout
    assert "module@1.0.0" in result.stdout
    assert "classic.js" not in result.stdout


def test_what_keeps_a_tag_from_being_written_is_a_warning(run: Run, listed: Path, registry: LocalRegistry) -> None:
    result = run("add", "needy", "hello", "--registry", registry.url)
    assert 0 == result.exit_code
    assert "warning: the package is not hosted [module-not-hosted]" in result.stderr
    assert "/npm/hello@1.0.0/main.js" in result.stdout


def test_a_root_that_can_not_be_built_keeps_what_was_added(run: Run, listed: Path, registry: LocalRegistry) -> None:
    """The problem is the build's own, and `serve` tells it again."""
    run("add", "hello", "--registry", registry.url)
    (listed / "npm/hello@1.0.0/main.js").write_text("let changed = 1;\n")
    result = run("add", "module", "--registry", registry.url)
    assert 0 == result.exit_code
    assert "npm/hello@1.0.0/main.js: warning: " in result.stderr
    assert (listed / "npm/module@1.0.0/main.js").is_file()


def test_another_root_is_named_in_the_next_command(run: Run, listed: Path, registry: LocalRegistry) -> None:
    listed.rename(listed.parent / "my files")
    result = run("add", "hello", "--root", "my files", "--registry", registry.url)
    assert result.stdout.endswith("\nnext: cdnserve serve 'my files'\n")


def test_without_a_manifest_there_is_a_first_one(run: Run, root: Path, registry: LocalRegistry) -> None:
    (root / "manifest.toml").unlink()
    result = run("add", "hello", "--registry", registry.url)
    assert (0, "") == (result.exit_code, result.stderr)
    assert result.stdout.startswith("there was no manifest: public/manifest.toml is a first one\n")
    assert "/npm/hello@1.0.0/main.js" in result.stdout
    assert "own/page.txt" not in run("list").stdout, "what lay there already became public"


def test_without_a_root_there_is_a_first_one(run: Run, root: Path, registry: LocalRegistry) -> None:
    root.rename(root.parent / "other")
    assert 0 == run("add", "hello", "--registry", registry.url).exit_code
    assert 'path = "**"' in (root / "manifest.toml").read_text()


def test_a_first_manifest_goes_with_an_add_that_fails(run: Run, root: Path, registry: LocalRegistry) -> None:
    root.rename(root.parent / "other")
    assert 1 == run("add", "absent", "--registry", registry.url).exit_code
    assert not root.exists()


def test_a_root_that_is_named_and_absent_is_not_made(run: Run, root: Path, registry: LocalRegistry) -> None:
    result = run("add", "hello", "--root", "pubic", "--registry", registry.url)
    assert 1 == result.exit_code
    assert "[manifest-missing]" in result.stderr
    assert not (root.parent / "pubic").exists()


def test_a_rule_is_added_on_demand(run: Run, root: Path, registry: LocalRegistry) -> None:
    result = run("add", "hello", "--publish", "--registry", registry.url)
    assert (0, "") == (result.exit_code, result.stderr)
    assert "https://cdn.example.com/npm/hello@1.0.0/main.js" in result.stdout
    before = (root / "manifest.toml").read_text()
    run("add", "hello", "--publish", "--registry", registry.url)
    assert before == (root / "manifest.toml").read_text(), "it is there twice"


@pytest.mark.parametrize(("typed", "is_public"), [(b"\n", True), (b"n\n", False)])
def test_on_a_terminal_it_asks(root: Path, registry: LocalRegistry, typed: bytes, is_public: bool) -> None:
    arguments = ("add", "hello", "--registry", registry.url)
    status, written = run_on_terminal(*arguments, cwd=root.parent, typed=typed, HOME=str(root.parent))
    assert 0 == status
    assert "No rule publishes npm/hello@1.0.0." in bare(written)
    assert is_public == ("integrity=" in written)
    assert is_public != ("library-unlisted" in written)
    assert is_public == ('path = "npm/**"' in (root / "manifest.toml").read_text())


def test_an_own_build_has_tags_and_aliases(run: Run, listed: Path) -> None:
    dist = listed.parent / "dist"
    dist.mkdir()
    (dist / "package.json").write_text('{"main": "ui.js"}')
    (dist / "ui.js").write_text("let ui = 1;\n")
    result = run("add", "dist", "--as", "@acme/ui@1.2.0")
    assert (0, "") == (result.exit_code, result.stderr)
    assert run("sri", "@acme/ui@1.2.0").stdout in result.stdout
    assert "@acme/ui@1.2.0/ui.js" in run("explain", "/npm/@acme/ui@1/ui.js").stdout


def test_an_own_build_is_one(run: Run, listed: Path) -> None:
    assert 2 == run("add", "dist", "more", "--as", "@acme/ui@1.2.0").exit_code
    assert "--as NAME@VERSION" in run("add", "./dist").stderr
