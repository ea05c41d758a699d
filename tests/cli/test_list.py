"""`cdnserve list`."""

from __future__ import annotations

import base64
import hashlib
import json
from pathlib import Path

import pytest

from tests.cli.conftest import FILES, Run
from tests.cli.processes import bare, run_on_terminal

PUBLIC = [
    "accounts/me.json",
    "demo/1.0.0/greet.js",
    "demo/1.0.0/module.js",
    "demo/1.0.0/style.css",
    "framed/a.json",
    "own/page.txt",
    "partners/shops.json",
]


def integrity(path: str) -> str:
    """Hash a file of the root as SRI does."""
    return "sha384-" + base64.b64encode(hashlib.sha384(FILES[path].encode()).digest()).decode()


def test_a_pipe_gets_a_line_of_nine_fields_for_each_public_file(run: Run) -> None:
    result = run("list")
    assert (0, "") == (result.exit_code, result.stderr)
    rows = [line.split("\t") for line in result.stdout.splitlines()]
    assert PUBLIC == [row[0] for row in rows]
    assert {9} == {len(row) for row in rows}


def test_a_line_says_type_policy_caching_sizes_and_integrity(run: Run) -> None:
    lines = {line.split("\t")[0]: line.split("\t")[1:] for line in run("list").stdout.splitlines()}
    size = str(len(FILES["demo/1.0.0/greet.js"]))
    kind, cors, cache, octets, br, gzip, zstd, hashed = lines["demo/1.0.0/greet.js"]
    assert ("text/javascript", "any", "immutable", size) == (kind, cors, cache, octets)
    assert all(0 < int(coded) < int(octets) for coded in (br, gzip))
    assert "" == zstd
    assert integrity("demo/1.0.0/greet.js") == hashed
    assert ["application/json", "partners", "revalidate", "14", "", "", ""] == lines["partners/shops.json"][:-1]


def test_with_json_it_is_an_object_of_assets(run: Run) -> None:
    result = run("list", "--json")
    listed = json.loads(result.stdout)
    assert (0, 1, []) == (result.exit_code, listed["release"], listed["problems"])
    assets = {asset["path"]: asset for asset in listed["assets"]}
    assert PUBLIC == list(assets)
    shops = assets["partners/shops.json"]
    assert {
        "path": "partners/shops.json",
        "url": "https://cdn.example.com/partners/shops.json",
        "media_type": "application/json",
        "octets": {"identity": 14},
        "cors": "partners",
        "cache": "revalidate",
        "cache_control": "public, no-cache",
        "rule": "manifest.toml:12",
        "integrity": integrity("partners/shops.json"),
        "last_modified": None,
    } == shops
    assert {"identity", "br", "gzip"} == set(assets["demo/1.0.0/greet.js"]["octets"])


def test_what_has_changed_is_built_first(run: Run, root: Path) -> None:
    run("list")
    (root / "own" / "new.txt").write_text("new")
    assert "own/new.txt" in run("list").stdout


def test_nothing_public_is_nothing_written(run: Run, root: Path) -> None:
    (root / "manifest.toml").write_text("schema = 1\n")
    result = run("list")
    assert (0, "") == (result.exit_code, result.stdout)


def test_warnings_go_to_stderr(run: Run, root: Path) -> None:
    (root / "demo" / "gone.js").symlink_to("nowhere")
    result = run("list")
    assert 0 == result.exit_code
    assert "[link-dangles]" in result.stderr
    assert "gone.js" not in result.stdout


def test_a_broken_manifest_is_a_problem(run: Run, root: Path) -> None:
    (root / "manifest.toml").write_text("schema = 2\n")
    assert 1 == run("list").exit_code
    assert 1 == len(json.loads(run("list", "--json").stdout)["problems"])


@pytest.mark.parametrize(
    ("columns", "shown", "hidden"),
    [
        pytest.param(40, ["path", "media type"], ["zstd", "integrity"], id="narrow"),
        pytest.param(80, ["path", "cors", "cache", "octets"], ["integrity"], id="usual"),
        pytest.param(120, ["zstd", "integrity", "…"], [], id="wide"),
        pytest.param(200, ["zstd", integrity("partners/shops.json")], ["…"], id="very wide"),
    ],
)
def test_a_terminal_gets_as_much_of_a_table_as_fits(
    root: Path, columns: int, shown: list[str], hidden: list[str]
) -> None:
    status, written = run_on_terminal("list", "--files", cwd=root.parent, columns=columns)
    assert 0 == status
    written = bare(written)
    for path in PUBLIC:
        assert path in written
    assert [text for text in shown if text not in written] == []
    assert [text for text in hidden if text in written] == []
    assert "7 public files in release 1" in written.splitlines()[-1]


def test_a_path_that_is_wider_than_the_terminal_is_folded(root: Path) -> None:
    name = "x" * 100 + "end.txt"
    (root / "own" / name).write_text("x")
    _, written = run_on_terminal("list", "own", cwd=root.parent, columns=60)
    assert name in "".join(line.strip() for line in bare(written).splitlines())


@pytest.fixture
def libraries(root: Path) -> Path:
    """The root with two versions of a library, and a file at its top."""
    for version in ("1.9.0", "1.10.0"):
        (root / f"npm/@scope/lib@{version}").mkdir(parents=True)
        (root / f"npm/@scope/lib@{version}/index.js").write_text(f"let lib = '{version}';\n")
    (root / "robots.txt").write_text("User-agent: *\n")
    with (root / "manifest.toml").open("a") as manifest:
        manifest.write('[[publish]]\npath = ["npm/**", "robots.txt"]\ncors = "any"\n')
    return root


@pytest.mark.parametrize(
    ("operands", "expected"),
    [
        pytest.param(
            ["@scope/lib"], ["npm/@scope/lib@1.10.0/index.js", "npm/@scope/lib@1.9.0/index.js"], id="a library"
        ),
        pytest.param(["@scope/lib@1.9.0"], ["npm/@scope/lib@1.9.0/index.js"], id="a version"),
        pytest.param(["partners/"], ["partners/shops.json"], id="a folder"),
        pytest.param(["demo/1.0.0/style.css"], ["demo/1.0.0/style.css"], id="a file"),
        pytest.param(["/"], ["robots.txt"], id="what lies in no folder"),
        pytest.param(["public", "own"], ["own/page.txt"], id="in a root"),
        pytest.param(["public/manifest.toml", "own"], ["own/page.txt"], id="in the root of a manifest"),
    ],
)
def test_a_name_limits_it(run: Run, libraries: Path, operands: list[str], expected: list[str]) -> None:
    result = run("list", *operands)
    assert (0, expected) == (result.exit_code, [line.partition("\t")[0] for line in result.stdout.splitlines()])


def test_a_folder_with_a_manifest_is_the_root(run: Run) -> None:
    assert run("list").stdout == run("list", "public").stdout == run("list", "public/manifest.toml").stdout


@pytest.mark.parametrize(
    ("name", "hint"), [("prtners", "did you mean partners?"), ("zzz", "see all names: cdnserve list"), ("drafts", "")]
)
def test_a_name_of_nothing_public_is_a_problem(run: Run, name: str, hint: str) -> None:
    result = run("list", name)
    assert (1, "") == (result.exit_code, result.stdout)
    assert f"{name}: no public library or folder has this name" in result.stderr
    assert hint in result.stderr


def test_more_than_a_root_and_a_name_is_a_usage_error(run: Run) -> None:
    assert 2 == run("list", "a", "b", "c").exit_code
    assert 2 == run("list", "public", "--root", "public").exit_code


def test_a_terminal_gets_libraries_and_folders(libraries: Path) -> None:
    """The libraries first; where the line is too short, old versions are cut off."""
    status, written = run_on_terminal("list", cwd=libraries.parent, columns=72)
    lines = bare(written).splitlines()
    assert 0 == status
    assert max(len(line) for line in lines if "reading" not in line) <= 72
    rows = [line.split() for line in lines]
    begin = next(at for at, row in enumerate(rows) if row[:2] == ["name", "files"])
    assert ["@scope/lib", "/", "accounts/", "demo/"] == [row[0] for row in rows[begin + 2 : begin + 6]]
    assert ["@scope/lib", "2", "39", "octets", "any", "revalidate", "1.10.0,"] == rows[begin + 2][:7]
    assert lines[-1].startswith("10 public files in release 1, ")
