"""`cdnserve add`, `remove`, `update`, `outdated` and `sync`, against a registry on loopback."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.conftest import Run
from tests.cli.processes import bare, run_on_terminal
from tests.npm.registry import LocalRegistry, packed, serving


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
    assert ["hello@1.0.0", "@scope/world@1.0.0"] == [line.split()[0] for line in result.stdout.splitlines()[:2]]
    assert result.stdout.splitlines()[1].endswith("public/npm/@scope/world@1.0.0")
    assert (listed / "npm" / "hello@1.0.0" / "main.js").is_file()
    assert 'hello = "1.0.0"' in (listed / "manifest.toml").read_text()


def test_a_library_that_is_there_is_said_to_be(run: Run, listed: Path, registry: LocalRegistry) -> None:
    run("add", "hello@1.0.0", "--json", "--registry", registry.url)
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
    result = run("add", "hello@a/b", "../world", "--registry", registry.url)
    assert (1, "") == (result.exit_code, result.stdout)
    assert "[version-malformed]" in result.stderr
    assert "[package-name]" in result.stderr
    assert before == (listed / "manifest.toml").read_text()
    assert not (listed / "npm").exists()


def test_without_a_home_it_works_too(run: Run, listed: Path, registry: LocalRegistry) -> None:
    assert 0 == run("add", "hello@1.0.0", "--registry", registry.url, HOME="~").exit_code


def test_with_json_both_are_objects(run: Run, listed: Path, registry: LocalRegistry) -> None:
    added = json.loads(run("add", "hello@1.0.0", "--json", "--registry", registry.url).stdout)
    assert ["npm/hello@1.0.0"] == [one["folder"] for one in added["libraries"]]
    assert [] == added["problems"]
    synced = json.loads(run("sync", "--json", "--registry", registry.url).stdout)
    assert {"restored": [], "present": ["npm/hello@1.0.0"], "pruned": [], "problems": []} == synced


def test_what_is_absent_is_restored(run: Run, listed: Path, registry: LocalRegistry) -> None:
    run("add", "hello@1.0.0", "@scope/world@1.0.0", "--json", "--registry", registry.url)
    (listed / "npm" / "hello@1.0.0").rename(listed.parent / "away")
    result = run("sync", "--registry", registry.url)
    assert (0, "") == (result.exit_code, result.stderr)
    assert result.stdout.startswith("hello@1.0.0 ")
    assert result.stdout.endswith("1 restored, 1 already here\n")
    assert (listed / "npm" / "hello@1.0.0" / "main.js").is_file()


def test_what_is_there_is_left_as_it_is(run: Run, listed: Path, registry: LocalRegistry) -> None:
    run("add", "hello@1.0.0", "--json", "--registry", registry.url)
    assert "0 restored, 1 already here\n" == run("sync", "--registry", registry.url).stdout


def test_a_library_added_is_served_and_has_a_tag(run: Run, listed: Path, registry: LocalRegistry) -> None:
    run("add", "@scope/world@1.0.0", "--json", "--registry", registry.url)
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
    assert "@scope/world@1.0.0  2 files" in bare(written)


def test_ranges_globs_and_exact_versions_are_recorded(run: Run, listed: Path, registry: LocalRegistry) -> None:
    registry.publish("hello", "1.1.0", packed({"package.json": "{}", "a.js": "a", "b.css": "b"}))
    run("add", "hello@^1.0", "--json", "--registry", registry.url)
    run("add", "hello@1.0.0", "--json", "--registry", registry.url)
    run("add", "@scope/world", "--exact", "--files", "*.js", "--files", "*.css", "--json", "--registry", registry.url)
    text = (listed / "manifest.toml").read_text()
    assert 'hello = ["^1.0", "1.0.0"]\n' in text
    assert '"@scope/world" = { version = "1.0.0", files = ["*.js", "*.css"] }\n' in text


def test_a_deprecation_is_told_without_what_a_terminal_would_obey(
    run: Run, listed: Path, registry: LocalRegistry
) -> None:
    registry.publish("hello", "1.0.0", packed({"a.js": "a"}), deprecated="no\x1b[2J\nmore")
    result = run("add", "hello", "--registry", registry.url)
    assert "[version-deprecated]" in result.stderr
    assert "\x1b" not in result.stderr


def test_libraries_are_removed(run: Run, listed: Path, registry: LocalRegistry) -> None:
    run("add", "hello", "@scope/world@1.0.0", "--json", "--registry", registry.url)
    result = run("remove", "hello", "@scope/world@^1")
    assert (0, "") == (result.exit_code, result.stderr)
    assert [
        "hello@1.0.0  removed",
        "@scope/world@1.0.0  removed",
        "hello@^1.0.0  removed from the manifest",
        "@scope/world@1.0.0  removed from the manifest",
    ] == result.stdout.splitlines()
    assert "hello" not in (listed / "manifest.toml").read_text()


def test_a_removal_in_json(run: Run, listed: Path, registry: LocalRegistry) -> None:
    run("add", "hello", "--json", "--registry", registry.url)
    removed = json.loads(run("remove", "hello", "--json").stdout)
    assert {"removed": ["hello@1.0.0"], "requirements": ["hello@^1.0.0"], "problems": []} == removed
    again = run("remove", "hello", "--json")
    assert 1 == again.exit_code
    assert ["library-not-hosted"] == [one["reference"] for one in json.loads(again.stdout)["problems"]]


@pytest.fixture
def behind(run: Run, listed: Path, registry: LocalRegistry) -> LocalRegistry:
    """A registry that has newer versions than the root."""
    registry.publish("hello", "1.0.0", packed({"a.js": "a"}), unpackedSize=10_000)
    run("add", "hello", "--json", "--registry", registry.url)
    registry.publish("hello", "1.1.0", packed({"a.js": "a"}), unpackedSize=2_108_752)
    registry.publish("hello", "2.0.0", packed({"a.js": "a"}), unpackedSize=5)
    return registry


def test_what_is_behind_is_listed_in_a_pipe(run: Run, behind: LocalRegistry) -> None:
    result = run("outdated", "--registry", behind.url)
    assert (0, "") == (result.exit_code, result.stderr)
    assert ["hello", "^1.0.0", "1.0.0", "1.1.0", "2.0.0", "+2098752", ""] == result.stdout.removesuffix("\n").split(
        "\t"
    )


def test_what_is_behind_is_a_table_on_a_terminal(listed: Path, behind: LocalRegistry) -> None:
    home = str(listed.parent)
    status, written = run_on_terminal("outdated", "hello", "--registry", behind.url, cwd=listed.parent, HOME=home)
    assert 0 == status
    assert "deprecated" not in written
    assert {"library", "wanted", "latest", "size", "hello", "+2.002", "MiB"} <= set(bare(written).split())


def test_what_is_behind_fails_a_check(run: Run, behind: LocalRegistry) -> None:
    assert 1 == run("outdated", "--check", "--registry", behind.url).exit_code
    run("update", "--latest", "--registry", behind.url)
    result = run("outdated", "--check", "--registry", behind.url)
    assert (0, "", "nothing is behind\n") == (result.exit_code, result.stdout, result.stderr)


def test_what_is_behind_in_json(run: Run, behind: LocalRegistry) -> None:
    (one,) = json.loads(run("outdated", "--json", "--registry", behind.url).stdout)["outdated"]
    expected = {"name": "hello", "current": "1.0.0", "wanted": "1.1.0", "latest": "2.0.0", "growth": 2_098_752}
    assert expected.items() <= one.items()


def test_libraries_are_updated(run: Run, listed: Path, behind: LocalRegistry) -> None:
    result = run("update", "--registry", behind.url)
    assert (0, "") == (result.exit_code, result.stderr)
    assert "hello@1.1.0  added beside 1.0.0\n" == result.stdout
    assert "everything is as new as the manifest allows\n" == run("update", "--registry", behind.url).stdout
    latest = run("update", "--latest", "--prune", "--registry", behind.url).stdout.splitlines()
    assert [
        "hello@2.0.0  added beside 1.1.0, the manifest says ^2.0.0 for ^1.0.0",
        "hello@1.0.0  removed",
        "hello@1.1.0  removed",
    ] == latest
    assert ["hello@2.0.0"] == [path.name for path in (listed / "npm").iterdir()]


def test_what_two_requirements_stand_for_is_told_once(run: Run, listed: Path, behind: LocalRegistry) -> None:
    manifest = listed / "manifest.toml"
    manifest.write_text(manifest.read_text().replace('hello = "^1.0.0"', 'hello = ["^1.0.0", "1.x"]'))
    assert "hello@1.1.0  added beside 1.0.0\n" == run("update", "--registry", behind.url).stdout


def test_what_was_written_by_hand_is_added(run: Run, listed: Path, behind: LocalRegistry) -> None:
    manifest = listed / "manifest.toml"
    manifest.write_text(manifest.read_text().replace('hello = "^1.0.0"', 'hello = ["1.0.0", "2.0.0"]'))
    assert "hello@2.0.0  added\n" == run("update", "--registry", behind.url).stdout


def test_an_update_can_be_tried(run: Run, listed: Path, behind: LocalRegistry) -> None:
    result = run("update", "hello", "--latest", "--prune", "--dry-run", "--registry", behind.url)
    assert result.stdout.splitlines() == [
        "hello@2.0.0  would be added beside 1.0.0, the manifest says ^2.0.0 for ^1.0.0",
        "hello@1.0.0  would be removed",
    ]
    assert ["hello@1.0.0"] == [path.name for path in (listed / "npm").iterdir()]


def test_an_update_in_json(run: Run, behind: LocalRegistry) -> None:
    updated = json.loads(run("update", "--json", "--registry", behind.url).stdout)
    assert [("hello", "1.1.0")] == [(one["name"], one["version"]) for one in updated["updates"]]
    assert (["npm/hello@1.1.0"], [], []) == (
        [one["folder"] for one in updated["libraries"]],
        updated["pruned"],
        updated["problems"],
    )


def test_a_check_changes_nothing_and_tells_by_its_status(run: Run, listed: Path, registry: LocalRegistry) -> None:
    run("add", "hello", "@scope/world", "--json", "--registry", registry.url)
    result = run("sync", "--check")
    assert (0, "2 compared with the tarball\nall is as the lock says\n") == (result.exit_code, result.stdout)
    result = run("sync", "--check", CDNSERVE_CACHE="off")
    assert (0, "2 here, with nothing to compare them with") == (result.exit_code, result.stdout.splitlines()[0])
    (listed / "npm" / "hello@1.0.0" / "main.js").write_text("mine")
    (listed / "npm" / "old@1.0.0").mkdir()
    (listed / "npm" / "old@1.0.0" / "a.js").write_text("old")
    result = run("sync", "--check")
    assert (1, "2 problems") == (result.exit_code, result.stdout.splitlines()[-1])
    assert "[library-changed]" in result.stderr
    assert "[library-surplus]" in result.stderr
    assert (listed / "npm" / "old@1.0.0").exists()


def test_a_check_in_json(run: Run, listed: Path, registry: LocalRegistry) -> None:
    run("add", "hello", "--json", "--registry", registry.url)
    checked = json.loads(run("sync", "--check", "--json").stdout)
    assert {"libraries": [{"library": "hello@1.0.0", "compared": "tarball"}], "problems": []} == checked


def test_a_check_prunes_nothing(run: Run, listed: Path) -> None:
    assert 2 == run("sync", "--check", "--prune").exit_code


def test_surplus_is_pruned(run: Run, listed: Path) -> None:
    (listed / "npm" / "old@1.0.0").mkdir(parents=True)
    (listed / "npm" / "old@1.0.0" / "a.js").write_text("old")
    assert "[library-surplus]" in run("sync").stderr
    result = run("sync", "--prune")
    assert ("npm/old@1.0.0  removed\n0 restored, 0 already here\n", "") == (result.stdout, result.stderr)


def test_files_that_come_back_are_counted(run: Run, listed: Path, registry: LocalRegistry) -> None:
    run("add", "hello", "--json", "--registry", registry.url)
    (listed / "npm" / "hello@1.0.0" / "main.js").unlink()
    result = run("sync")
    assert ", 1 restored" in result.stdout
    assert result.stdout.endswith("1 restored, 0 already here\n")


def test_a_clone_without_libraries_is_no_site(run: Run, listed: Path, registry: LocalRegistry) -> None:
    """The commands of the documented image, in their order: what the first restores the second would miss."""
    document = (Path(__file__).parents[3] / "docs/production.md").read_text(encoding="utf-8")
    commands = re.findall(r"^RUN cdnserve (.*)$", document, re.MULTILINE)
    assert ["sync", "build --locked"] == commands
    run("add", "hello@1.0.0", "--json", "--registry", registry.url)
    run("build")
    shutil.rmtree(listed / "npm")
    shutil.rmtree(listed / ".cdnserve")
    for arguments in (["check"], ["build", "--locked"]):
        refused = run(*arguments)
        assert 1 == refused.exit_code
        assert "[library-absent]" in refused.stderr
        assert "run cdnserve sync" in refused.stderr
    assert not (listed / ".cdnserve/current").exists()
    for command in commands:
        assert 0 == run(*command.split(), CDNSERVE_REGISTRY=registry.url).exit_code
    assert "npm/hello@1.0.0/main.js" in run("list").stdout
