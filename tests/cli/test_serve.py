"""`cdnserve serve`, as a process: what it says, serves, watches, and how it ends."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from cdnserve.cli.serve import prepare
from cdnserve.release.build import build
from cdnserve.release.store import Store
from tests.cli.conftest import FILES
from tests.cli.processes import COMMAND, SECONDS, UNMEASURED, Serving, environment, run_in_pipe, serving

DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def address(server: Serving) -> str:
    """Read the address from the first line, as a script would."""
    line = server.stdout.until("")
    found = re.fullmatch(r"listening on (http://127\.0\.0\.1:\d+)", line)
    assert found, line
    return found[1]


def get(url: str) -> bytes:
    """Fetch a URL."""
    with DIRECT.open(url, timeout=30) as response:
        content: bytes = response.read()
        return content


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_serves_and_a_signal_ends_it_well(root: Path, number: signal.Signals) -> None:
    with serving("--port", "0", cwd=root.parent) as server:
        url = address(server)
        assert FILES["demo/1.0.0/greet.js"].encode() == get(f"{url}/demo/1.0.0/greet.js")
        with pytest.raises(urllib.error.HTTPError, match="404"):
            get(f"{url}/drafts/notes.txt")
        assert 0 == server.stop(number)
        told = [line.split(" ", 1)[1] for line in server.stderr.rest()]
        assert [f"serving release 1 on {url}", "draining, for 30 seconds at most"] == told[:2]
        assert ["drained"] == [line.split()[0] for line in told[2:]]


@pytest.mark.parametrize("form", ["text", "json"])
def test_it_serves_and_ends_well_though_nobody_reads_its_output_any_more(root: Path, form: str) -> None:
    """As in `cdnserve serve 2>&1 | tee log`, where Ctrl-C ends tee, too."""
    reader, writer = os.pipe()
    command = [*COMMAND, "serve", "--port", "0", "--access-log", "combined", "--log-format", form]
    with (
        # Not forked: its streams are those that Python opens.
        subprocess.Popen(
            command, cwd=root.parent, env=environment(**UNMEASURED), stdout=writer, stderr=writer
        ) as process,
        open(reader, encoding="ascii") as output,
    ):
        os.close(writer)
        url = next(line for line in output if line.startswith("listening on ")).split()[-1]
        output.close()
        assert FILES["demo/1.0.0/greet.js"].encode() == get(f"{url}/demo/1.0.0/greet.js")
        process.terminate()
        assert 0 == process.wait(SECONDS)


def test_it_says_how_much_is_public_and_gives_a_tag_to_try(root: Path) -> None:
    with serving("--port", "0", cwd=root.parent) as server:
        url = address(server)
        assert "release 1: 7 public files, watching public for changes" == server.stdout.until("release")
        tag = server.stdout.until("to try")
        assert f'<script src="{url}/demo/1.0.0/greet.js" integrity="sha384-' in tag
        assert 'crossorigin="anonymous"' in tag
        found = re.search(r'src="([^"]+)"', tag)
        assert found
        assert FILES["demo/1.0.0/greet.js"].encode() == get(found[1])


def test_a_change_is_served_without_a_restart(root: Path) -> None:
    with serving("--port", "0", cwd=root.parent) as server:
        url = address(server)
        (root / "own" / "page.txt").write_text("changed\n")
        assert server.stderr.until("release 2 is served").endswith("7 files are public")
        assert b"changed\n" == get(f"{url}/own/page.txt")


def test_a_broken_manifest_is_reported_and_the_last_good_release_served_on(root: Path) -> None:
    manifest = root / "manifest.toml"
    good = manifest.read_text()
    with serving("--port", "0", cwd=root.parent) as server:
        url = address(server)
        manifest.write_text(good.replace('cors = "any"', 'cors = "anny"'))
        assert server.stderr.until("[name-unknown]").startswith("manifest.toml:9: ")
        server.stderr.until("the last good release is served on")
        assert FILES["demo/1.0.0/greet.js"].encode() == get(f"{url}/demo/1.0.0/greet.js")
        manifest.write_text(good.replace('path = "own/**"', 'path = ["own/**", "drafts/**"]'))
        server.stderr.until("release 2 is served")
        assert b"not yet\n" == get(f"{url}/drafts/notes.txt")
        assert 0 == server.stop(signal.SIGTERM)
        assert not any("Traceback" in line for line in server.stderr.rest())


def test_a_broken_manifest_at_the_start_is_a_failure(root: Path) -> None:
    (root / "manifest.toml").write_text("schema = 1\nfoo = 1\nbar = 2\n")
    result = run_in_pipe("serve", "--port", "0", cwd=root.parent)
    assert (1, "") == (result.returncode, result.stdout)
    assert ["manifest.toml:2", "manifest.toml:3"] == re.findall(r"^manifest\.toml:\d", result.stderr, re.MULTILINE)


def test_an_address_that_is_taken_is_a_problem(root: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        result = run_in_pipe("serve", "--port", str(port), cwd=root.parent)
    assert (1, "") == (result.returncode, result.stdout)
    assert f"127.0.0.1:{port}: " in result.stderr
    assert "[address-unusable]" in result.stderr


@pytest.mark.parametrize(
    "host",
    [
        pytest.param("no.such.host.invalid", id="a name that leads nowhere"),
        pytest.param("203.0.113.1", id="an address of another machine"),
        pytest.param(f"{'x' * 70}.example", id="a label that is too long"),
    ],
)
def test_a_host_that_can_not_be_had_is_a_problem(root: Path, host: str) -> None:
    result = run_in_pipe("serve", "--host", host, "--port", "0", cwd=root.parent)
    assert (1, "") == (result.returncode, result.stdout)
    assert "[address-unusable]" in result.stderr
    assert "Traceback" not in result.stderr


def test_a_warning_is_told_and_no_failure(root: Path) -> None:
    (root / "demo" / "gone.js").symlink_to("nowhere")
    with serving("--port", "0", cwd=root.parent) as server:
        address(server)
        assert server.stderr.until("[link-dangles]").startswith("demo/gone.js: warning: ")


def test_options_reach_the_server(root: Path) -> None:
    """Two workers, the ASGI edge, and lines in JSON after the first ones."""
    options = ("--port", "0", "--workers", "2", "--access-log", "json", "--no-fast-lane", "--head-size", "2KiB")
    with serving(*options, cwd=root.parent) as server:
        url = address(server)
        server.stdout.until("to try")
        assert get(f"{url}/own/page.txt")
        assert "GET /own/page.txt HTTP/1.1" == json.loads(server.stdout.until("own/page.txt"))["request"]
        with pytest.raises(urllib.error.HTTPError, match="431"):
            DIRECT.open(urllib.request.Request(url, headers={"X": "x" * 4000}), timeout=30)
        assert 0 == server.stop(signal.SIGTERM)


def test_settings_come_from_the_environment_too(root: Path) -> None:
    root.rename(root.parent / "files")
    state = str(root.parent / "state")
    with serving(cwd=root.parent, CDNSERVE_ROOT="files", CDNSERVE_STATE=state, CDNSERVE_PORT="0") as server:
        assert get(f"{address(server)}/own/page.txt")
    assert (root.parent / "state" / "current").is_file()


def test_the_log_as_json(root: Path) -> None:
    """Every line on stderr is an object, from the start to the end; on stdout there is the address alone."""
    manifest = root / "manifest.toml"
    (root / "demo" / "gone.js").symlink_to("nowhere")
    options = ("--port", "0", "--workers", "2", "--log-format", "json", "--admin-port", "0", "--shutdown-delay", "1")
    with serving(*options, cwd=root.parent, **UNMEASURED) as server:
        url = address(server)
        admin = json.loads(server.stderr.until('"admin"'))["address"]
        assert b"release 1\n" == get(f"{admin}/-/ready")
        manifest.write_text(manifest.read_text().replace('cors = "any"', 'cors = "anny"'))
        refused = json.loads(server.stderr.until('"refused"'))
        assert (1, ["name-unknown"]) == (refused["problems"], refused["ids"])
        manifest.write_text(manifest.read_text().replace('cors = "anny"', 'cors = "none"'))
        swap = json.loads(server.stderr.until('"swap"'))
        assert (1, 2, 7) == (swap["before"], swap["now"], swap["files"])
        assert 0 == server.stop(signal.SIGTERM)
        events = [json.loads(line) for line in server.stderr.rest()]
        names = [event["event"] for event in events]
        assert ["problem", "start", "admin", "problem", "refused"] == names[:5]
        assert ["shutdown-delay", "drain-begin", "drain-end"] == names[-3:]
        assert 1 == names.count("swap")
        start = events[1]
        assert (1, 2, url) == (start["release"], start["workers"], start["address"])
        assert [f"listening on {url}"] == server.stdout.rest()


def test_no_start_as_json(root: Path) -> None:
    (root / "manifest.toml").write_text("schema = 1\nfoo = 1\n")
    result = run_in_pipe("serve", "--port", "0", cwd=root.parent, CDNSERVE_LOG_FORMAT="json")
    assert (1, "") == (result.returncode, result.stdout)
    problem, refused = map(json.loads, result.stderr.splitlines())
    assert ("manifest.toml:2", ["key-unknown"]) == (problem["where"], refused["ids"])


URL = "http://127.0.0.1:8000"


def lines(folder: Path, files: dict[str, str], rules: str, url: str = URL) -> list[str]:
    """Build files under rules, and give what is said."""
    root = folder / "public"
    for path, text in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text)
    (root / "manifest.toml").write_text(f"schema = 1\n{rules}")
    store = Store(folder / "state")
    build(root, folder / "state")
    return ["".join(text for text, _ in line) for line in prepare(Path("public"), store, store.load()).lines(url)]


ANY = '[[publish]]\npath = "**"\ncors = "any"\n'


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        pytest.param({"a.css": "a", "z/b.js": "b", "x.woff2": "c"}, f'<script src="{URL}/z/b.js"', id="a script"),
        pytest.param({"a.woff2": "a", "z/b.css": "b"}, f'<link rel="stylesheet" href="{URL}/z/b.css"', id="a style"),
        pytest.param({"a.png": "a", "z/b.woff2": "b"}, '<link rel="preload" as="font"', id="a font"),
        pytest.param({"a.json": "{}", "b.png": "b"}, f'<img src="{URL}/b.png"', id="an image"),
        pytest.param({"x/a.js": "a", "b.js": "b"}, f'<script src="{URL}/b.js"', id="the nearest"),
        pytest.param({"a.js": "export {}"}, '<script type="module"', id="a module"),
        pytest.param(
            {
                "npm/x@1.0.0/package.json": '{"name": "x", "version": "1.0.0", "main": "./dist/min/x.js"}',
                "npm/x@1.0.0/a.js": "a",
                "npm/x@1.0.0/dist/min/x.js": "x",
            },
            f'<script src="{URL}/npm/x@1.0.0/dist/min/x.js"',
            id="what a library names",
        ),
    ],
)
def test_the_best_file_is_tried(tmp_path: Path, files: dict[str, str], expected: str) -> None:
    assert f"to try: {expected}" in lines(tmp_path, files, ANY)[2]


def test_what_not_every_origin_may_read_is_not_tried(tmp_path: Path) -> None:
    said = lines(tmp_path, {"a.js": "a"}, '[[publish]]\npath = "**"\n')
    release = "release 1: 1 public file, watching public for changes"
    assert ["listening on http://127.0.0.1:8000", release, "pages: http://127.0.0.1:8000/-/"] == said


def test_nothing_public_leads_to_the_manifest(tmp_path: Path) -> None:
    said = lines(tmp_path, {"a.js": "a"}, "")
    assert "nothing is public yet: add a [[publish]] rule to public/manifest.toml" == said[-1]
    assert not any("to try" in line for line in said)


def test_where_there_are_rules_none_is_missing(tmp_path: Path) -> None:
    """The build says why nothing is public (`library-absent`, say): a second reason would be wrong."""
    said = lines(tmp_path, {"a.js": "a"}, ANY.replace("**", "npm/**"))
    release = "release 1: 0 public files, watching public for changes"
    assert ["listening on http://127.0.0.1:8000", release, "pages: http://127.0.0.1:8000/-/"] == said


def test_pages_that_are_off_have_no_address(tmp_path: Path) -> None:
    assert not any("/-/" in line for line in lines(tmp_path, {"a.js": "a"}, "[site]\npages = false\n" + ANY))


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        pytest.param("http://0.0.0.0:80", "http://127.0.0.1:80/a.js", id="all IPv4 interfaces"),
        pytest.param("http://[::]:80", "http://[::1]:80/a.js", id="all interfaces"),
        pytest.param("http://192.0.2.1:80", "http://192.0.2.1:80/a.js", id="one interface"),
    ],
)
def test_the_address_to_try_is_one_that_browsers_open(tmp_path: Path, url: str, expected: str) -> None:
    said = lines(tmp_path, {"a.js": "a"}, ANY, url)
    assert f"listening on {url}" == said[0]
    assert f'"{expected}"' in said[2]
