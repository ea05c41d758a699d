"""`cdnserve verify`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from cdnserve.release.build import build
from tests.cli.conftest import Run
from tests.cli.processes import bare, run_on_terminal
from tests.server.serving import serving, settings
from tests.verify import sins
from tests.verify.edge import edge


def test_a_server_of_this_release_has_no_finding(run: Run, root: Path, tmp_path: Path) -> None:
    build(root, root / ".cdnserve")
    with serving(settings(root, root / ".cdnserve"), tmp_path / "log.txt") as served:
        url = f"http://{served.address[0]}:{served.address[1]}"
        result = run("verify", url)
        assert (0, "") == (result.exit_code, result.stderr)
        assert result.stdout.startswith("no findings in 7 paths of release 1, ")
        told = json.loads(run("verify", f"{url}/", "--json", "--path", "demo/**").stdout)
        assert (url, 1, 3, [], []) == tuple(told[key] for key in ("url", "release", "paths", "findings", "problems"))
        assert "no findings in 1 path " in run("verify", url, "--sample", "1").stdout
        assert "no findings in 2 paths " in run("verify", url, "--sample", "20%", "--concurrency", "1").stdout
        status, written = run_on_terminal("verify", url, cwd=root.parent)
        assert 0 == status
        assert "7/7" in bare(written)
        assert bare(written).rstrip().splitlines()[-1].strip().startswith("no findings in 7 paths")


def test_findings_are_told_with_examples(run: Run, root: Path, tmp_path: Path) -> None:
    build(root, root / ".cdnserve")
    running = serving(settings(root, root / ".cdnserve"), tmp_path / "log.txt")
    with running as served, edge(served.address, sins.weakening) as authority:
        result = run("verify", "http://cdn.example", "--resolve", authority, "--header", "X-Staging: 1")
        told = json.loads(run("verify", f"http://{authority}", "--json").stdout)
    assert (1, "") == (result.exit_code, result.stderr)
    lines = result.stdout.splitlines()
    assert "the edge made the entity tag weak [etag-weakened]" == lines[0]
    assert lines[1].endswith("answers for 7 paths, such as")
    assert "    /accounts/me.json  GET with " in lines[2]
    assert lines[3].startswith('        etag: expected "')
    assert lines[-1].startswith("1 finding in 7 paths of release 1, ")
    (finding,) = told["findings"]
    assert ("etag-weakened", 7, 5) == (finding["id"], finding["paths"], len(finding["examples"]))
    assert {"path", "asked", "detail"} == set(finding["examples"][0])


def test_where_nobody_answers_that_is_a_problem(run: Run, root: Path) -> None:
    assert "[release-missing]" in run("verify", "http://127.0.0.1:1").stderr
    build(root, root / ".cdnserve")
    result = run("verify", "http://127.0.0.1:1")
    assert (1, "") == (result.exit_code, result.stdout)
    assert "http://127.0.0.1:1: the host takes no connection [edge-unreachable]" in result.stderr
    assert "[edge-url]" in run("verify", "cdn.example.com").stderr
    assert "[verify-nothing]" in run("verify", "http://127.0.0.1:1", "--path", "none/**").stderr


@pytest.mark.parametrize(
    "arguments",
    [
        pytest.param(("--sample", "some"), id="a sample in words"),
        pytest.param(("--sample", "0"), id="a sample of none"),
        pytest.param(("--sample", "0%"), id="no per cent"),
        pytest.param(("--sample", "101%"), id="more than all"),
        pytest.param(("--sample", "²"), id="a digit that is none"),
        pytest.param(("--header", "no colon"), id="a field without a colon"),
        pytest.param(("--header", "a: b\r\nc: d"), id="two fields in one"),
        pytest.param(("--concurrency", "0"), id="nobody who asks"),
    ],
)
def test_wrong_usage(run: Run, arguments: tuple[str, ...]) -> None:
    assert 2 == run("verify", "http://127.0.0.1:1", *arguments).exit_code
