"""Real Chromium, a server to load from, and two origins whose pages load: one is on the allow-list."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from tests.browser.cdn import Cdn, serving_cdn
from tests.browser.pages import Pages, serving_pages

# Without the last four Chromium looks up hosts of its maker as it starts.
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"]
FLAGS += ["--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-default-apps"]


# Not for the session: while Playwright runs, its event loop does, and other modules' tests have loops of their own.
@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Start Debian's Chromium, or skip; where CDNSERVE_REQUIRE_CHROMIUM is set its absence is a failure."""
    path = shutil.which(os.environ.get("CDNSERVE_CHROMIUM") or "chromium")
    if path is None:
        reason = "no chromium on the PATH (Debian: apt-get install chromium)"
        if os.environ.get("CDNSERVE_REQUIRE_CHROMIUM"):
            pytest.fail(reason)
        pytest.skip(reason)
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield started
        started.close()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """Open a tab with a cache and storage of its own."""
    context = browser.new_context()
    yield context.new_page()
    context.close()


@pytest.fixture(scope="session")
def listed() -> Iterator[Pages]:
    """Serve pages of an origin that the allow-list names."""
    with serving_pages() as pages:
        yield pages


@pytest.fixture(scope="session")
def unlisted() -> Iterator[Pages]:
    """Serve pages of an origin that no allow-list names."""
    with serving_pages() as pages:
        yield pages


@pytest.fixture(scope="session")
def cdn(listed: Pages, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cdn]:
    """Serve the library."""
    with serving_cdn(Path(tmp_path_factory.mktemp("cdn")), listed.origin) as started:
        yield started
