"""`cdnserve sri`: tags and hashes for files, public paths, libraries and URLs."""

from __future__ import annotations

import base64
import hashlib
import json
from pathlib import Path

import pytest

from tests.cli.conftest import FILES, Run
from tests.cli.processes import run_in_pipe, run_on_terminal
from tests.npm.registry import Answer, serving

GREET = FILES["demo/1.0.0/greet.js"].encode()


def expression(content: bytes, algorithm: str = "sha384") -> str:
    """Hash as SRI does, by the standard library alone."""
    return f"{algorithm}-{base64.b64encode(hashlib.new(algorithm, content).digest()).decode()}"


@pytest.mark.parametrize(
    "target",
    [
        pytest.param("demo/1.0.0/greet.js", id="a public path"),
        pytest.param("/demo/1.0.0/greet.js", id="with a slash"),
        pytest.param("public/demo/1.0.0/greet.js", id="a file that is published"),
    ],
)
def test_a_published_script_gets_its_whole_address(run: Run, target: str) -> None:
    result = run("sri", target)
    assert (0, "") == (result.exit_code, result.stderr)
    assert (
        f'<script src="https://cdn.example.com/demo/1.0.0/greet.js" integrity="{expression(GREET)}"'
        ' crossorigin="anonymous"></script>\n'
    ) == result.stdout


def test_the_kind_of_a_script_is_seen_or_said(run: Run) -> None:
    assert 'type="module"' in run("sri", "demo/1.0.0/module.js").stdout
    assert 'type="module"' not in run("sri", "demo/1.0.0/greet.js").stdout
    assert 'type="module"' not in run("sri", "--classic", "demo/1.0.0/module.js").stdout
    assert 'type="module"' in run("sri", "--module", "demo/1.0.0/greet.js").stdout


def test_several_targets_are_told_in_order(run: Run) -> None:
    lines = run("sri", "demo/1.0.0/style.css", "demo/1.0.0/greet.js").stdout.splitlines()
    assert ["<link", "<script"] == [line.split()[0] for line in lines]


@pytest.mark.parametrize(
    ("form", "expected"),
    [
        pytest.param("hash", f"{expression(GREET)}  demo/1.0.0/greet.js\n", id="hash"),
        pytest.param("csp", f"script-src '{expression(GREET)}'\n", id="csp"),
    ],
)
def test_each_format_is_written(run: Run, form: str, expected: str) -> None:
    assert expected == run("sri", "--format", form, "demo/1.0.0/greet.js").stdout


def test_an_import_map_names_the_module(run: Run) -> None:
    written = json.loads(run("sri", "--format", "importmap", "demo/1.0.0/module.js").stdout)
    url = "https://cdn.example.com/demo/1.0.0/module.js"
    assert [url] == list(written["imports"].values())
    assert {url: expression(FILES["demo/1.0.0/module.js"].encode())} == written["integrity"]


@pytest.mark.parametrize("arguments", [("--json",), ("--format", "json"), ("--json", "--format", "hash")])
def test_json_is_a_list_of_objects(run: Run, arguments: tuple[str, ...]) -> None:
    (written,) = json.loads(run("sri", *arguments, "demo/1.0.0/greet.js").stdout)
    assert {"sha384": expression(GREET)} == written["integrity"]
    assert "demo/1.0.0/greet.js" == written["path"]


def test_algorithms_are_named_as_people_write_them(run: Run) -> None:
    result = run("sri", "--format", "hash", "--algorithm", "SHA-512", "--algorithm", "sha256", "demo/1.0.0/greet.js")
    expected = f"{expression(GREET, 'sha256')} {expression(GREET, 'sha512')}  demo/1.0.0/greet.js\n"
    assert expected == result.stdout


def test_an_algorithm_that_browsers_do_not_know_is_a_problem(run: Run) -> None:
    result = run("sri", "--algorithm", "md5", "demo/1.0.0/greet.js")
    assert (1, "") == (result.exit_code, result.stdout)
    assert "[algorithm-unknown]" in result.stderr


def test_a_local_file_needs_no_manifest(tmp_path: Path) -> None:
    (tmp_path / "a.css").write_bytes(b"body {}")
    result = run_in_pipe("sri", "--format", "hash", "a.css", cwd=tmp_path)
    assert (0, f"{expression(b'body {}')}  a.css\n", "") == (result.returncode, result.stdout, result.stderr)
    assert [tmp_path / "a.css"] == list(tmp_path.iterdir())


def test_a_file_in_a_root_without_a_manifest_is_a_local_file(tmp_path: Path) -> None:
    (tmp_path / "public").mkdir()
    (tmp_path / "public" / "a.css").write_bytes(b"body {}")
    assert "where this file will be served is not known" in run_in_pipe("sri", "public/a.css", cwd=tmp_path).stdout


def test_an_unlisted_file_in_the_root_is_a_local_file(run: Run) -> None:
    (written,) = json.loads(run("sri", "public/demo/1.0.0/greet.js.map", "--json").stdout)
    assert "cdn.example.com" not in written["url"]
    assert {"sha384": expression(FILES["demo/1.0.0/greet.js.map"].encode())} == written["integrity"]


def test_all_targets_that_mean_nothing_are_told_and_nothing_else(run: Run) -> None:
    result = run("sri", "demo/1.0.0/greet.js", "nothing.js", "demo/1.0.0/gret.js")
    assert (1, "") == (result.exit_code, result.stdout)
    assert 2 == result.stderr.count("[target-unknown]")
    assert "did you mean demo/1.0.0/greet.js?" in result.stderr


def test_with_json_problems_are_json(run: Run) -> None:
    result = run("sri", "--json", "nothing.js")
    assert (1, "") == (result.exit_code, result.stderr)
    assert ["target-unknown"] == [problem["reference"] for problem in json.loads(result.stdout)["problems"]]


def test_without_a_root_a_public_path_is_a_problem(tmp_path: Path) -> None:
    result = run_in_pipe("sri", "demo/1.0.0/greet.js", cwd=tmp_path)
    assert (1, "") == (result.returncode, result.stdout)
    assert "[root-missing]" in result.stderr


def test_a_url_is_fetched_and_hashed(run: Run) -> None:
    with serving() as elsewhere:
        fields = {"Content-Type": "text/javascript", "Access-Control-Allow-Origin": "*"}
        url = elsewhere.answer("/lib.js", Answer(body=GREET, fields=fields))
        result = run("sri", url)
    assert (0, "") == (result.exit_code, result.stderr)
    assert f'<script src="{url}" integrity="{expression(GREET)}" crossorigin="anonymous"></script>\n' == result.stdout


def test_what_a_server_says_reaches_no_terminal_as_it_is(tmp_path: Path) -> None:
    """A media type may hold an escape sequence; a tag shows it escaped."""
    with serving() as elsewhere:
        url = elsewhere.answer("/a.woff2", Answer(body=b"x", fields={"Content-Type": "font/\x1b[2Jwoff2"}))
        status, written = run_on_terminal("sri", url, cwd=tmp_path)
    assert 0 == status
    assert "\x1b[2J" not in written
    assert "font/\\x1b[2Jwoff2" in written


def test_a_hostile_name_reaches_no_terminal_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "a\x1b[2J.js").write_text("x")
    for form in ("html", "json", "importmap", "csp", "hash"):
        status, written = run_on_terminal("sri", "--format", form, "a\x1b[2J.js", cwd=tmp_path)
        assert 0 == status
        assert "\x1b[2J" not in written


@pytest.fixture
def library(root: Path) -> str:
    """The only version of a hosted library."""
    (root / "npm/lib@1.2.0").mkdir(parents=True)
    (root / "npm/lib@1.2.0/index.js").write_text("let lib;\n")
    (root / "npm/lib@1.2.0/package.json").write_text('{"main": "index.js"}')
    manifest = (root / "manifest.toml").read_text()
    (root / "manifest.toml").write_text(f'{manifest}[[publish]]\npath = "npm/**"\ncors = "any"\n')
    return "lib@1.2.0"


@pytest.mark.parametrize(
    ("target", "note"),
    [
        pytest.param("lib", "lib is lib@1.2.0 today\n", id="a name"),
        pytest.param("lib@^1", "lib@^1 is lib@1.2.0 today\n", id="a range"),
        pytest.param("lib@latest/index.js", "lib@latest/index.js is lib@1.2.0/index.js today\n", id="a tag and a file"),
        pytest.param("/npm/lib/index.js", "/npm/lib/index.js is npm/lib@1.2.0/index.js today\n", id="an address"),
        pytest.param("lib@1.2.0", "", id="an exact version"),
    ],
)
def test_an_alias_gets_the_tag_of_what_it_is_today(run: Run, library: str, target: str, note: str) -> None:
    result = run("sri", target)
    assert (0, note) == (result.exit_code, result.stderr)
    assert run("sri", f"npm/{library}/index.js").stdout == result.stdout
    (written,) = json.loads(run("sri", target, "--json").stdout)
    assert written["exact"] is (note == "")
    assert written["url"].endswith("/npm/lib@1.2.0/index.js")


@pytest.mark.parametrize("form", ["html", "importmap"])
def test_without_a_host_one_line_says_where_to_set_it(run: Run, root: Path, form: str) -> None:
    (root / "manifest.toml").write_text((root / "manifest.toml").read_text().replace("url =", "# url ="))
    result = run("sri", "--format", form, "demo/1.0.0/module.js", "demo/1.0.0/greet.js")
    assert 'these addresses have no host: set url = "https://…" in [site] of public/manifest.toml\n' == result.stderr
    assert "" == run("sri", "--format", "hash", "demo/1.0.0/module.js").stderr


def test_what_varies_has_no_tag(run: Run) -> None:
    with serving() as elsewhere:
        url = elsewhere.answer("/lib.js", Answer(body=GREET, fields={"Vary": "User-Agent"}))
        result = run("sri", url)
    assert (1, "") == (result.exit_code, result.stdout)
    assert "[target-varies]" in result.stderr
