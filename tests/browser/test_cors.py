"""CORS in Chromium: who reads what with `fetch`, and what never becomes a live page of the server."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from playwright.sync_api import Page

from tests.browser.cdn import Cdn
from tests.browser.pages import Pages

pytestmark = pytest.mark.browser

# What a script gets: the status, or the name of the error that hides everything.
FETCH = "([url, options]) => fetch(url, options).then(r => r.status, e => e.name)"
HEADERS = "([url, options]) => fetch(url, options).then(r => r.headers.get('etag'))"
CUSTOM = {"headers": {"X-Requested-With": "a script"}}


def fetch(page: Page, pages: Pages, url: str, options: Mapping[str, object] | None = None) -> object:
    """Fetch from a page of an origin."""
    page.goto(pages.put("blank", ""))
    return page.evaluate(FETCH, [url, options or {}])


def test_any_origin_reads_a_library(page: Page, cdn: Cdn, unlisted: Pages) -> None:
    assert fetch(page, unlisted, f"{cdn.url}/lib/1.0.0/data.json") == 200


def test_a_listed_origin_reads(page: Page, cdn: Cdn, listed: Pages) -> None:
    assert fetch(page, listed, f"{cdn.url}/api/data.json") == 200


def test_an_unlisted_origin_is_blocked(page: Page, cdn: Cdn, unlisted: Pages) -> None:
    assert fetch(page, unlisted, f"{cdn.url}/api/data.json") == "TypeError"


def test_a_custom_header_passes_the_preflight_of_the_listed_origin(page: Page, cdn: Cdn, listed: Pages) -> None:
    assert fetch(page, listed, f"{cdn.url}/api/data.json", CUSTOM) == 200


def test_a_custom_header_fails_the_preflight_of_the_unlisted_origin(page: Page, cdn: Cdn, unlisted: Pages) -> None:
    assert fetch(page, unlisted, f"{cdn.url}/api/data.json", CUSTOM) == "TypeError"


def test_a_header_that_is_not_allowed_fails_the_preflight(page: Page, cdn: Cdn, listed: Pages) -> None:
    assert fetch(page, listed, f"{cdn.url}/api/data.json", {"headers": {"X-Other": "1"}}) == "TypeError"


def test_any_custom_header_passes_for_a_library(page: Page, cdn: Cdn, unlisted: Pages) -> None:
    assert fetch(page, unlisted, f"{cdn.url}/lib/1.0.0/data.json", CUSTOM) == 200


def test_a_script_reads_the_status_of_a_404(page: Page, cdn: Cdn, unlisted: Pages) -> None:
    assert fetch(page, unlisted, f"{cdn.url}/lib/1.0.0/none.js") == 404


def test_a_script_learns_nothing_of_an_unlisted_path(page: Page, cdn: Cdn, listed: Pages) -> None:
    assert fetch(page, listed, f"{cdn.url}/manifest.toml") == "TypeError"


def test_credentials_and_a_star_do_not_go_together(page: Page, cdn: Cdn, listed: Pages) -> None:
    options: dict[str, object] = {"credentials": "include"}
    assert fetch(page, listed, f"{cdn.url}/lib/1.0.0/data.json", options) == "TypeError"


@pytest.mark.parametrize("path", ["lib/1.0.0/data.json", "api/data.json"])
def test_an_exposed_header_can_be_read(page: Page, cdn: Cdn, listed: Pages, path: str) -> None:
    page.goto(listed.put("blank", ""))
    assert str(page.evaluate(HEADERS, [f"{cdn.url}/{path}", {}])).startswith('"')


def test_a_resource_without_cors_does_not_even_run_elsewhere(page: Page, cdn: Cdn, listed: Pages) -> None:
    """Cross-Origin-Resource-Policy: same-origin blocks what a script element asks for without CORS."""
    # Another port of one host is the same site, but not the same origin.
    page.goto(listed.put("own", "", head=f"<script src='{cdn.url}/own/own.js'></script>"))
    assert page.evaluate("window.own") is None


def test_text_is_not_sniffed_into_a_script(page: Page, cdn: Cdn, listed: Pages) -> None:
    page.goto(listed.put("sniff", "", head=f"<script src='{cdn.url}/lib/1.0.0/text.txt'></script>"))
    assert page.evaluate("window.sniffed") is None


def test_a_document_of_a_library_is_no_live_page(page: Page, cdn: Cdn) -> None:
    page.goto(f"{cdn.url}/lib/1.0.0/page.html")
    assert page.title() == "x"


def test_a_live_document_is_one(page: Page, cdn: Cdn) -> None:
    page.goto(f"{cdn.url}/lib/1.0.0/live/page.html")
    assert page.title() == "ran"
