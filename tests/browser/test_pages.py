"""The pages in Chromium: what is copied works elsewhere, nothing is lost without a script, and axe-core finds nothing.

axe-core comes from the npm registry that this machine is configured for; that test skips where none can be asked.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.browser.cdn import HOSTILE, Cdn
from tests.browser.pages import Pages

pytestmark = pytest.mark.browser

SCRIPT, FONT = "npm/greet@1.0.0/dist/greet.js", "lib/1.0.0/font.woff2"
LIBRARY = "/-/npm/greet@1.0.0/"
EVERY = (
    *("/-/", "/-/?q=greet", "/-/?q=nothing-of-this-name", LIBRARY, f"/-/file/{FONT}", "/-/folder/lib/"),
    *(f"/-/file/{SCRIPT}?origin=https://app.example.com", "/-/file/lib/1.0.0/styled.svg"),
    *("/-/compare/greet/0.9.0...1.0.0", "/-/releases", "/-/absent", f"/-/file/{quote(HOSTILE)}"),
    "/-/api/v1/",
)
WIDTHS = (320, 768, 1280)
AXE = "axe-core@4.10.3"


@contextmanager
def opened(browser: Browser, **options: Any) -> Iterator[tuple[Page, list[str]]]:
    """Open a tab, and collect what it complains of: errors, and whatever its policy stops."""
    context = browser.new_context(**options)
    page, complaints = context.new_page(), list[str]()
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    yield page, complaints
    context.close()


@pytest.fixture(scope="session")
def axe(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Fetch axe-core, as any library is."""
    root = tmp_path_factory.mktemp("axe")
    command = [sys.executable, "-m", "cdnserve", "add", AXE, "--root", str(root), "--files", "axe.min.js"]
    added = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    if "registry-un" in added.stderr and not os.environ.get("CDNSERVE_REQUIRE_REGISTRY"):
        pytest.skip(f"no npm registry can be asked: {added.stderr}")
    assert added.returncode == 0, added.stderr
    return Path(root, f"npm/{AXE}/axe.min.js").read_text()


@pytest.mark.network
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_everybody_can_use_them(browser: Browser, cdn: Cdn, axe: str, scheme: str) -> None:
    with opened(browser, color_scheme=scheme, viewport={"width": 1280, "height": 900}) as (page, _):
        for target in EVERY:
            page.goto(cdn.url + target)
            page.evaluate(axe)
            found = page.evaluate("axe.run().then(found => found.violations)")
            told = [(one["id"], [node["html"] for node in one["nodes"]][:3]) for one in found]
            assert (target, []) == (target, told)


def test_they_fit_at_every_width_and_load_and_complain_of_nothing(browser: Browser, cdn: Cdn) -> None:
    asked: list[str] = []
    with opened(browser) as (page, complaints):
        page.on("request", lambda request: asked.append(request.url))
        for target in EVERY:
            for width in WIDTHS:
                page.set_viewport_size({"width": width, "height": 800})
                page.goto(cdn.url + target)
                left_over = page.evaluate("document.documentElement.scrollWidth - innerWidth")
                assert (target, width, 0) == (target, width, left_over)
    assert [] == [url for url in asked if not url.startswith(cdn.url)]
    # Chromium says of a page that it was a 404.
    assert {"404"} >= {"404" if "404" in text else text for text in complaints}


def test_every_copy_button_puts_its_text_on_the_clipboard(browser: Browser, cdn: Cdn, listed: Pages) -> None:
    context: BrowserContext = browser.new_context()
    context.grant_permissions(["clipboard-read", "clipboard-write"])
    page = context.new_page()
    page.goto(cdn.url + LIBRARY)
    copied = []
    for button in page.locator("button.copy").all():
        button.click()
        expect(button).to_have_text("Copied")
        copied.append(page.evaluate("navigator.clipboard.readText()").replace("http://cdn.invalid", cdn.url))
    printed = cdn.sri(SCRIPT).removesuffix("\n")
    assert printed in copied
    assert [text for text in copied if text in (f"{cdn.url}/{SCRIPT}", cdn.sri(SCRIPT, "--format", "csp").strip())]
    page.goto(listed.put("copied", "", head=copied[copied.index(printed)]))
    assert "ran" == page.evaluate("window.greeted")
    context.close()


def test_without_a_clipboard_the_text_is_copied_in_the_old_way(browser: Browser, cdn: Cdn) -> None:
    """As on http, where a browser has none to give."""
    with opened(browser) as (page, complaints):
        page.add_init_script("Object.defineProperty(navigator, 'clipboard', { value: undefined })")
        page.goto(cdn.url + LIBRARY)
        page.locator("button.copy").first.click()
        expect(page.locator("button.copy").first).to_have_text("Copied")
        assert [] == complaints


def test_results_come_while_one_types(browser: Browser, cdn: Cdn) -> None:
    with opened(browser) as (page, complaints):
        page.goto(f"{cdn.url}/-/")
        page.keyboard.press("/")
        page.keyboard.type("greet")
        expect(page.locator("#results")).to_contain_text("results")
        expect(page.locator("#results .card").first).to_contain_text("greet")
        assert "greet" == page.locator("#search").input_value()
        page.locator("#search").fill("")
        expect(page.locator("#libraries")).to_be_visible()
        page.goto(cdn.url + LIBRARY)
        page.locator("#filter").fill("package")
        expect(page.locator("#listing")).to_contain_text("1 file with")
        assert [] == complaints


def test_without_a_script_all_is_there(browser: Browser, cdn: Cdn) -> None:
    with opened(browser, java_script_enabled=False) as (page, _):
        page.goto(f"{cdn.url}/-/")
        page.locator("#search").fill("greet")
        page.get_by_role("button", name="Search").click()
        page.get_by_role("link", name="greet", exact=True).click()
        shown = [text.replace("http://cdn.invalid", cdn.url) for text in page.locator("pre.code").all_inner_texts()]
        assert cdn.sri(SCRIPT).removesuffix("\n") in shown
        assert not page.locator("button.copy").first.is_visible()
        page.get_by_role("link", name="greet.js").first.click()
        page.locator("#origin").fill("https://app.example.com")
        page.get_by_role("button", name="Check").click()
        expect(page.locator("#answer")).to_contain_text("may read it")
        page.goto(f"{cdn.url}/-/file/{FONT}")
        assert page.locator("[data-text]").first.is_visible()


def test_the_number_of_a_line_leads_to_it(browser: Browser, cdn: Cdn) -> None:
    with opened(browser) as (page, complaints):
        page.goto(f"{cdn.url}/-/file/{SCRIPT}")
        page.locator("#L1").click(position={"x": 200, "y": 5})
        assert "#" not in page.url
        page.locator("#L1").click(position={"x": 40, "y": 5})
        page.wait_for_url("**#L1")
        assert [] == complaints


def test_paper_is_never_dark(browser: Browser, cdn: Cdn) -> None:
    with opened(browser, color_scheme="dark") as (page, _):
        page.goto(cdn.url + "/-/npm/greet@1.0.0/")
        told = """[document.body, document.querySelector('main [aria-current]')]
            .map(one => getComputedStyle(one)).map(style => [style.backgroundColor, style.color])"""
        assert "rgb(255, 255, 255)" not in page.evaluate(told)[0]
        page.emulate_media(media="print")
        (paper, ink), (behind, current) = page.evaluate(told)
        assert ("rgb(255, 255, 255)", "rgb(0, 0, 0)") == (paper, ink)
        assert ("rgba(0, 0, 0, 0)", "rgb(0, 0, 0)") == (behind, current)  # whether or not backgrounds are printed


def test_an_origin_is_checked_in_place(browser: Browser, cdn: Cdn) -> None:
    with opened(browser) as (page, complaints):
        page.goto(f"{cdn.url}/-/file/{SCRIPT}")
        page.locator("#origin").fill("https://app.example.com")
        page.keyboard.press("Enter")
        expect(page.locator("#answer")).to_contain_text("access-control-allow-origin: *")
        assert page.url.endswith("?origin=https%3A%2F%2Fapp.example.com")
        assert [] == complaints


def test_hostile_names_and_contents_run_nothing(browser: Browser, cdn: Cdn) -> None:
    with opened(browser) as (page, complaints):
        for target in (
            f"/-/file/{quote(HOSTILE)}",
            "/-/folder/odd/",
            "/-/?q=%3Cscript%3Ewindow.hacked%3D1%3C/script%3E",
        ):
            page.goto(cdn.url + target)
            assert page.evaluate("window.hacked") is None
            assert (
                "<script>window.hacked" in page.locator("main").inner_text() + page.locator("input").last.input_value()
            )
        assert [] == complaints


def test_a_font_is_tried(browser: Browser, cdn: Cdn) -> None:
    with opened(browser) as (page, complaints):
        page.goto(f"{cdn.url}/-/file/{FONT}")
        assert ["loaded"] == page.evaluate("document.fonts.load('16px specimen').then(all => all.map(f => f.status))")
        page.locator("[data-axis=size]").fill("20")
        assert "20px" == page.evaluate("getComputedStyle(document.querySelector('[data-text]')).fontSize")
        assert [] == complaints
