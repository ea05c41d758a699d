"""`cdnserve importmap` in Chromium: a graph of hosted modules loads by the map, and one changed byte is refused."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from tests.browser.pages import Pages
from tests.forked import Forked, run

pytestmark = pytest.mark.browser

MANIFEST = """schema = 1
[site]
url = "http://cdn.invalid"
[[publish]]
path = "npm/**"
cors = "any"
cache = "revalidate"
"""
# app needs dep 1, the page dep 2; app maps a file and a name of its own, and leaves an ending out.
PACKAGES: dict[str, dict[str, str]] = {
    "app@1.0.0": {
        "package.json": json.dumps(
            {
                "exports": {".": {"browser": "./web/main.js", "default": "./node.js"}},
                "imports": {"#own": "./web/own.js"},
                "browser": {"./web/server.js": "./web/client.js"},
                "dependencies": {"dep": "^1.0", "@scope/deep": "^2"},
            }
        ),
        "node.js": "throw Error('not for browsers')",
        "web/main.js": "import { dep } from 'dep'; import { own } from '#own'; import { side } from './server.js';\n"
        "import { end } from './end'; import deep from '@scope/deep/lib/x.js';\n"
        "export const later = () => import('./later.js').then(m => m.later);\n"
        "export const all = [dep, own, side, end, deep].join(' ');\n",
        "web/own.js": "export const own = 'own';\n",
        "web/server.js": "throw Error('not for browsers')",
        "web/client.js": "export const side = 'client';\n",
        "web/end.js": "export const end = 'end';\n",
        "web/later.js": "export { dep as later } from 'dep';\n",
    },
    "dep@1.5.0": {
        "package.json": '{"module": "./d.js"}',
        "d.js": "export * from './inner.js';\n",
        "inner.js": "export const dep = 'dep1';\n",
    },
    "dep@2.0.0": {"package.json": '{"main": "./d.mjs"}', "d.mjs": "export const dep = 'dep2';\n"},
    "@scope/deep@2.1.0": {"package.json": '{"exports": {"./lib/*": "./*"}}', "x.js": "export default 'deep';\n"},
}
IMPORTING = """<script type=module>
Promise.all([import('app'), import('dep')])
  .then(async ([app, { dep }]) => [app.all, dep, await app.later()].join(' '))
  .catch(error => error.name)
  .then(said => { window.said = said })
</script>"""
LOADED = [
    *("app@1.0.0/web/client.js", "app@1.0.0/web/end.js", "app@1.0.0/web/later.js", "app@1.0.0/web/main.js"),
    *("app@1.0.0/web/own.js", "dep@1.5.0/d.js", "dep@1.5.0/inner.js", "dep@2.0.0/d.mjs", "@scope/deep@2.1.0/x.js"),
]


@contextmanager
def serving(root: Path, tampered: str = "") -> Iterator[str]:
    """Write the packages, with one byte of `tampered` changed, and serve them."""
    for name, files in PACKAGES.items():
        for path, text in files.items():
            file = root / "npm" / name / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text[:-1] + " " if f"{name}/{path}" == tampered else text)
    (root / "manifest.toml").write_text(MANIFEST)
    command = [sys.executable, "-m", "cdnserve", "serve", str(root), "--port", "0"]
    with Forked(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        try:
            assert process.stdout is not None
            first = process.stdout.readline()
            assert first.startswith("listening on "), first
            yield first.removeprefix("listening on ").strip()
        finally:
            process.send_signal(signal.SIGTERM)
    assert process.returncode == os.EX_OK


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return Path(tmp_path_factory.mktemp("importmap"))


@pytest.fixture(scope="module")
def cdn(root: Path) -> Iterator[str]:
    """Serve the packages."""
    with serving(root) as url:
        yield url


def printed(root: Path, at: str, *more: str) -> str:
    """Return what `cdnserve importmap` prints, with the addresses of a running server."""
    command = [sys.executable, "-m", "cdnserve", "importmap", "app", "dep", "--format", "html", "--root", str(root)]
    done = run([*command, *more], text=True)
    done.check_returncode()
    return str(done.stdout).replace("http://cdn.invalid", at)


def said(page: Page, url: str) -> str:
    page.goto(url)
    page.wait_for_function("window.said !== undefined")
    return str(page.evaluate("window.said"))


def test_this_browser_checks_what_modules_import(browser: Browser) -> None:
    assert int(browser.version.partition(".")[0]) >= 127


@pytest.mark.parametrize("more", [pytest.param((), id="the map alone"), pytest.param(("--preload",), id="preloaded")])
def test_the_graph_loads(page: Page, root: Path, cdn: str, listed: Pages, more: tuple[str, ...]) -> None:
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    assert "dep1 own client end deep dep2 dep1" == said(
        page, listed.put("map", IMPORTING, head=printed(root, cdn, *more))
    )
    names = page.evaluate("performance.getEntriesByType('resource').map(e => e.name)")
    assert {f"{cdn}/npm/{path}" for path in LOADED} == {name for name in names if name.startswith(cdn)}
    assert [] == complaints


def test_every_module_has_integrity(root: Path, cdn: str) -> None:
    text = printed(root, cdn)
    found = json.loads(text[text.index("{") : text.rindex("}") + 1])
    assert {f"{cdn}/npm/{path}" for path in LOADED} == set(found["integrity"])


@pytest.mark.parametrize("tampered", LOADED)
def test_a_changed_byte_is_refused(
    page: Page, root: Path, cdn: str, listed: Pages, tmp_path: Path, tampered: str
) -> None:
    """Each module of the graph, however deep and whoever imports it."""
    with serving(tmp_path, tampered) as other:
        assert "TypeError" == said(page, listed.put("tampered", IMPORTING, head=printed(root, other)))


ELSEWHERE = "https://modules.invalid/dep@1?target=es2022"


@pytest.mark.parametrize("key", [ELSEWHERE, ELSEWHERE.replace("modules.invalid", "MODULES.invalid:443")])
@pytest.mark.parametrize("statement", ["import {{ dep }} from '{}'", "const {{ dep }} = await import('{}')"])
def test_a_whole_address_is_a_key(page: Page, root: Path, cdn: str, listed: Pages, key: str, statement: str) -> None:
    """HTML, normalizing a specifier key: it is compared as a URL, and nobody asks for it."""
    found = json.loads(printed(root, cdn).partition(">")[2].rpartition("<")[0])
    (url,) = (url for url in found["integrity"] if url.endswith("dep@1.5.0/d.js"))
    table = json.dumps({"imports": {key: url}, "integrity": found["integrity"]})
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    script = f"<script type=module>{statement.format(ELSEWHERE)}; window.said = dep</script>"
    document = listed.put("address", script, head=f"<script type=importmap>{table}</script>")
    assert "dep1" == said(page, document)
    assert url in asked
    assert [] == [one for one in asked if "modules.invalid" in one]


def test_what_a_whole_address_leads_to_is_checked(page: Page, root: Path, cdn: str, listed: Pages) -> None:
    found = json.loads(printed(root, cdn).partition(">")[2].rpartition("<")[0])
    (url,) = (url for url in found["integrity"] if url.endswith("dep@1.5.0/d.js"))
    wrong = next(value for other, value in found["integrity"].items() if other != url)
    table = json.dumps({"imports": {ELSEWHERE: url}, "integrity": {url: wrong}})
    told = ".then(() => 'ran', error => error.name).then(told => { window.said = told })"
    script = f"<script type=module>import('{ELSEWHERE}'){told}</script>"
    document = listed.put("wrong", script, head=f"<script type=importmap>{table}</script>")
    assert "TypeError" == said(page, document)
