"""What a newcomer does wrong: each message says what is wrong, where, and what to do, and nothing is half done."""

from __future__ import annotations

import errno
import json
import os
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Run
from tests.npm.registry import Answer, LocalRegistry, packed, serving

RULE = '[[publish]]\npath = "**"\ncors = "any"\n'
FIRST = f"schema = 1\n{RULE}"
NAMES = ("a b.js", "a#b.js", "a?b.js", "a%20b.js", "ünï.js")


@pytest.fixture(scope="module")
def registry() -> Iterator[LocalRegistry]:
    """A registry with a package without a file for browsers, and one that it hides."""
    with serving() as running:
        running.publish("data", "1.0.0", packed({"package.json": '{"name": "data", "main": "a.json"}', "a.json": "{}"}))
        running.answer("/@acme%2Fsecret", Answer(403))
        yield running


def _wrote(manifest: str) -> Callable[[Path], None]:
    def write(root: Path) -> None:
        (root / "manifest.toml").write_text(manifest)

    return write


def _without_root(root: Path) -> None:
    root.rename(root.parent / "other")


def _without_manifest(root: Path) -> None:
    (root / "manifest.toml").unlink()


def _as_it_is(_: Path) -> None:
    """Change nothing."""


def _snapshot(folder: Path) -> dict[str, bytes]:
    """Return every file but those of releases and caches."""
    files = (path for path in folder.rglob("*") if path.is_file() and not {".cdnserve", ".cache"} & {*path.parts})
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


MISTAKES = [
    pytest.param(_without_root, "build", "public: there is no such folder", "cdnserve init public", id="no root"),
    pytest.param(_without_manifest, "build", "public/manifest.toml: there is no", "cdnserve init ", id="no manifest"),
    pytest.param(_as_it_is, "serve pubic", "pubic: there is no such folder", "did you mean public?", id="a wrong root"),
    pytest.param(
        _as_it_is,
        "build public/own/page.txt",
        "page.txt: there is no such folder",
        "name the folder",
        id="a file as root",
    ),
    pytest.param(
        _wrote(FIRST.replace("cors", "corss")),
        "build",
        "manifest.toml:4: no key",
        "did you mean cors?",
        id="a key's typo",
    ),
    pytest.param(
        _wrote(FIRST.replace('"any"', "any")),
        "build",
        "manifest.toml:4: not valid TOML",
        "double quotes",
        id="no quotes",
    ),
    pytest.param(
        _wrote(FIRST.replace("[[publish]]", "[publish]")), "build", "manifest.toml:2: ", "[[publish]]", id="one bracket"
    ),
    pytest.param(_wrote(RULE), "build", "manifest.toml:1: schema is missing", "schema = 1", id="no schema"),
    pytest.param(
        _wrote(FIRST.replace('"any"', '"*"')),
        "build",
        "manifest.toml:4: ",
        'cors = "any"',
        id="a policy as in a header",
    ),
    pytest.param(
        _wrote(FIRST.replace('"any"', '["https://a.example"]')),
        "build",
        "manifest.toml:4: ",
        "[cors.pages]",
        id="origins",
    ),
    pytest.param(
        _wrote(f'{FIRST}[cors.a]\nallow-origins = ["https://a.example/"]\n'),
        *("build", "manifest.toml:6: an origin ends before the slash", "write https://a.example"),
        id="an origin with a slash",
    ),
    pytest.param(
        _wrote(f'{FIRST}[cors.a]\nallow-origins = ["a.example"]\n'),
        *("build", "manifest.toml:6: an origin is scheme://host", "did you mean https://a.example?"),
        id="an origin without a scheme",
    ),
    pytest.param(
        _wrote('schema = 1\n[[publish]]\npath = "fnts/**"\n'),
        *("check", "manifest.toml:2: warning: this matches no file", "relative to the root"),
        id="a rule that matches nothing",
    ),
    pytest.param(
        _wrote('schema = 1\n[[publish]]\npath = "/own/**"\n'),
        *("build", "manifest.toml:3: a glob begins without a slash", "write own/**"),
        id="a rule with a slash",
    ),
    pytest.param(_as_it_is, "init", "there is a manifest already", "cdnserve check public", id="init again"),
    pytest.param(
        _as_it_is,
        "init site --url cdn.example.com",
        "no scheme and host",
        "https://cdn.example.com",
        id="a URL's host alone",
    ),
    pytest.param(_as_it_is, "add bootstrp", "no bootstrp", "did you mean bootstrap?", id="an unknown package"),
    pytest.param(_as_it_is, "add data@2", "the registry has no data@2", "it has 1.0.0", id="an unknown version"),
    pytest.param(_as_it_is, "add @acme/secret", "refuses @acme/secret", "configure a token", id="a package of others"),
    pytest.param(_as_it_is, "add data@", "data: this is neither a version", "data@1.2.3", id="a version left out"),
    pytest.param(_as_it_is, "add ./dist", "an address or a path", "--as NAME@VERSION", id="a folder without a name"),
    pytest.param(
        _as_it_is,
        "add data --registry http://127.0.0.1:1/",
        "takes no connection",
        "check the registry",
        id="no network",
    ),
    pytest.param(
        _as_it_is, "sri demo/1.0.0/gret.js", "gret.js: ", "did you mean demo/1.0.0/greet.js?", id="a file's typo"
    ),
    pytest.param(_as_it_is, "info jquery", "jquery: no hosted library", "cdnserve add NAME", id="what is not hosted"),
    pytest.param(_as_it_is, "importmap vue", "not hosted", "cdnserve add vue", id="a module that is not hosted"),
    pytest.param(
        _as_it_is, "import cdn.tar", "cdn.tar: No such file", "cdnserve export", id="an archive that is not there"
    ),
    pytest.param(_as_it_is, "serv", "No such command 'serv'", "Did you mean serve?", id="a command's typo"),
    pytest.param(_as_it_is, "serve --prot 1", "No such option '--prot'", "--port", id="an option's typo"),
    pytest.param(
        _as_it_is, "serve -p http", "'http' is not a whole number", "serve --help", id="a port that is no number"
    ),
]


@pytest.mark.parametrize(("prepare", "line", "what", "advice"), MISTAKES)
def test_a_mistake_is_told_and_nothing_is_half_done(
    run: Run, root: Path, registry: LocalRegistry, prepare: Callable[[Path], None], line: str, what: str, advice: str
) -> None:
    prepare(root)
    before = _snapshot(root.parent)
    result = run(*line.split(), CDNSERVE_REGISTRY=registry.url)
    assert result.exit_code in (1, 2)
    assert what in result.stderr
    assert advice in result.stderr
    assert "Traceback" not in result.output
    after = _snapshot(root.parent)
    # A build that these begin with is whole, and records what is immutable.
    recorded = after.pop("public/manifest.lock", None)
    assert recorded is None or line.split(maxsplit=1)[0] in ("sri", "info", "importmap")
    assert before == after


def test_a_package_without_a_file_for_browsers_is_added_and_says_so(
    run: Run, root: Path, registry: LocalRegistry
) -> None:
    result = run("add", "data", "--publish", "--registry", registry.url)
    assert 0 == result.exit_code
    assert "npm/data@1.0.0: warning: no package.json in it names a public file for browsers" in result.stderr
    assert (root / "npm/data@1.0.0/a.json").is_file()


def test_a_port_in_use_is_told(run: Run, root: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        result = run("serve", "-p", str(port))
    assert 1 == result.exit_code
    assert f"127.0.0.1:{port}: Address already in use [address-unusable]" in result.stderr
    assert "choose another with --host and --port" in result.stderr


def test_a_folder_that_can_not_be_read_is_told(run: Run, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    open_folder = os.open

    def refuse(path: Any, *rest: Any, **more: Any) -> int:
        if str(path).endswith("partners"):
            raise PermissionError(errno.EACCES, "Permission denied")
        return open_folder(path, *rest, **more)

    monkeypatch.setattr(os, "open", refuse)
    result = run("check")
    assert 1 == result.exit_code
    assert "partners/: warning: left out" in result.stderr
    assert "[folder-unreadable]" in result.stderr
    assert "hint:" in result.stderr


def test_names_with_signs_of_urls_are_served_and_named_right(run: Run, root: Path) -> None:
    for name in NAMES:
        (root / "own" / name).write_text("let a;\n")
    listed = [line.partition("\t")[0] for line in run("list", "own").stdout.splitlines()]
    assert sorted([*(f"own/{name}" for name in NAMES), "own/page.txt"]) == listed
    tags = json.loads(run("sri", "--json", *(f"own/{name}" for name in NAMES)).stdout)
    written = ["a%20b.js", "a%23b.js", "a%3Fb.js", "a%2520b.js", "%C3%BCn%C3%AF.js"]
    assert [f"https://cdn.example.com/own/{name}" for name in written] == [tag["url"] for tag in tags]
    for name in NAMES:
        assert 0 == run("explain", f"own/{name}").exit_code


def test_names_that_no_url_can_have_are_left_out_and_told(run: Run, root: Path) -> None:
    (root / "own" / "a\\b.js").write_text("let a;\n")
    result = run("build")
    assert 0 == result.exit_code
    assert "own/a\\b.js: warning: left out: the name holds a backslash [name-refused]" in result.stderr
    assert "hint:  rename it" in result.stderr
