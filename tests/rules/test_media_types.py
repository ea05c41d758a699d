"""Media types (RFC 9110 §8.3, RFC 9239): what a logical path's ending says, on every machine alike."""

from __future__ import annotations

import mimetypes
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cdnserve.rules.media_types import UNKNOWN, destination, essence, is_document, is_text, media_type


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        pytest.param("a.js", "text/javascript; charset=utf-8", id="RFC 9239 §6: a script"),
        pytest.param("a.mjs", "text/javascript; charset=utf-8", id="RFC 9239 §6: a module"),
        pytest.param("a.min.js", "text/javascript; charset=utf-8", id="only the last ending counts"),
        pytest.param("a.css", "text/css; charset=utf-8", id="a stylesheet"),
        pytest.param("a.html", "text/html; charset=utf-8", id="a page"),
        pytest.param("a.d.ts", "text/plain; charset=utf-8", id="TypeScript, which no browser runs"),
        pytest.param("a.json", "application/json", id="RFC 8259 §11: JSON has no charset"),
        pytest.param("a.js.map", "application/json", id="a source map"),
        pytest.param("a.wasm", "application/wasm", id="WebAssembly, exactly so or it can't be streamed"),
        pytest.param("a.svg", "image/svg+xml; charset=utf-8", id="RFC 7303 §3: XML with its charset"),
        pytest.param("a.woff2", "font/woff2", id="RFC 8081 §4.4.6: a font"),
        pytest.param("a.woff", "font/woff", id="RFC 8081 §4.4.5: a font of the first kind"),
        pytest.param("a.ttf", "font/ttf", id="RFC 8081 §4.4.2: a TrueType font"),
        pytest.param("a.png", "image/png", id="an image"),
        pytest.param("a.webmanifest", "application/manifest+json", id="a web app's manifest"),
        pytest.param("LIB/A.JS", "text/javascript; charset=utf-8", id="upper case"),
        pytest.param("a.b/c", UNKNOWN, id="a dot in a folder is no ending"),
        pytest.param("js", UNKNOWN, id="a name is no ending"),
        pytest.param("a.", UNKNOWN, id="an empty ending"),
        pytest.param("", UNKNOWN, id="no name"),
        pytest.param("a.exe", UNKNOWN, id="an ending that isn't ours"),
        pytest.param("pkg/LICENSE", "text/plain; charset=utf-8", id="a text by custom"),
        pytest.param("pkg/readme", "text/plain; charset=utf-8", id="a text by custom, in lower case"),
    ],
)
def test_the_type_of_a_path(path: str, expected: str) -> None:
    assert expected == media_type(path)


@pytest.mark.parametrize(
    ("path", "text", "document", "expected"),
    [
        pytest.param("a.mjs", True, False, "script", id="a module"),
        pytest.param("a.css", True, False, "style", id="a stylesheet"),
        pytest.param("a.json", True, False, "json", id="JSON"),
        pytest.param("a.html", True, True, "document", id="a page"),
        pytest.param("a.svg", True, True, "image", id="SVG, an image and a document"),
        pytest.param("a.xml", True, True, "", id="XML"),
        pytest.param("a.xhtml", True, True, "", id="XHTML"),
        pytest.param("a.atom", True, True, "", id="a feed"),
        pytest.param("a.xsl", True, True, "", id="a stylesheet of XML"),
        pytest.param("a.woff2", False, False, "font", id="a font with its own compression"),
        pytest.param("a.ttf", True, False, "font", id="a font without"),
        pytest.param("a.png", False, False, "image", id="an image"),
        pytest.param("a.mp3", False, False, "audio", id="sound"),
        pytest.param("a.webm", False, False, "video", id="a film"),
        pytest.param("a.vtt", True, False, "track", id="subtitles"),
        pytest.param("a.wasm", True, False, "", id="WebAssembly"),
        pytest.param("LICENSE", True, False, "", id="a text by custom"),
        pytest.param("a.bin", False, False, "", id="unknown"),
    ],
)
def test_what_a_path_is_for(path: str, text: bool, document: bool, expected: str) -> None:
    assert (text, document, expected) == (is_text(path), is_document(path), destination(path))


def test_the_essence_has_no_parameters() -> None:
    assert ("text/css", "font/woff2", UNKNOWN) == (essence("a.css"), essence("a.woff2"), essence("a"))


endings = st.sampled_from(sorted({ending.removeprefix(".") for ending in mimetypes.MimeTypes().types_map[1]}))
_MEDIA_TYPE = re.compile(r"[a-z]+/[a-z0-9.+-]+(; charset=utf-8)?")
# MIME Sniffing §4.6 and HTML: what a browser makes a document of, so what could run scripts.
_SCRIPTABLE = re.compile(r".*[+/]xml|text/html")


@given(st.text() | endings.map("a.{}".format))
def test_any_path_has_one_well_formed_type(path: str) -> None:
    kind = media_type(path)
    assert _MEDIA_TYPE.fullmatch(kind)
    assert essence(path) == kind.partition(";")[0]
    assert bool(_SCRIPTABLE.fullmatch(essence(path))) == is_document(path)
    assert not essence(path).startswith("text/") or kind.endswith("; charset=utf-8")


def test_the_machines_own_table_is_not_asked() -> None:
    mimetypes.add_type("text/x-wrong", ".js")
    try:
        assert essence("a.js") == "text/javascript"
    finally:
        mimetypes.init()
