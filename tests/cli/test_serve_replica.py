"""`cdnserve serve --store`, as a process: what it says, where it keeps what it fetched, and when it does not start."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner

from cdnserve.cli.main import main
from cdnserve.release.build import build
from tests.cli.conftest import FILES
from tests.cli.processes import run_in_pipe, serving
from tests.cli.test_serve import address, get
from tests.server.replicas import as_store


def test_it_serves_what_was_published_and_starts_without_the_store(root: Path, tmp_path: Path) -> None:
    build(root, tmp_path / "state")
    place = {"cwd": tmp_path, "XDG_CACHE_HOME": str(tmp_path / "shared")}
    store = as_store(tmp_path / "state", tmp_path / "store")
    options = ("--store", store, "--port", "0")
    with serving(*options, **place) as server:  # type: ignore[arg-type]
        url = address(server)
        assert f"release 1: 7 public files, from {store}" == server.stdout.until("release")
        assert FILES["demo/1.0.0/greet.js"].encode() == get(f"{url}/demo/1.0.0/greet.js")
    (cache,) = (tmp_path / "shared/cdnserve-replicas").iterdir()
    assert {"blobs", "current", "drafts", "releases", "seen"} == {path.name for path in cache.iterdir()}
    shutil.rmtree(tmp_path / "store")
    with serving(*options, **place) as server:  # type: ignore[arg-type]
        assert FILES["demo/1.0.0/greet.js"].encode() == get(f"{address(server)}/demo/1.0.0/greet.js")
    shutil.rmtree(cache)
    failed = run_in_pipe("serve", *options, **place)  # type: ignore[arg-type]
    assert (1, "") == (failed.returncode, failed.stdout)
    assert "[store-missing]" in failed.stderr


@pytest.mark.parametrize("where", [["public"], ["--root", "public"]])
def test_it_takes_no_root(where: list[str]) -> None:
    done = CliRunner().invoke(main, ["serve", *where, "--store", "s3://bucket/prefix"])
    assert 2 == done.exit_code
    assert "it takes no ROOT" in done.output
