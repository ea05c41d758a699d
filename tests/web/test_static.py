"""The pages' own files: named by their digest, few and small, and in the site's colours."""

from __future__ import annotations

import base64
import hashlib

from cdnserve.manifest.model import Site
from cdnserve.web.static import own_assets
from tests.web.asking import Asker


def test_a_name_belongs_to_these_octets() -> None:
    for asset in (own_assets(Site()).style, own_assets(Site()).script, own_assets(Site()).icon):
        digest = hashlib.sha384(asset.content).digest()
        assert f"sha384-{base64.b64encode(digest).decode()}" == asset.integrity
        assert digest.hex()[:16] in asset.name


def test_they_are_small_and_load_nothing() -> None:
    assets = own_assets(Site())
    assert len(assets.script.content) < 6 * 1024
    assert len(assets.style.content) < 20 * 1024
    for asset in (assets.style, assets.script):
        assert b"://" not in asset.content
        assert b"@import" not in asset.content
        assert b"url(" not in asset.content


def test_colors_are_the_sites() -> None:
    plain, colored = own_assets(Site()).style, own_assets(Site(color="#aa0000", dark_color="#ffaaaa")).style
    assert plain.name != colored.name
    assert b"--accent: #aa0000" in colored.content
    assert colored.content.rstrip().endswith(
        b"@media screen and (prefers-color-scheme: dark) { :root { --accent: #ffaaaa } }"
    )
    assert own_assets(Site()).script == own_assets(Site(color="#aa0000")).script


def test_another_name_is_not_there(asker: Asker) -> None:
    for name in ("pages.css", "pages-0000000000000000.css", "../templates/base.html", ""):
        reply = asker.ask(f"/-/assets/{name}")
        assert reply is None or reply.status == 404
