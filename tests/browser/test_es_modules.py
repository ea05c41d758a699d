"""`add --esm` in Chromium: React 19, and what uses it, from hosted files alone, every module with integrity.

The packages come from the npm registry that this machine is configured for; skips where none can be asked.
"""

from __future__ import annotations

import os

import pytest
from playwright.sync_api import Browser

from scripts.es_modules import tried
from scripts.es_modules_cases import CASES, Case

pytestmark = [pytest.mark.browser, pytest.mark.network]

FEW = ("react", "@tanstack/react-query", "lodash")
ABSENT = ("no registry", "can't be reached", "can't be had")


@pytest.mark.parametrize("case", [pytest.param(one, id=one.name) for one in CASES if one.name in FEW])
def test_a_page_uses_what_was_made(case: Case, browser: Browser) -> None:
    found = tried(case, browser)
    if any(words in found.reason for words in ABSENT) and not os.environ.get("CDNSERVE_REQUIRE_REGISTRY"):
        pytest.skip(f"no npm registry can be asked: {found.reason}")
    assert "" == found.reason
    assert found.modules


def test_a_package_that_is_refused_does_not_work(browser: Browser) -> None:
    (case,) = (one for one in CASES if one.name == "safe-buffer")
    found = tried(case, browser)
    if any(words in found.reason for words in ABSENT) and not os.environ.get("CDNSERVE_REQUIRE_REGISTRY"):
        pytest.skip(f"no npm registry can be asked: {found.reason}")
    assert "it needs what only Node.js has built in" in found.reason
    assert (0, "") == (found.modules, found.version)
