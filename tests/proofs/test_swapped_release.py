"""The manifest and all files are swapped under load: every response belongs wholly to one release."""

from __future__ import annotations

import base64
import gzip
import hashlib
import random
import signal
from collections import defaultdict
from pathlib import Path

import pytest

from tests.contract.wire import Connection, Response, message
from tests.proofs.clients import asking
from tests.proofs.instance import instance
from tests.server.serving import eventually

RELEASES = 9
CLIENTS = 4
PAGE = "https://app.example.com"
MANIFEST = """\
schema = 1
[[publish]]
path = "files/**"
cors = "{cors}"
cache = "dated"
[cors.partners]
allow-origins = ["{page}"]
[cache.dated]
max-age = {age}
"""
# Shorter as gzip, kept in memory, and sent from the page cache.
SIZES = {"files/app.js": 20_000, "files/font.woff2": 40_000, "files/large.woff2": 400_000}


def content(release: int, path: str) -> bytes:
    """Return the bytes of a file in a release; no two releases share any."""
    if path.endswith(".js"):
        return (f"export const release{release} = {release};\n" * 1000).encode()[: SIZES[path]]
    return random.Random(f"{release} {path}").randbytes(SIZES[path])


def plant(folder: Path, release: int) -> Path:
    """Write what a release is made of: in odd ones the policy is another."""
    cors = "partners" if release % 2 else "any"
    folder.joinpath("files").mkdir(parents=True)
    (folder / "manifest.toml").write_text(MANIFEST.format(cors=cors, page=PAGE, age=1000 + release))
    for path in SIZES:
        (folder / path).write_bytes(content(release, path))
    return folder


BODIES = {content(release, path): (release, path) for release in range(1, RELEASES + 1) for path in SIZES}


def judge(response: Response) -> int:
    """Tell of which release a response is, having found that all of it is."""
    coded = response.get("content-encoding") == "gzip"
    body = gzip.decompress(response.body) if coded else response.body
    release, path = BODIES[body]
    assert coded == path.endswith(".js")
    assert 200 == response.status
    assert f"public, max-age={1000 + release}" == response["cache-control"]
    is_listed = release % 2 == 1
    assert (PAGE if is_listed else "*") == response["access-control-allow-origin"]
    expected = ({"accept-encoding"} if coded else set()) | ({"origin"} if is_listed else set())
    assert expected == response.members("vary")
    digest = base64.urlsafe_b64encode(hashlib.sha256(response.body).digest()).decode().rstrip("=")
    assert f'"{digest}"' == response["etag"]
    return release


def swap(root: Path, to: Path) -> None:
    """Let the root be another folder, in one step, as deployments do."""
    coming = root.with_name("coming")
    coming.symlink_to(to)
    coming.replace(root)


@pytest.mark.parametrize(
    "options",
    [
        pytest.param([], id="the fast lane"),
        pytest.param(["--no-fast-lane"], id="the ASGI edge"),
        pytest.param(["--workers", "2"], id="the fast lane, two workers"),
        pytest.param(["--workers", "2", "--no-fast-lane"], id="the ASGI edge, two workers"),
    ],
)
def test_every_response_is_of_one_release(tmp_path: Path, options: list[str]) -> None:
    folders = [plant(tmp_path / f"release-{release}", release) for release in range(1, RELEASES + 1)]
    root = tmp_path / "public"
    root.symlink_to(folders[0])
    # Of each client, the releases in their order; of each body, its entity tags; and what is asked with one.
    seen: list[list[int]] = [[] for _ in range(CLIENTS)]
    tags: defaultdict[bytes, set[str]] = defaultdict(set)

    def take(client: int, response: Response) -> None:
        release = judge(response)
        tags[response.body].add(response["etag"])
        if not seen[client] or seen[client][-1] != release:
            seen[client].append(release)

    fields = [("Origin", PAGE), ("Accept-Encoding", "gzip")]
    requests = [message("GET", f"/{path}", fields) for path in SIZES]
    with instance(root, "--state", str(tmp_path / "state"), *options) as server:
        with asking([server.connect() for _ in range(CLIENTS)], requests, take) as clients:
            for release, folder in enumerate(folders, 1):
                if release > 1:
                    swap(root, folder)
                    server.signal(signal.SIGHUP)
                assert eventually(lambda now=release: all(releases[-1:] == [now] for releases in seen)), seen  # type: ignore[misc]
        assert [(None, None)] * CLIENTS == [(client.broken, client.failure) for client in clients]
        assert [list(range(1, RELEASES + 1))] * CLIENTS == seen
        assert {1} == {len(of_one) for of_one in tags.values()}
        assert len(tags) == len({tag for of_one in tags.values() for tag in of_one}) == RELEASES * len(SIZES)
        assert_not_modified_is_of_one(server.connect(), tags)
        assert 0 == server.end()
    assert not [line for line in server.told() if "Traceback" in line]


def assert_not_modified_is_of_one(connection: Connection, tags: dict[bytes, set[str]]) -> None:
    """An entity tag of the last release is current, one of any release before is not."""
    last = content(RELEASES, "files/font.woff2")
    with connection:
        for body, of_one in tags.items():
            if BODIES.get(body, (0, ""))[1] == "files/font.woff2":
                asked = message("GET", "/files/font.woff2", [("If-None-Match", min(of_one))])
                response = connection.exchange(asked)
                assert (304 if body == last else 200) == response.status
                assert f"public, max-age={1000 + RELEASES}" == response["cache-control"]
