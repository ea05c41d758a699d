"""Media types (RFC 9110 §8.3, RFC 9239): what a logical path's ending says, on every machine alike."""

from __future__ import annotations

import mimetypes
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cdnserve.rules.media_types import (
    UNKNOWN,
    coding_by_nature,
    destination,
    essence,
    is_document,
    is_text,
    lacks_charset,
    media_type,
    type_ending,
)


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
        pytest.param("a.flac", "audio/flac", id="RFC 9639: sound without loss"),
        pytest.param("a.aac", "audio/aac", id="sound"),
        pytest.param("a.ogv", "video/ogg", id="a film"),
        pytest.param("a.mov", "video/quicktime", id="QuickTime"),
        pytest.param("a.m3u8", "application/vnd.apple.mpegurl", id="RFC 8216: a playlist, always UTF-8"),
        pytest.param("a.mpd", "application/dash+xml; charset=utf-8", id="DASH"),
        pytest.param("a.m4s", "video/iso.segment", id="a segment"),
        pytest.param("a.ics", "text/calendar; charset=utf-8", id="RFC 5545: a calendar"),
        pytest.param("a.tsv", "text/tab-separated-values; charset=utf-8", id="columns"),
        pytest.param("a.jsonl", "application/jsonl", id="JSON, line by line"),
        pytest.param("a.json5", "application/json5", id="JSON for people"),
        pytest.param("a.kml", "application/vnd.google-earth.kml+xml; charset=utf-8", id="a map"),
        pytest.param("a.vue", "text/plain; charset=utf-8", id="a component, which no browser runs"),
        pytest.param("a.hbs", "text/plain; charset=utf-8", id="a template"),
        pytest.param("a.obj", "model/obj", id="a model"),
        pytest.param("a.stl", "model/stl", id="another model"),
        pytest.param("a.pbf", "application/x-protobuf", id="a tile or glyphs"),
        pytest.param("a.mvt", "application/vnd.mapbox-vector-tile", id="a vector tile"),
        pytest.param("a.wgsl", "text/wgsl; charset=utf-8", id="a shader with a type"),
        pytest.param("a.frag", "text/plain; charset=utf-8", id="a shader without"),
        pytest.param("a.js.gz", "application/gzip", id="a coded file is itself"),
        pytest.param("a.css.br", UNKNOWN, id="a coded file whose coding has no type"),
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
        pytest.param("a.flac", False, False, "audio", id="sound with its own compression"),
        pytest.param("a.m3u8", True, False, "", id="a playlist"),
        pytest.param("a.kml", True, True, "", id="a map"),
        pytest.param("a.svgz", True, True, "image", id="SVG, perhaps coded"),
        pytest.param("a.vue", True, False, "", id="a component"),
        pytest.param("a.jsonl", True, False, "", id="lines of JSON"),
        pytest.param("a.obj", True, False, "", id="a model in words"),
        pytest.param("a.glb", False, False, "", id="a model in octets"),
        pytest.param("a.vtt", True, False, "track", id="subtitles"),
        pytest.param("a.wasm", True, False, "", id="WebAssembly"),
        pytest.param("LICENSE", True, False, "", id="a text by custom"),
        pytest.param("a.bin", False, False, "", id="unknown"),
    ],
)
def test_what_a_path_is_for(path: str, text: bool, document: bool, expected: str) -> None:
    assert (text, document, expected) == (is_text(path), is_document(path), destination(path))


@pytest.mark.parametrize(
    ("path", "form", "declared", "expected"),
    [
        pytest.param("a.js", "text", False, "text/javascript; charset=utf-8", id="a script in UTF-8"),
        pytest.param("a.js", "utf-8", False, "text/javascript; charset=utf-8", id="with control characters"),
        pytest.param("a.js", "other", False, "text/javascript", id="a script in Latin-1"),
        pytest.param("a.js", "text", True, "text/javascript; charset=utf-8", id="a script has no words for it"),
        pytest.param("a.txt", "other", False, "text/plain", id="a text in Latin-1"),
        pytest.param("a.json", "other", False, "application/json", id="JSON never has one"),
        pytest.param("a.xml", "other", True, "text/xml", id="RFC 7303 §3: XML that says windows-1251"),
        pytest.param("a.svg", "text", True, "image/svg+xml", id="XML in ASCII that says Latin-1"),
        pytest.param("a.svg", "text", False, "image/svg+xml; charset=utf-8", id="XML in UTF-8"),
        pytest.param("a.svg", "other", False, "image/svg+xml", id="XML that is no UTF-8 and does not say so"),
        pytest.param("a.html", "utf-8", True, "text/html", id="a page that says so itself, or is UTF-16"),
        pytest.param("a.css", "text", True, "text/css", id="a stylesheet that says so itself"),
        pytest.param("a.svgz", "gzip", False, "image/svg+xml", id="what is inside of gzip nobody knows"),
        pytest.param("a.ts", "mpeg", False, "video/mp2t", id="a transport stream"),
        pytest.param("a.ts", "text", False, "text/plain; charset=utf-8", id="TypeScript"),
        pytest.param("Makefile", "text", False, "text/plain; charset=utf-8", id="a text without an ending"),
        pytest.param("Makefile", "utf-8", False, UNKNOWN, id="no text, though UTF-8"),
        pytest.param("Makefile", "other", False, UNKNOWN, id="no UTF-8"),
        pytest.param("Makefile", None, False, UNKNOWN, id="nobody has looked"),
        pytest.param("a.xyz", "text", False, UNKNOWN, id="a text with an ending that isn't ours"),
        pytest.param("LICENSE-MIT", "other", False, "text/plain", id="a text by custom, in Latin-1"),
        pytest.param("a.b/", "text", False, UNKNOWN, id="no name"),
    ],
)
def test_the_octets_have_a_word_in_it(path: str, form: str | None, declared: bool, expected: str) -> None:
    assert expected == media_type(path, form, declared=declared)


@pytest.mark.parametrize(
    ("path", "form", "declared", "expected"),
    [
        pytest.param("a.js", "other", False, True, id="a script in Latin-1"),
        pytest.param("a.js", "other", True, True, id="a script in UTF-16"),
        pytest.param("a.js", "gzip", False, True, id="a script under gzip"),
        pytest.param("a.js", "text", False, False, id="a script in UTF-8"),
        pytest.param("a.js", None, False, False, id="nobody has looked"),
        pytest.param("a.xml", "other", True, False, id="XML that says it"),
        pytest.param("a.xml", "other", False, True, id="XML that doesn't"),
        pytest.param("a.html", "other", True, False, id="a page that says it"),
        pytest.param("a.svgz", "gzip", False, False, id="coded by nature"),
        pytest.param("a.svgz", "other", False, True, id="neither XML nor gzip"),
        pytest.param("a.ts", "mpeg", False, False, id="a transport stream"),
        pytest.param("a.png", "other", False, False, id="an image"),
        pytest.param("a.json", "other", False, False, id="JSON, which has no charset"),
    ],
)
def test_what_lacks_a_charset(path: str, form: str | None, declared: bool, expected: bool) -> None:
    assert expected == lacks_charset(path, form, declared=declared)


@pytest.mark.parametrize(
    ("path", "form", "coding", "text"),
    [
        pytest.param("a.svgz", "gzip", "gzip", False, id="SVG under gzip"),
        pytest.param("A.SVGZ", "gzip", "gzip", False, id="in upper case"),
        pytest.param("a.svgz", "text", None, True, id="SVG that only claims it"),
        pytest.param("a.pbf", "gzip", "gzip", False, id="a tile under gzip"),
        pytest.param("a.pbf", "other", None, True, id="a tile"),
        pytest.param("a.tgz", "gzip", None, False, id="a tarball is what is asked for"),
        pytest.param("a.js.gz", "gzip", None, False, id="so is a coded script"),
        pytest.param("a.js", "gzip", None, False, id="a script that is none"),
        pytest.param("a.ts", "mpeg", None, False, id="a transport stream"),
        pytest.param("Makefile", "text", None, True, id="a text without an ending"),
        pytest.param("Makefile", "other", None, False, id="no text"),
    ],
)
def test_what_is_coded_by_nature_and_what_may_be_coded(path: str, form: str, coding: str | None, text: bool) -> None:
    assert (coding, text) == (coding_by_nature(path, form), is_text(path, form))


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


NAMES = (
    *(
        "a.js",
        "A.JS",
        "a.min.js",
        ".js",
        "js",
        "a.ts",
        "ts",
        "a.svg",
        "a.html",
        "a.xml",
        "a.xhtml",
        "a.unknown",
        "a.",
        "",
    ),
    *("LICENSE", "license.js", "LICENSE-MIT.svg", "readme.xyz", "notice", "NEWS", "news.", "a.js/NEWS", "a.js/b.c2"),
)


@pytest.mark.parametrize("form", [None, "text", "utf-8", "other", "mpeg", "gzip"])
@pytest.mark.parametrize("declared", [False, True])
def test_what_a_path_says_is_all_in_its_ending(form: str | None, declared: bool) -> None:
    """Two paths that say the same have the same type, whatever the octets are, and are both documents or neither."""
    said: dict[str, tuple[str, bool]] = {}
    for name in NAMES:
        told = media_type(name, form, declared=declared), is_document(name)
        assert told == said.setdefault(type_ending(name), told), name
    assert {"js", "ts", "svg", "html", "xml", "xhtml", "txt", ".", ""} == said.keys()
