"""What every page has: its policy, its own files, relative addresses, and texts of others made safe."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from msgspec import structs

from cdnserve.origin.lookup import Origin
from cdnserve.web.answers import WebAnswers
from cdnserve.web.rendering import shown_size
from cdnserve.web.static import own_assets
from tests.web.asking import Asker, links, words
from tests.web.built import BuiltSite

PAGES = ("/-/", "/-/npm/greet@1.0.0/", "/-/file/npm/greet@1.0.0/dist/greet.js", "/-/releases", "/-/nothing/of/ours")


@pytest.mark.parametrize("target", [*PAGES, "/-/api/v1/"])
def test_nothing_but_the_pages_own_files_runs_or_is_loaded(asker: Asker, target: str) -> None:
    reply = asker.ask(target)
    assert reply is not None
    policy = (reply.header(b"content-security-policy") or b"").decode()
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert (b"nosniff", b"same-origin") == (
        reply.header(b"x-content-type-options"),
        reply.header(b"cross-origin-resource-policy"),
    )
    html = reply.body.decode() if isinstance(reply.body, bytes) else ""
    (script,) = re.findall(r"<script([^>]*)></script>", html)
    (integrity,) = re.findall(r'integrity="([^"]*)"', script)
    assert f"script-src '{integrity}'" in policy
    assert not re.search(r"\son[a-z]+=|\sstyle=|javascript:", html)


@pytest.mark.parametrize("target", PAGES)
def test_what_a_page_loads_is_there_and_never_changes(asker: Asker, target: str) -> None:
    html = asker.page(target, 404 if "nothing" in target else 200)
    loaded = re.findall(r'(?:src|<link[^>]*href)="((?:\.\./)+-/assets/[^"]*)"', html)
    assert 3 == len(loaded)
    for address in loaded:
        assert target.count("/") - 1 == address.count("../")
        reply = asker.ask("/" + address.replace("../", ""))
        assert reply is not None
        assert (200, b"public, max-age=31536000, immutable, no-transform") == (
            reply.status,
            reply.header(b"cache-control"),
        )


def test_the_title_is_the_sites(web_site: BuiltSite) -> None:
    site = structs_replaced(web_site, title="Our <i>parts</i>", logo="own/app.js", color="#aa0000")
    html = Asker(WebAnswers(web_site.store, web_site.read), site).page("/-/")
    assert "Our &lt;i&gt;parts&lt;/i&gt;" in html
    assert '<img src="../own/app.js"' in html


def structs_replaced(built: BuiltSite, **changes: str | bool) -> BuiltSite:
    """Return the site with another `[site]` table."""
    catalog = built.origin.catalog
    return replace(built, origin=Origin(structs.replace(catalog, site=replace(catalog.site, **changes))))  # type: ignore[arg-type]


def test_a_logo_that_is_not_public_is_not_shown(web_site: BuiltSite) -> None:
    site = structs_replaced(web_site, logo="partners/secret.svg")
    assert "<img" not in Asker(WebAnswers(web_site.store, web_site.read), site).page("/-/")


def test_a_site_may_have_no_pages(web_site: BuiltSite) -> None:
    asker = Asker(WebAnswers(web_site.store, web_site.read), structs_replaced(web_site, pages=False))
    assert [None] * len(PAGES) == [asker.ask(target) for target in PAGES]
    # The API stays, with the page that describes it: it leads nowhere else, and its stylesheet is there.
    html = asker.page("/-/api/v1/")
    assert {"#main", "../../../-/api/v1/", "openapi.json"} <= set(links(html))
    assert [] == [link for link in links(html) if link.endswith(("/-/", "/releases"))]
    style = own_assets(asker.site.origin.catalog.site).style.name
    assert f"../../../-/{style}" in html
    reply = asker.ask(f"/-/{style}")
    assert reply is not None
    assert 200 == reply.status


@pytest.mark.parametrize(
    ("target", "status"),
    [
        ("/-/npm/%ff/", 400),
        ("/-/?q=%zz", 400),
        ("/-/" + "a" * 5000, 400),
        ("/-/npm/absent@1.0.0/", 404),
        ("/-" + "/" * 4000, 404),
    ],
)
def test_bad_addresses_get_a_page_that_helps(asker: Asker, target: str, status: int) -> None:
    html = asker.page(target, status)
    assert "See all libraries" in words(html)
    assert "Traceback" not in html
    assert len(html) < 16 * 1024


@pytest.mark.parametrize(
    ("coding", "chosen"), [(b"gzip, deflate, br, zstd", b"br"), (b"gzip", b"gzip"), (b"", None), (b"*;q=0", None)]
)
def test_pages_have_content_codings(asker: Asker, coding: bytes, chosen: bytes | None) -> None:
    reply = asker.ask("/-/", "GET", (b"accept-encoding", coding))
    assert reply is not None
    assert (200, chosen, b"Accept-Encoding") == (
        reply.status,
        reply.header(b"content-encoding"),
        reply.header(b"vary"),
    )
    tag = reply.header(b"etag") or b""
    again = asker.ask("/-/", "GET", (b"accept-encoding", coding), (b"if-none-match", tag))
    assert again is not None
    assert (304, b"", tag, b"Accept-Encoding") == (
        again.status,
        again.body,
        again.header(b"etag"),
        again.header(b"vary"),
    )


def test_each_coding_has_its_own_entity_tag(asker: Asker) -> None:
    replies = [asker.ask("/-/", "GET", (b"accept-encoding", coding)) for coding in (b"br", b"gzip", b"identity")]
    assert 3 == len({reply.header(b"etag") for reply in replies if reply})


def test_a_size_has_few_digits() -> None:
    assert ["0 B", "1.0 KiB", "99.9 KiB", "100 KiB", "3.4 MiB"] == [
        shown_size(octets) for octets in (0, 1024, 102_297, 102_400, 3_600_000)
    ]
