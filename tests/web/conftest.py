"""One site, built twice, and the view of its second release; nobody changes it."""

from __future__ import annotations

import pytest

from cdnserve.origin.lookup import Origin
from cdnserve.release.build import build
from cdnserve.release.store import Store
from cdnserve.web.answers import WebAnswers
from cdnserve.web.view import CatalogView
from tests.web import site
from tests.web.asking import Asker
from tests.web.built import BuiltSite


@pytest.fixture(scope="session")
def web_site(tmp_path_factory: pytest.TempPathFactory) -> BuiltSite:
    """The site in two releases."""
    root, state = tmp_path_factory.mktemp("root"), tmp_path_factory.mktemp("state")
    for files in (site.BEFORE, site.AFTER):
        site.write(root, files)
        build(root, state)
    store = Store(state)
    return BuiltSite(root, store, Origin(store.load()))


@pytest.fixture(scope="session")
def view(web_site: BuiltSite) -> CatalogView:
    """What pages and API know of the second release."""
    return CatalogView(web_site.origin, web_site.store, web_site.read)


@pytest.fixture
def asker(web_site: BuiltSite) -> Asker:
    """What answers for the second release, with nothing remembered."""
    return Asker(WebAnswers(web_site.store, web_site.read), web_site)
