"""`purge-cdn` from deploy/edges: what it asks of each CDN, against a server and a program that note it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from cdnserve.origin.purge import purge

PROGRAM = Path(__file__).parents[2] / "deploy/edges/purge-cdn"
Asked = tuple[str, str, object]


@dataclass(slots=True)
class Api:
    """A server that notes paths, keys and documents, and answers with a status."""

    asked: list[Asked] = field(default_factory=list)
    status: int = 200
    address: str = ""


@pytest.fixture
def api() -> Iterator[Api]:
    noted = Api()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            document = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            key = self.headers["Authorization"] or self.headers["Fastly-Key"]
            noted.asked.append((self.path, key, document))
            self.send_response(noted.status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        noted.address = f"http://127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield noted
        server.shutdown()
        thread.join()


def run(*arguments: str, files: int = 2, **environment: str) -> tuple[int, str]:
    """Run it on what a release changed; return its status and what it said."""
    orders = purge(7, 6, [f"npm/x{number}@1.0.0/a b.js" for number in range(files)], "")
    done = subprocess.run(
        [sys.executable, PROGRAM, *arguments],
        input=orders.document(),
        env={"PATH": os.environ["PATH"], **environment},
        capture_output=True,
        timeout=60,
        check=False,
    )
    return done.returncode, done.stderr.decode()


def test_cloudflare_is_told_tags_a_hundred_at_a_time(api: Api) -> None:
    assert run("cloudflare", "ZONE", files=120, PURGE_API=api.address, CLOUDFLARE_TOKEN="secret") == (0, "")
    assert {(path, key) for path, key, _ in api.asked} == {("/client/v4/zones/ZONE/purge_cache", "Bearer secret")}
    tags = [document["tags"] for *_, document in api.asked if isinstance(document, dict)]
    assert [len(some) for some in tags] == [100, 100, 40]
    assert len({tag for some in tags for tag in some}) == 240


def test_fastly_is_told_keys(api: Api) -> None:
    assert run("fastly", "SERVICE", PURGE_API=api.address, FASTLY_KEY="secret") == (0, "")
    keys = ["x0", "x0@1.0.0", "x1", "x1@1.0.0"]
    assert api.asked == [("/service/SERVICE/purge", "secret", {"surrogate_keys": keys})]


@pytest.mark.parametrize(
    ("files", "expected"), [(2, ["/npm/x0@1.0.0/a%20b.js", "/npm/x1@1.0.0/a%20b.js"]), (3001, ["/*"])]
)
def test_cloudfront_is_told_paths(tmp_path: Path, files: int, expected: list[str]) -> None:
    aws = tmp_path / "aws"
    aws.write_text(f'#!/bin/sh\necho "$@" > {tmp_path}/arguments\ncat "${{6#file://}}" > {tmp_path}/batch\n')
    aws.chmod(0o755)
    assert run("cloudfront", "ID", files=files, PATH=f"{tmp_path}:{os.environ['PATH']}") == (0, "")
    arguments = (tmp_path / "arguments").read_text().split()
    assert arguments[:4] == ["cloudfront", "create-invalidation", "--distribution-id", "ID"]
    batch = json.loads((tmp_path / "batch").read_text())
    assert batch["Paths"] == {"Quantity": len(expected), "Items": expected}
    assert batch["CallerReference"].startswith("release-7-")


def test_what_goes_wrong_is_told(api: Api) -> None:
    api.status = 403
    told = run("fastly", "SERVICE", PURGE_API=api.address, FASTLY_KEY="secret")
    assert told == (1, "purge-cdn: fastly: status 403\n")
    assert run("fastly", "SERVICE") == (1, "purge-cdn: fastly needs 'FASTLY_KEY' in the environment\n")
    assert run("cloudfront", "ID", PATH="/nowhere")[0] == 1
    for arguments in ((), ("fastly",), ("akamai", "ID")):
        status, said = run(*arguments)
        assert (status, said.startswith("usage: ")) == (1, True)
