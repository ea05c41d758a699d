"""The page of a file: how it is served, its integrity, and what is in it."""

from __future__ import annotations

import base64
import hashlib
import json
from pathlib import Path

import pytest

from cdnserve.origin.lookup import Origin
from cdnserve.origin.message import Request
from cdnserve.origin.respond import respond
from cdnserve.release.build import build
from cdnserve.release.store import Store
from cdnserve.web.answers import WebAnswers
from tests.web import site
from tests.web.asking import HOST, Asker, links, snippets, words
from tests.web.built import BuiltSite
from tests.web.test_font import font

GREET = "/-/file/npm/greet@1.0.0/dist/greet.js"
HOSTILE = "own/<script>alert(1)</script>.js"
LONG = f"own/{'x' * 240}.js"
FILES = {
    HOSTILE: b"</script><script>alert(1)</script>\n",
    LONG: b"1\n",
    "own/font.woff2": font("woff2"),
    "own/not.woff2": b"wOF2",
    "own/a b'(1).ttf": font(),
    "own/dot.svg": b"<svg xmlns='http://www.w3.org/2000/svg'/>",
    "own/x.js.map": json.dumps({"version": 3, "sources": ["src/<b>.ts", 7, "\u202eevil"]}).encode(),
    "own/bad.js.map": b"[" * 100_000,
    "own/large.txt": b"x" * (600 << 10),
}


@pytest.fixture(scope="module")
def odd(tmp_path_factory: pytest.TempPathFactory) -> Asker:
    """A site whose files have odd names and contents."""
    root, state = tmp_path_factory.mktemp("root"), tmp_path_factory.mktemp("state")
    for path, content in FILES.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(content)
    (root / "manifest.toml").write_text('schema = 1\n[[publish]]\npath = "own/**"\ncors = "any"\n')
    build(root, state)
    store = Store(Path(state))
    built = BuiltSite(root, store, Origin(store.load()))
    return Asker(WebAnswers(store, built.read), built)


def test_it_has_integrity_in_three_algorithms(asker: Asker) -> None:
    text = words(asker.page(GREET))
    for algorithm in ("sha256", "sha384", "sha512"):
        digest = base64.b64encode(hashlib.new(algorithm, site.GREET).digest()).decode()
        assert f"{algorithm}-{digest}" in text


def test_it_says_how_the_file_is_served(asker: Asker) -> None:
    html = asker.page(GREET)
    text = words(html)
    assert "Pages of every origin may read it" in text
    assert "It never changes" in text
    asset = asker.site.origin.catalog.assets["npm/greet@1.0.0/dist/greet.js"]
    for item in asset.representations:
        assert f'{item.coding} "{base64.urlsafe_b64encode(item.sha256).decode().rstrip("=")}"' in text
    assert "../../../../../npm/greet@1.0.0/dist/greet.js" in links(html)
    assert any(one.startswith("<script src=") for one in snippets(html))


def test_its_content_has_lines(asker: Asker) -> None:
    html = asker.page(GREET)
    assert 'id="L20"' in html
    assert '<span class="k">var</span>' in html


@pytest.mark.parametrize(
    "path", ["partners/secret.js", "quiet/quiet.js", "npm/greet@2.0.0/dist/greet.js", "none", "", "own"]
)
def test_what_is_not_listed_is_not_there(asker: Asker, path: str) -> None:
    text = words(asker.page(f"/-/file/{path}", 404))
    assert "var secret" not in text
    assert "No file of this path is listed here." in text


def test_a_wrong_name_leads_to_the_right_one(asker: Asker) -> None:
    found = links(asker.page("/-/file/npm/greet@1.0.0/dist/gret.js", 404))
    assert "../../../../../-/file/npm/greet@1.0.0/dist/greet.js" in found


def test_hostile_names_and_contents_are_text(odd: Asker) -> None:
    html = odd.page("/-/file/own/%3Cscript%3Ealert(1)%3C/script%3E.js") + odd.page("/-/folder/own/")
    assert "<script>alert" not in html
    assert "<script>alert(1)</" in words(html)


def test_a_long_name_is_shown(odd: Asker) -> None:
    assert "x" * 240 in words(odd.page(f"/-/file/{LONG}"))


def test_a_font_has_a_specimen(odd: Asker) -> None:
    html = odd.page("/-/file/own/font.woff2")
    text = words(html)
    assert "Größe Thin" in text
    assert "Weight wght 100 400.5 900" in text
    assert '<li title="U+E000">&#57344;</li>' in html
    assert 'data-axis="GRAD" min="-50.0" max="100.0"' in html
    assert '<link rel="stylesheet" href="../../../-/specimen/own/font.woff2">' in html


def test_the_style_of_a_specimen_names_the_font(odd: Asker) -> None:
    reply = odd.ask("/-/specimen/own/a%20b'(1).ttf")
    assert reply is not None
    assert b"src: url('../../../own/a%20b%27%281%29.ttf')" in (reply.body if isinstance(reply.body, bytes) else b"")
    assert b"text/css; charset=utf-8" == reply.header(b"content-type")
    assert odd.ask("/-/specimen/own/dot.svg") is None or odd.page("/-/specimen/own/dot.svg", 404)


def test_what_is_no_font_has_none(odd: Asker) -> None:
    text = words(odd.page("/-/file/own/not.woff2"))
    assert "Specimen" not in text
    assert "It is not shown: no font can be read." in text


def test_an_image_is_shown(odd: Asker) -> None:
    assert '<img src="../../../own/dot.svg" alt="dot.svg">' in odd.page("/-/file/own/dot.svg")


def test_a_source_map_names_its_sources(odd: Asker) -> None:
    html = odd.page("/-/file/own/x.js.map")
    assert "src/&lt;b&gt;.ts" in html
    assert "\\u202eevil" in words(html)
    assert "\u202e" not in html
    assert "Sources" not in words(odd.page("/-/file/own/bad.js.map"))


def test_a_large_text_is_not_shown(odd: Asker) -> None:
    html = odd.page("/-/file/own/large.txt")
    assert 'class="source"' not in html
    assert "It is not shown: it is larger than 512 KiB. Open the file" in words(html)


def test_folders_lead_to_it(asker: Asker) -> None:
    found = links(asker.page(GREET))
    assert ["npm/greet@1.0.0/", "npm/greet@1.0.0/?dir=dist#files"] == [
        link.partition("/-/")[2] for link in found if "/-/npm/" in link
    ]
    found = links(asker.page("/-/file/own/deep/er/copy.js"))
    assert ["folder/own/", "folder/own/deep/", "folder/own/deep/er/"] == [
        link.partition("/-/")[2] for link in found if "/-/folder/" in link
    ]
    assert [] == [link for link in links(asker.page("/-/file/top.txt")) if "/-/folder/own" in link]


def test_versions_that_have_the_file_too_are_near(asker: Asker) -> None:
    assert "../../../../../-/file/npm/greet@1.1.0/dist/greet.js" in links(asker.page(GREET))
    assert "1.0.0" not in words(asker.page("/-/file/npm/greet@1.1.0/dist/more.js")).replace("greet@1.0.0", "")


def test_an_origin_is_told_whether_its_pages_may_read(asker: Asker) -> None:
    html = asker.page(f"{GREET}?origin=https%3A%2F%2Fapp.example.com%2Fsome%2Fpage")
    text = words(html)
    assert "Pages of https://app.example.com may read it." in text
    reply = respond(
        Request("GET", b"/npm/greet@1.0.0/dist/greet.js", (HOST, (b"accept-encoding", b"gzip, deflate, br, zstd"))),
        asker.site.origin,
    )
    for name, value in reply.headers:
        assert f"{name.decode()}: {value.decode()}" in text


def test_who_may_not_read_is_told_why(asker: Asker) -> None:
    text = words(asker.page("/-/file/shown/shown.js?origin=https://app.example.com"))
    assert "Pages of https://app.example.com may not read it." in text
    assert "cross-origin-resource-policy: same-origin" in text
    assert "The policy is none: no other origin may read." in text
    assert "may not read it" in words(asker.page(f"{GREET}?origin=https://app.example.com&credentials=1"))


@pytest.mark.parametrize("origin", ["app", "%3Cscript%3E", "https://", "x" * 2000, "https://*.example.com", "nul"])
def test_what_is_no_origin_is_told(asker: Asker, origin: str) -> None:
    html = asker.page(f"{GREET}?origin={origin}")
    assert "This is no origin" in words(html)
    assert "<script>" not in html


def test_the_answer_for_an_origin_is_cheap(asker: Asker) -> None:
    """It has no content, which may take seconds to colour; and it is not remembered, for dates depend on the clock."""
    html = asker.page(f"{GREET}?origin=https://app.example.com")
    assert 'class="source"' not in html
    assert "../../../../../-/file/npm/greet@1.0.0/dist/greet.js" in links(html)
    request = Request("GET", GREET.encode(), (HOST,))
    assert asker.answers.known(request, b"origin=https://app.example.com", asker.site.origin) is None
