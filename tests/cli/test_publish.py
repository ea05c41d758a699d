"""`cdnserve publish`, and the commands that look at an object store instead of a folder."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from tests.cli.conftest import Run


@pytest.fixture
def url(tmp_path: Path) -> str:
    folder = tmp_path / "bucket"
    folder.mkdir()
    return f"file://{folder}"


def test_publishing_says_what_it_did(run: Run, root: Path, url: str) -> None:
    result = run("publish", "--store", url)
    assert result.exit_code == 0, result.stderr
    assert result.stdout.startswith(f"release 1 in {url}: is current; ")
    assert run("publish", CDNSERVE_STORE=url).stdout == (
        f"release 1 in {url}: nothing has changed; 0 stored files uploaded (0 octets)\n"
    )


def test_publishing_as_json_says_what_to_purge(run: Run, root: Path, url: str) -> None:
    run("publish", "--store", url)
    (root / "own/page.txt").write_text("changed\n")
    result = json.loads(run("publish", "--store", url, "--json").stdout)
    assert (result["release"], result["left"], result["changed"], result["stored_files"]) == (2, 1, True, 1)
    assert result["purge"] == {
        "release": 2,
        "left": 1,
        "paths": ["/own/page.txt"],
        "urls": ["https://cdn.example.com/own/page.txt"],
        "tags": ["own/"],
    }


def test_the_purge_command_is_told_what_to_forget(run: Run, root: Path, url: str, tmp_path: Path) -> None:
    command = f"cat > {tmp_path}/purged"
    assert run("publish", "--store", url, "--purge-command", command).exit_code == 0
    assert json.loads((tmp_path / "purged").read_text())["release"] == 1
    (tmp_path / "purged").unlink()
    assert run("publish", "--store", url, "--purge-command", command).exit_code == 0
    assert not (tmp_path / "purged").exists()


@pytest.mark.parametrize(
    ("command", "told"), [("exit 3", "exit status 3"), ("kill -9 $$", "signal 9"), ("./no-such", "exit status 127")]
)
def test_a_purge_command_that_fails_is_told_after_the_release(run: Run, url: str, command: str, told: str) -> None:
    result = run("publish", "--store", url, "--purge-command", command)
    assert result.exit_code == 1
    assert result.stdout.startswith("release 1 in ")
    assert "[purge-failed]" in result.stderr
    assert told in result.stderr


def test_without_a_store_it_says_how_to_name_one(run: Run) -> None:
    result = run("publish")
    assert (result.exit_code, "--store URL" in result.stderr) == (2, True)


def test_what_is_no_store_is_a_problem(run: Run) -> None:
    for command in (["publish"], ["list"], ["releases"], ["rollback"], ["gc"], ["verify", "http://127.0.0.1:1"]):
        result = run(*command, "--store", "ftp://x")
        assert (result.exit_code, "[store-url]" in result.stderr) == (1, True), command


def test_a_store_is_looked_at_without_a_root(run: Run, root: Path, url: str) -> None:
    """As on a machine that has nothing but the store."""
    run("publish", "--store", url)
    here = {name: run(name, *more).stdout for name, more in QUESTIONS.items()}
    shutil.rmtree(root)
    there = {name: run(name, *more, "--store", url).stdout for name, more in QUESTIONS.items()}
    assert here == there


def test_what_lies_on_the_disk_says_nothing_of_a_store(run: Run, root: Path, url: str) -> None:
    run("publish", "--store", url)
    (root / "own/absent.txt").write_text("not published yet\n")
    result = run("explain", "/own/absent.txt", "--store", url)
    assert result.exit_code == 1
    assert "the release has no such file" in result.stdout
    assert str(root) not in result.stdout


QUESTIONS = {
    "list": ["--files"],
    "explain": ["/own/page.txt", "--origin", "https://app.example.com"],
    "sri": ["/own/page.txt", "--format", "hash"],
}


def test_libraries_of_a_store_are_known_without_a_root(run: Run, root: Path, url: str, tmp_path: Path) -> None:
    """Their package.json comes from the store as well, where it is public."""
    for name, described, text in (
        ("app@1.0.0", {"module": "i.js", "license": "MIT", "dependencies": {"dep": "^1"}}, "import 'dep'"),
        ("dep@1.1.0", {"exports": "./i.js"}, "export {}"),
    ):
        folder = root / "npm" / name
        folder.mkdir(parents=True)
        (folder / "package.json").write_text(json.dumps(described))
        (folder / "i.js").write_text(text)
    manifest = root / "manifest.toml"
    manifest.write_text(manifest.read_text() + '\n[[publish]]\npath = "npm/**"\ncors = "any"\ncache = "immutable"\n')
    page = tmp_path / "page.html"
    page.write_text(
        '<script type="module" src="https://cdn.example.com/npm/app@1.0.0/i.js" integrity="sha384-x"></script>'
    )
    asked = {"importmap": ["app"], "info": ["app"], "audit": [str(page)]}
    assert run("publish", "--store", url).exit_code == 0
    here = {name: run(name, *more) for name, more in asked.items()}
    shutil.rmtree(root)
    there = {name: run(name, *more, "--store", url) for name, more in asked.items()}
    for name in asked:
        assert here[name].stdout == there[name].stdout, name
        assert here[name].exit_code == there[name].exit_code, name
    assert '"dep": "https://cdn.example.com/npm/dep@1.1.0/i.js"' in there["importmap"].stdout
    assert "dep ^1 (1.1.0)" in there["info"].stdout
    assert there["audit"].exit_code == 1


def test_releases_rollback_and_gc_work_on_a_store(run: Run, root: Path, url: str) -> None:
    run("publish", "--store", url)
    (root / "own/page.txt").write_text("changed\n")
    run("publish", "--store", url)
    shutil.rmtree(root)
    rows = [line.split("\t") for line in run("releases", "--store", url).stdout.splitlines()]
    assert [(row[0], row[-1]) for row in rows] == [("1", ""), ("2", "current")]
    assert run("rollback", "--store", url).stdout.splitlines()[0] == "release 1 is current, release 2 was"
    states = [line.split("\t")[-1] for line in run("releases", "--store", url).stdout.splitlines()]
    assert states == ["current", "rolled back from"]
    result = run("gc", "--store", url, "--keep", "1")
    assert result.stdout.splitlines()[-2:] == ["release 1 stays: current", "release 2 stays: rolled back from"]


def test_gc_on_a_store_has_a_grace_time(run: Run, url: str) -> None:
    result = run("gc", "--store", url, "--grace", "60")
    assert (result.exit_code, "10800 seconds" in result.stderr) == (2, True)


def test_a_promise_is_taken_back_in_the_store(run: Run, root: Path, url: str, tmp_path: Path) -> None:
    library = root / "demo/forgotten.js"
    library.write_text("first\n")
    run("publish", "--store", url)
    library.write_text("second\n")
    run("forget", "demo/forgotten.js", "--yes")
    refused = run("publish", "--store", url)
    assert refused.exit_code == 1
    assert f"cdnserve forget demo/forgotten.js --store {url}" in refused.stderr
    assert run("forget", "demo/nothing.js", "--store", url, "--yes").exit_code == 1
    assert run("forget", "demo/forgotten.js", "--store", url, "--yes").stdout.startswith("1 path is forgotten: run ")
    assert run("publish", "--store", url).exit_code == 0
