"""A page that has left six public CDNs, in Chromium without a network: all of it runs from here alone.

The libraries come from the npm registry that this machine is configured for; skips where none can be asked.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from tests.browser.conftest import FLAGS
from tests.browser.pages import NO_ICON, Pages
from tests.forked import Forked

pytestmark = [pytest.mark.browser, pytest.mark.network]

# A name that no resolver knows; Chromium is told to take our server for it.
HOST = "cdn.invalid"
MANIFEST = f"""schema = 1
[site]
url = "http://{HOST}"
[[publish]]
path = "npm/**"
cors = "any"
cache = "immutable"
"""
PUBLISHED = "sha384-QWTKZyjpPEjISv5WaRU9OFeRpok6YctnYmDr5pNlyT2bRjXh0JMhjY6hW+ALEwIH"
PAGE = f"""<!doctype html>
<html lang="en">
<head>
  <meta charset="utf-8">
  <title>migrated</title>
  {NO_ICON}
  <link rel="preconnect" href="https://fonts.gstatic.com" crossorigin>
  <link href="https://fonts.googleapis.com/css2?family=Lora:ital,wght@0,400;1,700&amp;display=swap" rel="stylesheet">
  <link rel="stylesheet" href="https://cdn.jsdelivr.net/npm/bootstrap@5.3.3/dist/css/bootstrap.min.css"
        integrity="{PUBLISHED}" crossorigin="anonymous">
  <script src="https://ajax.googleapis.com/ajax/libs/jquery/3.7.1/jquery.min.js"></script>
  <script src='https://cdn.jsdelivr.net/npm/bootstrap@5.3.3'></script>
  <script src=https://unpkg.com/htmx.org@2></script>
  <script src="//cdnjs.cloudflare.com/ajax/libs/lodash.js/4.17.21/lodash.min.js"></script>
  <script type="importmap">
  {{
    "imports": {{
      "preact": "https://esm.sh/preact@10"
    }}
  }}
  </script>
  <link rel="modulepreload" href="https://esm.sh/preact@10">
</head>
<body>
  <p class="d-none" id="hidden">hidden by Bootstrap</p>
  <p style="font: 16px Lora">regular <em style="font-weight: 700">bold and italic</em></p>
  <script type="module">
    import {{ h, render }} from "preact";
    render(h("b", {{ id: "rendered" }}, "by Preact"), document.body.appendChild(document.createElement("div")));
  </script>
</body>
</html>
"""
ABSENT = {"registry-unknown", "registry-unreachable"}


@dataclass(frozen=True)
class Visit:
    """What happened while a page was loaded."""

    complaints: list[str] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    hosts: set[str] = field(default_factory=set)


@dataclass(frozen=True)
class Migrated:
    """A page after the migration, and what the command said of it."""

    root: Path
    html: str
    summary: dict[str, Any]
    audit: dict[str, Any]


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "cdnserve", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)


@pytest.fixture(scope="module")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Migrated:
    """Migrate the page with the real registry, once."""
    folder = tmp_path_factory.mktemp("migrated")
    root, file = folder / "public", folder / "page.html"
    root.mkdir()
    (root / "manifest.toml").write_text(MANIFEST)
    file.write_text(PAGE)
    result = run("migrate", str(file), "--root", str(root), "--json")
    summary = json.loads(result.stdout)
    problems = {problem["reference"] for problem in summary["problems"]}
    if "pages" not in summary and problems <= ABSENT:
        pytest.skip(f"no npm registry can be asked: {result.stdout}")
    assert result.returncode == os.EX_OK, result.stdout + result.stderr
    audit = run("audit", str(file), "--root", str(root), "--json")
    return Migrated(root, file.read_text(), summary, json.loads(audit.stdout))


@pytest.fixture(scope="module")
def port(migrated: Migrated) -> Iterator[int]:
    """Serve the libraries."""
    command = [sys.executable, "-m", "cdnserve", "serve", str(migrated.root), "--port", "0"]
    process = Forked(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        first = process.stdout.readline()
        assert first.startswith("listening on "), first
        yield urlsplit(first.removeprefix("listening on ").strip()).port or 0
    finally:
        process.send_signal(signal.SIGTERM)
        _, complaints = process.communicate(timeout=30)
    assert "Traceback" not in complaints, complaints


@pytest.fixture(scope="module")
def browser(port: int) -> Iterator[Browser]:
    """Start Chromium where no name but ours has an address."""
    path = shutil.which(os.environ.get("CDNSERVE_CHROMIUM") or "chromium")
    if path is None:
        reason = "no chromium on the PATH (Debian: apt-get install chromium)"
        if os.environ.get("CDNSERVE_REQUIRE_CHROMIUM"):
            pytest.fail(reason)
        pytest.skip(reason)
    rules = f"--host-resolver-rules=MAP {HOST} 127.0.0.1:{port}, MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"
    with sync_playwright() as playwright:
        # A proxy would look names up by itself.
        started = playwright.chromium.launch(executable_path=path, args=[*FLAGS, "--no-proxy-server", rules])
        yield started
        started.close()


def visit(page: Page, url: str) -> Visit:
    """Load a page to its end, and note all that goes wrong."""
    seen = Visit()
    page.on("console", lambda message: seen.complaints.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: seen.complaints.append(str(error)))
    page.on("requestfailed", lambda request: seen.failures.append(request.url))
    page.on("request", lambda request: seen.hosts.add(urlsplit(request.url).hostname or ""))
    page.goto(url, wait_until="load")
    return seen


def put(pages: Pages, html: str) -> str:
    pages.documents["/page.html"] = html
    return f"{pages.origin}/page.html"


def test_every_address_was_moved(migrated: Migrated) -> None:
    (page,) = migrated.summary["pages"]
    fates = [reference["fate"] for reference in page["references"]]
    assert ["unneeded", *["moved"] * 8] == fates
    assert f'integrity="{PUBLISHED}"' in migrated.html
    changed = [line for line in PAGE.splitlines() if line not in migrated.html.splitlines()]
    assert [] == [line for line in changed if "https://" not in line and "//cdnjs" not in line and line != "    }"]


def test_the_audit_finds_what_is_right_but_for_the_plain_http_of_this_test(migrated: Migrated) -> None:
    (page,) = migrated.audit["pages"]
    assert {"insecure-url"} == {finding["rule"] for finding in page["findings"]}


def test_the_page_as_it_was_finds_nothing_without_a_network(page: Page, migrated: Migrated, unlisted: Pages) -> None:
    seen = visit(page, put(unlisted, PAGE))
    assert len(seen.failures) >= 6
    assert page.evaluate("[typeof jQuery, typeof htmx, typeof _, typeof bootstrap]") == ["undefined"] * 4


def test_everything_runs_and_nothing_is_blocked(page: Page, migrated: Migrated, unlisted: Pages) -> None:
    seen = visit(page, put(unlisted, migrated.html))
    page.wait_for_selector("#rendered")
    faces = page.evaluate(
        "Promise.all(['16px Lora', 'italic 700 16px Lora'].map(font => document.fonts.load(font)))"
        ".then(all => all.map(faces => faces.map(face => [face.status, face.style, face.weight])))"
    )
    assert page.evaluate("jQuery.fn.jquery") == "3.7.1"
    assert page.evaluate("_.VERSION") == "4.17.21"
    assert page.evaluate("htmx.version").startswith("2.")
    assert page.evaluate("bootstrap.Modal.VERSION") == "5.3.3"
    assert page.text_content("#rendered") == "by Preact"
    assert page.evaluate("getComputedStyle(document.getElementById('hidden')).display") == "none"
    assert [[["loaded", "normal", "400"]], [["loaded", "italic", "700"]]] == faces
    assert ([], []) == (seen.complaints, seen.failures)
    assert {HOST, "127.0.0.1"} == seen.hosts - {""}


def test_every_script_and_stylesheet_was_checked(page: Page, migrated: Migrated, unlisted: Pages) -> None:
    visit(page, put(unlisted, migrated.html))
    unchecked = "e => [e.src || e.href, e.integrity.startsWith('sha384-'), e.crossOrigin]"
    found = page.evaluate(
        f"[...document.querySelectorAll('script[src], link[rel=stylesheet], link[rel=modulepreload]')].map({unchecked})"
    )
    assert len(found) == 8
    assert [] == [url for url, checked, cors in found if not checked or cors != "anonymous" or HOST not in url]
