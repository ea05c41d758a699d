"""`cdnserve add` and `cdnserve sync`, against a registry on loopback."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.conftest import Run
from tests.cli.processes import bare, run_on_terminal
from tests.libraries.registry import LocalRegistry, packed, serving


@pytest.fixture
def registry() -> Iterator[LocalRegistry]:
    """A registry with two libraries."""
    with serving() as running:
        for name in ("hello", "@scope/world"):
            files = {"package.json": json.dumps({"name": name, "main": "main.js"}), "main.js": "let x = 1;\n"}
            running.publish(name, "1.0.0", packed(files))
        yield running


@pytest.fixture
def listed(root: Path) -> Path:
    """The root with a rule for libraries."""
    manifest = root / "manifest.toml"
    manifest.write_text(manifest.read_text() + '\n[[publish]]\npath = "npm/**"\ncors = "any"\ncache = "immutable"\n')
    return root


def test_libraries_are_added(run: Run, listed: Path, registry: LocalRegistry) -> None:
    result = run("add", "hello@1.0.0", "@scope/world@1.0.0", "--registry", registry.url)
    assert (0, "") == (result.exit_code, result.stderr)
    assert ["hello@1.0.0", "@scope/world@1.0.0"] == [line.split()[0] for line in result.stdout.splitlines()]
    assert result.stdout.splitlines()[1].endswith("public/npm/@scope/world@1.0.0")
    assert (listed / "npm" / "hello@1.0.0" / "main.js").is_file()
    assert 'hello = "1.0.0"' in (listed / "manifest.toml").read_text()


def test_a_library_that_is_there_is_said_to_be(run: Run, listed: Path, registry: LocalRegistry) -> None:
    run("add", "hello@1.0.0", "--registry", registry.url)
    assert "here already" in run("add", "hello@1.0.0", "--registry", registry.url).stdout


def test_the_registry_may_be_a_variable(run: Run, listed: Path, registry: LocalRegistry) -> None:
    assert 0 == run("add", "hello@1.0.0", CDNSERVE_REGISTRY=registry.url).exit_code


def test_the_root_is_an_option(run: Run, listed: Path, registry: LocalRegistry) -> None:
    listed.rename(listed.parent / "files")
    assert 0 == run("add", "hello@1.0.0", "--root", "files", "--registry", registry.url).exit_code
    assert 0 == run("sync", "files", "--registry", registry.url).exit_code


def test_a_warning_is_told(run: Run, root: Path, registry: LocalRegistry) -> None:
    result = run("add", "hello@1.0.0", "--registry", registry.url)
    assert 0 == result.exit_code
    assert "[library-unlisted]" in result.stderr


def test_every_problem_is_told_and_nothing_changes(run: Run, listed: Path, registry: LocalRegistry) -> None:
    before = (listed / "manifest.toml").read_text()
    result = run("add", "hello", "world@^1", "--registry", registry.url)
    assert (1, "") == (result.exit_code, result.stdout)
    assert "[version-missing]" in result.stderr
    assert "world: the version is not exact" in result.stderr
    assert before == (listed / "manifest.toml").read_text()
    assert not (listed / "npm").exists()


def test_without_a_home_it_works_too(run: Run, listed: Path, registry: LocalRegistry) -> None:
    assert 0 == run("add", "hello@1.0.0", "--registry", registry.url, HOME="~").exit_code


def test_with_json_both_are_objects(run: Run, listed: Path, registry: LocalRegistry) -> None:
    added = json.loads(run("add", "hello@1.0.0", "--json", "--registry", registry.url).stdout)
    assert ["npm/hello@1.0.0"] == [one["folder"] for one in added["libraries"]]
    assert [] == added["problems"]
    synced = json.loads(run("sync", "--json", "--registry", registry.url).stdout)
    assert {"restored": [], "present": ["npm/hello@1.0.0"], "problems": []} == synced


def test_what_is_absent_is_restored(run: Run, listed: Path, registry: LocalRegistry) -> None:
    run("add", "hello@1.0.0", "@scope/world@1.0.0", "--registry", registry.url)
    (listed / "npm" / "hello@1.0.0").rename(listed.parent / "away")
    result = run("sync", "--registry", registry.url)
    assert (0, "") == (result.exit_code, result.stderr)
    assert result.stdout.startswith("hello@1.0.0 ")
    assert result.stdout.endswith("1 restored, 1 already here\n")
    assert (listed / "npm" / "hello@1.0.0" / "main.js").is_file()


def test_what_is_there_is_left_as_it_is(run: Run, listed: Path, registry: LocalRegistry) -> None:
    run("add", "hello@1.0.0", "--registry", registry.url)
    assert "0 restored, 1 already here\n" == run("sync", "--registry", registry.url).stdout


def test_a_library_added_is_served_and_has_a_tag(run: Run, listed: Path, registry: LocalRegistry) -> None:
    run("add", "@scope/world@1.0.0", "--registry", registry.url)
    tag = run("sri", "@scope/world@1.0.0").stdout
    assert tag.startswith('<script src="https://cdn.example.com/npm/@scope/world@1.0.0/main.js" integrity="sha384-')


def test_a_terminal_sees_bars(listed: Path, registry: LocalRegistry) -> None:
    status, written = run_on_terminal(
        "add",
        "hello@1.0.0",
        "@scope/world@1.0.0",
        "--registry",
        registry.url,
        cwd=listed.parent,
        HOME=str(listed.parent),
    )
    assert 0 == status
    assert "━" in written
    assert "@scope/world@1.0.0  2 files" in bare(written).splitlines()[-1]
