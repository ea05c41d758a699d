"""`cdnserve init`: the manifest that a new root begins with, and the roots that commands take."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from cdnserve.cli.main import main
from cdnserve.manifest.reader import read_manifest


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder, which is the current one."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("CDNSERVE_ROOT", raising=False)
    return tmp_path


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, arguments)


def test_a_first_manifest_publishes_libraries_for_good_and_own_files(folder: Path) -> None:
    result = run("init")
    assert (0, "wrote public/manifest.toml\nnext: cdnserve add jquery\n") == (result.exit_code, result.output)
    result = run("init", ".")
    assert (0, "wrote manifest.toml\nnext: cdnserve add jquery\n") == (result.exit_code, result.output)
    rules = read_manifest(folder / "public/manifest.toml").rules
    assert [("any", "immutable"), ("any", "revalidate")] == [(rule.cors.name, rule.cache.name) for rule in rules]


def test_url_and_origins_stand_in_it(folder: Path) -> None:
    origins = ("--origins", "https://a.example,https://b.example", "--origins", "https://*.example.org")
    assert 0 == run("init", "site", "--url", "https://cdn.example.com", *origins).exit_code
    manifest = read_manifest(folder / "site/manifest.toml")
    assert "https://cdn.example.com" == manifest.site.url
    assert ["any", "pages"] == [rule.cors.name for rule in manifest.rules]
    text = (folder / "site/manifest.toml").read_text(encoding="utf-8")
    assert 'allow-origins = ["https://a.example", "https://b.example", "https://*.example.org"]' in text


def test_what_is_wrong_with_an_option_is_told_and_nothing_is_written(folder: Path) -> None:
    result = run("init", "--origins", "https://a.example/", "--url", "cdn")
    assert 1 == result.exit_code
    assert "write https://a.example" in result.output
    assert "[site-url-invalid]" in result.output
    assert [] == list(folder.iterdir())


def test_a_manifest_that_is_there_is_left_alone(folder: Path) -> None:
    (folder / "manifest.toml").write_text("# mine", encoding="utf-8")
    result = run("init")
    assert 1 == result.exit_code
    assert "manifest.toml: there is a manifest already [manifest-there]" in result.output
    assert "# mine" == (folder / "manifest.toml").read_text(encoding="utf-8")


@pytest.mark.parametrize("command", ["serve", "build", "check", "list", "sync", "gc", "releases"])
def test_where_there_is_no_manifest_a_command_names_the_one_that_writes_it(folder: Path, command: str) -> None:
    result = run(command)
    assert 1 == result.exit_code
    assert "cdnserve init public" in result.output


def test_a_root_that_is_nearly_right_is_told(folder: Path) -> None:
    run("init")
    result = run("check", "pubic")
    assert (1, True) == (result.exit_code, "did you mean public?" in result.output)


def test_a_manifest_beside_the_root_is_explained(folder: Path) -> None:
    run("init", ".")
    (folder / "public").mkdir()
    result = run("check", "public")
    assert 1 == result.exit_code
    assert f"{folder / 'manifest.toml'} governs its own folder" in result.output


@pytest.mark.parametrize("arguments", [("public",), ("public/manifest.toml",), ("--root", "public"), ()])
def test_a_root_is_named_in_any_of_these_ways(folder: Path, arguments: tuple[str, ...]) -> None:
    run("init")
    (folder / "public/a.js").write_text("1", encoding="utf-8")
    assert 0 == run("build", *arguments).exit_code
    assert (folder / "public/.cdnserve").is_dir()


def test_the_folder_with_the_manifest_is_the_root(folder: Path) -> None:
    run("init", ".")
    (folder / "a.js").write_text("1", encoding="utf-8")
    assert 0 == run("build").exit_code
    assert (folder / ".cdnserve").is_dir()


def test_a_root_is_named_once(folder: Path) -> None:
    result = run("check", "public", "--root", "public")
    assert (2, True) == (result.exit_code, "name the root once" in result.output)
