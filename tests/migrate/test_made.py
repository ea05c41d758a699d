"""Addresses of modules that CDNs make: moved to modules that are made here, or left with the reason."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from cdnserve.migrate.plan import MigrateOptions, Migration, migrate
from tests.migrate.conftest import registry, root
from tests.npm.real_esbuild import folder_with_esbuild
from tests.npm.registry import LocalRegistry, packed, settings_for

__all__ = ["registry", "root"]

pytestmark = pytest.mark.network
SITE = "https://cdn.example.com"
ES = {"type": "module", "main": "i.js"}


@pytest.fixture(scope="module")
def esbuild(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return folder_with_esbuild(tmp_path_factory.mktemp("esbuild"))


@pytest.fixture
def library(registry: LocalRegistry) -> LocalRegistry:
    """A registry with a package that requires another, an ES module that imports the first, and one for Node.js."""
    _publish(registry, "view@19.0.0", "exports.use = () => 'used'")
    _publish(registry, "dom@19.0.0", "exports.draw = require('view').use", dependencies={"view": "^19"})
    _publish(registry, "old@1.0.0", "exports.draw = require('view').use", dependencies={"view": "^18"})
    _publish(registry, "view@18.0.0", "exports.use = () => 'old'", tags={"latest": "19.0.0"})
    _publish(registry, "both@1.0.0", "require('old'); require('view')", dependencies={"view": "^19", "old": "1"})
    _publish(registry, "es@1.0.0", "export { use } from 'view'", dependencies={"view": "^19"}, **ES)
    _publish(registry, "server@1.0.0", "require('fs')")
    return registry


def _publish(registry: LocalRegistry, pin: str, source: str, tags: object = None, **described: object) -> None:
    name, _, version = pin.rpartition("@")
    files = {
        "package.json": json.dumps({"name": name, "version": version, "main": "i.js", **described}),
        "i.js": source,
    }
    registry.publish(name, version, packed(files), **({"tags": tags} if tags else {}))


def _migrate(root: Path, registry: LocalRegistry, esbuild: Path, text: str) -> tuple[Migration, str]:
    page = root.parent / "page.html"
    page.write_text(text)
    settings = settings_for(root.parent, registry.url, {"PATH": str(esbuild)})
    done = migrate([page], root, MigrateOptions(url=SITE), settings, None)
    return done, page.read_text()


def _page(imports: dict[str, str], script: str = "") -> str:
    table = json.dumps({"imports": imports})
    return f"<!doctype html><script type=importmap>{table}</script><script type=module>{script}</script>"


def _map(text: str) -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = json.loads(text.partition("importmap")[2].partition(">")[2].partition("<")[0])
    return found


def test_an_import_map_gets_what_is_made_and_what_that_imports(
    root: Path, library: LocalRegistry, esbuild: Path
) -> None:
    done, text = _migrate(root, library, esbuild, _page({"d": "https://esm.sh/dom@19", "e": "https://esm.sh/es"}))
    dom, view = f"{SITE}/npm/dom@19.0.0/+esm/index.js", f"{SITE}/npm/view@19.0.0/+esm/index.js"
    own = f"{SITE}/npm/es@1.0.0/i.js"
    assert {"d": dom, "e": own, "view": view} == _map(text)["imports"]
    assert {dom, view, own} == set(_map(text)["integrity"])
    assert all(value.startswith("sha384-") for value in _map(text)["integrity"].values())
    assert (0, ("es@1.0.0",), ("dom@19.0.0", "view@19.0.0")) == (done.plan.left, done.plan.libraries, done.plan.made)
    assert (root / "npm/view@19.0.0/+esm/index.js").is_file()
    assert not (root / "npm/es@1.0.0/+esm").exists()


@pytest.mark.parametrize(
    "url", ["https://cdn.jsdelivr.net/npm/dom@19/+esm", "https://cdn.skypack.dev/dom@19", "https://jspm.dev/dom@19"]
)
def test_what_a_page_imports_by_its_address(root: Path, library: LocalRegistry, esbuild: Path, url: str) -> None:
    text = f"<!doctype html>\n<script type=module>import {{ draw }} from '{url}'</script>"
    done, after = _migrate(root, library, esbuild, text)
    assert 0 == done.plan.left
    assert {url, "view"} == set(_map(after)["imports"])
    assert f"from '{url}'" in after


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        pytest.param("server", "it needs what only Node.js has built in (i.js → fs)", id="for Node.js"),
        pytest.param("both", "it needs two versions of one package", id="two versions of one package"),
    ],
)
def test_what_cannot_be_made_is_left_with_the_reason(
    root: Path, library: LocalRegistry, esbuild: Path, name: str, reason: str
) -> None:
    before = _page({"x": f"https://esm.sh/{name}"})
    done, after = _migrate(root, library, esbuild, before)
    assert before == after
    (outcome,) = done.plan.pages[0].outcomes
    assert ("left", True) == (outcome.fate, reason in outcome.remark)
    assert not (root / "npm").exists()


def test_one_that_cannot_be_made_keeps_the_others_of_its_page(
    root: Path, library: LocalRegistry, esbuild: Path
) -> None:
    before = _page({"d": "https://esm.sh/dom@19", "s": "https://esm.sh/server"})
    done, after = _migrate(root, library, esbuild, before)
    assert before == after
    why = "no ES modules can be made: it needs what only Node.js has built in (i.js → fs) (server@1.0.0)"
    reasons = {outcome.reference.url: outcome.remark for outcome in done.plan.pages[0].outcomes}
    assert {
        "https://esm.sh/dom@19": f"not all modules of the page can be made: {why}",
        "https://esm.sh/server": why,
    } == reasons
