"""SRI in Chromium: what `cdnserve sri` prints loads across origins, and one changed byte is blocked."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page

from cdnserve.rules.integrity import hash_expression, matches
from tests.browser.cdn import Cdn, serving_cdn
from tests.browser.pages import Pages

pytestmark = pytest.mark.browser

SCRIPT, STYLE = "lib/1.0.0/classic.js", "lib/1.0.0/style.css"
MODULE, PART, FONT = "lib/1.0.0/main.js", "lib/1.0.0/part.js", "lib/1.0.0/font.woff2"
COLOUR = "getComputedStyle(document.body).color"
IMPORTING = (
    "<script type=module>import('main').then(m => window.answer = m.answer, e => window.answer = e.name)</script>"
)


def visit(page: Page, url: str) -> list[str]:
    """Load a page to its end and give what the console complained of."""
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    page.goto(url, wait_until="load")
    return complaints


def test_printed_tags_load_from_another_origin(page: Page, cdn: Cdn, listed: Pages) -> None:
    complaints = visit(page, listed.put("tags", "", head=cdn.sri(SCRIPT, STYLE)))
    assert page.evaluate("window.classic") == "ran"
    assert page.evaluate(COLOUR) == "rgb(1, 2, 3)"
    assert complaints == []


def test_a_module_and_its_import_load_by_the_printed_import_map(page: Page, cdn: Cdn, listed: Pages) -> None:
    head = f"<script type=importmap>{cdn.sri(MODULE, PART, '--format', 'importmap')}</script>{IMPORTING}"
    assert '"integrity"' in head
    complaints = visit(page, listed.put("modules", "", head=head))
    page.wait_for_function("window.answer !== undefined")
    assert page.evaluate("window.answer") == "imported!"
    assert complaints == []


def test_a_printed_module_tag_runs(page: Page, cdn: Cdn, listed: Pages) -> None:
    complaints = visit(page, listed.put("module-tag", "", head=cdn.sri(MODULE)))
    loaded = page.evaluate("performance.getEntriesByType('resource').map(e => [e.name, e.responseStatus])")
    assert {tuple(entry) for entry in loaded} == {(f"{cdn.url}/{MODULE}", 200), (f"{cdn.url}/{PART}", 200)}
    assert complaints == []


def test_a_printed_font_preload_is_used_by_a_font_face(page: Page, cdn: Cdn, listed: Pages) -> None:
    face = f"<style>@font-face {{ font-family: Demo; src: url({cdn.url}/{FONT}) }} p {{ font-family: Demo }}</style>"
    complaints = visit(page, listed.put("font", "<p>cdnserve</p>", head=cdn.sri(FONT) + face))
    assert page.evaluate("document.fonts.load('16px Demo').then(faces => faces.map(f => f.status))") == ["loaded"]
    assert complaints == []


@pytest.mark.parametrize(
    ("tampered", "shows", "blocked"),
    [
        pytest.param(SCRIPT, "window.classic", None, id="a script"),
        pytest.param(STYLE, COLOUR, "rgb(0, 0, 0)", id="a stylesheet"),
    ],
)
def test_a_tampered_byte_is_blocked(
    page: Page, cdn: Cdn, listed: Pages, tmp_path: Path, tampered: str, shows: str, blocked: str | None
) -> None:
    with serving_cdn(tmp_path, listed.origin, tampered) as other:
        complaints = visit(page, listed.put("tampered", "", head=cdn.sri(tampered, at=other.url)))
        assert page.evaluate(shows) == blocked
    assert any("integrity" in complaint for complaint in complaints)


def test_a_tampered_import_is_blocked_by_the_import_map(page: Page, cdn: Cdn, listed: Pages, tmp_path: Path) -> None:
    with serving_cdn(tmp_path, listed.origin, PART) as other:
        mapped = cdn.sri(MODULE, PART, "--format", "importmap", at=other.url)
        page.goto(listed.put("import", "", head=f"<script type=importmap>{mapped}</script>{IMPORTING}"))
        page.wait_for_function("window.answer !== undefined")
        assert page.evaluate("window.answer") == "TypeError"


def test_every_printed_algorithm_loads_together(page: Page, cdn: Cdn, listed: Pages) -> None:
    printed = cdn.sri(SCRIPT, *(f"--algorithm={name}" for name in ("sha256", "sha384", "sha512")))
    assert [name for name in ("sha256-", "sha384-", "sha512-") if name in printed] == ["sha256-", "sha384-", "sha512-"]
    complaints = visit(page, listed.put("all", "", head=printed))
    assert page.evaluate("window.classic") == "ran"
    assert complaints == []


FORMS: dict[str, Callable[[str], str]] = {
    "without padding": lambda value: value.rstrip("="),
    "with half of its padding": lambda value: value.removesuffix("="),
    "with more padding": lambda value: value + "=",
    "with a group of padding": lambda value: value + "====",
    "in base64url": lambda value: value.replace("+", "-").replace("/", "_"),
    "without a character": lambda value: value.rstrip("=")[:-1],
    "with one more character": lambda value: value.rstrip("=") + "A",
    "with padding inside": lambda value: f"{value[:20]}={value[20:]}",
}


@pytest.mark.parametrize("algorithm", ["sha256", "sha384", "sha512"])
def test_this_browser_decodes_as_we_do(page: Page, cdn: Cdn, listed: Pages, algorithm: str) -> None:
    """The file runs with the right digest in a form only if we say that it matches, and with a wrong one never."""
    content = (cdn.root / SCRIPT).read_bytes()
    right, wrong = (hashlib.new(algorithm, octets).digest() for octets in (content, content + b"tampered"))
    for form, rewrite in FORMS.items():
        for digest in (right, wrong):
            written = rewrite(hash_expression(algorithm, digest))
            tag = f'<script src="{cdn.url}/{SCRIPT}" integrity="{written}" crossorigin></script>'
            page.goto(listed.put("form", "", head=tag), wait_until="load")
            ran = page.evaluate("window.classic") == "ran"
            assert (form, ran) == (form, matches(written, {algorithm: right}))
            assert not (ran and digest == wrong)
