"""Documents of a library in Chromium: inert, but they look as their authors made them."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page

from tests.browser.cdn import Cdn
from tests.browser.pages import Pages
from tests.server.serving import eventually

pytestmark = pytest.mark.browser

GREEN = "<div style='position:absolute;left:0;top:0;width:40px;height:40px;background:rgb(0,128,0)'></div>"


def corner(page: Page, url: str) -> bytes:
    """Return a picture of the corner of a page, as its octets."""
    page.goto(url, wait_until="load")
    return page.screenshot(clip={"x": 10, "y": 10, "width": 20, "height": 20})


@pytest.mark.parametrize("name", ["styled.svg", "styled.svgz"])
@pytest.mark.parametrize("element", ["object data", "iframe frameborder=0 src", "img src"])
def test_an_svg_is_painted_in_its_own_style_and_its_script_is_not_run(
    page: Page, cdn: Cdn, listed: Pages, element: str, name: str
) -> None:
    picture = f"<{element}='{cdn.url}/lib/1.0.0/{name}' style='position:absolute;left:0;top:0'>"
    green = corner(page, listed.put("green", GREEN))
    # What is embedded may be painted after the page that embeds it has loaded.
    assert eventually(lambda: green == corner(page, listed.put("picture", picture)))


def test_an_svg_that_is_opened_is_painted_too(page: Page, cdn: Cdn, listed: Pages) -> None:
    green = corner(page, listed.put("green", GREEN))
    assert eventually(lambda: green == corner(page, f"{cdn.url}/lib/1.0.0/styled.svg"))


ASKED = """url => new Promise(done => {
    const asking = new XMLHttpRequest()
    asking.onload = () => done(asking.responseXML && asking.responseXML.documentElement.textContent)
    asking.open('GET', url)
    asking.send()
})"""


@pytest.mark.parametrize(("name", "text"), [("cyrillic.xml", "Заказ"), ("latin.svg", "café")])
def test_xml_is_read_in_the_encoding_that_it_declares(
    page: Page, cdn: Cdn, listed: Pages, name: str, text: str
) -> None:
    """RFC 7303 §3: a charset would outrank the declaration."""
    page.goto(listed.put("asks", ""))
    assert text == page.evaluate(ASKED, f"{cdn.url}/lib/1.0.0/{name}")
    page.goto(f"{cdn.url}/lib/1.0.0/{name}")
    assert text in page.evaluate("document.documentElement.textContent")  # the viewer of XML has more in it


def test_a_page_is_read_in_the_encoding_that_it_declares(page: Page, cdn: Cdn) -> None:
    page.goto(f"{cdn.url}/lib/1.0.0/latin.html")
    assert ("café", "windows-1252") == (page.title(), page.evaluate("document.characterSet"))


def test_a_text_without_an_ending_is_shown(page: Page, cdn: Cdn) -> None:
    page.goto(f"{cdn.url}/lib/1.0.0/NEWS")
    assert page.evaluate("document.body.textContent") == "Für alle.\n"
