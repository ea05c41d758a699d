"""Scanning pages: the elements that Chromium makes of broken HTML are the ones that the scan finds."""

from __future__ import annotations

import random

import pytest
from playwright.sync_api import Page

from cdnserve.markup.parser import scan

pytestmark = pytest.mark.browser

NAMES = (
    *("template", "svg", "math", "mi", "table", "tr", "td", "caption", "colgroup", "select", "option", "p", "b", "a"),
    *("div", "title", "textarea", "style", "noscript", "iframe", "desc", "foreignObject", "head", "body", "form"),
    *("button", "li", "h1", "xmp", "noframes", "ruby", "rt", "nobr", "object", "script"),
)
LOADING = ("<script src=%d>", "<link href=%d>", "<base href=%d>", "<svg><script href=%d>")
OTHERS = (
    "<!--",
    "-->",
    "--!>",
    "<![CDATA[",
    "]]>",
    "<!doctype html>",
    "x",
    "</br>",
    "<col>",
    "<input>",
    "<font color=1>",
)
PIECES = (*(f"<{name}>" for name in NAMES), *(f"</{name}>" for name in NAMES), *LOADING * 3, *OTHERS)

# Written into a frame, for a document without one is read as if scripting were off.
ELEMENTS = """html => {
  const found = [], names = ["script", "link", "base"], svg = "http://www.w3.org/2000/svg";
  const walk = (node, inert) => {
    for (const child of node.children ?? []) {
      const name = child.namespaceURI === svg ? `svg:${child.localName}` : child.localName;
      const isHtml = child.namespaceURI === "http://www.w3.org/1999/xhtml";
      if (isHtml ? names.includes(name) : name === "svg:script")
        found.push(`${name} ${child.getAttribute("src") ?? child.getAttribute("href")} ${inert}`);
      walk(child, inert);
      if (child.content) walk(child.content, true);
    }
  };
  const frame = document.body.appendChild(document.createElement("iframe"));
  frame.contentDocument.write(html);
  frame.contentDocument.close();
  walk(frame.contentDocument, false);
  frame.remove();
  return found.sort();
}"""


def page_of(seed: int) -> str:
    """Make a page of random pieces, the same for the same seed."""
    chosen = random.Random(seed)
    pieces = [chosen.choice(PIECES) for _ in range(chosen.randint(2, 14))]
    return "".join(piece % at if "%d" in piece else piece for at, piece in enumerate(pieces))


def found(text: str) -> list[str]:
    """Scan a page."""
    tags = (tag for tag in scan(text).tags if tag.name != "meta")
    addresses = ((tag, tag.value("src") or tag.value("href") or "null") for tag in tags)
    return sorted(f"{tag.name} {address} {str(tag.inert).lower()}" for tag, address in addresses)


def test_the_scan_finds_what_chromium_makes(page: Page) -> None:
    """In 300 broken pages, of which no two are alike."""
    page.route("**/*", lambda route: route.abort())
    page.set_content("<body>")
    texts = {page_of(seed) for seed in range(300)}
    assert 290 < len(texts)
    assert 100 < sum(bool(found(text)) for text in texts)
    different = [text for text in sorted(texts) if page.evaluate(ELEMENTS, text) != found(text)]
    assert [] == different
