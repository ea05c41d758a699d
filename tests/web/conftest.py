"""One site, built twice, and the view of its second release; nobody changes it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from cdnserve.files import read_file
from cdnserve.origin.lookup import Origin
from cdnserve.release.build import build
from cdnserve.release.catalog import Asset
from cdnserve.release.store import Store
from cdnserve.web.view import CatalogView
from tests.web import site


@dataclass(frozen=True, slots=True)
class BuiltSite:
    """A root, the state folder of its releases, and the second of these as a server has it."""

    root: Path
    store: Store
    origin: Origin

    def read(self, asset: Asset) -> bytes:
        """Return an asset's content."""
        return read_file(self.store.blob(asset.identity.sha256))


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
