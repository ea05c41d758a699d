"""Tags: parsed back by an HTML parser, attribute by attribute."""

from __future__ import annotations

from dataclasses import replace

import html5lib
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cdnserve.snippets import Kind, Options, Subject, elements, html, public_url
from cdnserve.snippets.notes import notes
from tests.snippets.subjects import ALL, CHECKED, DEFAULT, KINDS, SITE, UNCHECKED, alias, digest, subject

Element = tuple[str, dict[str, str]]
URL = f"{SITE}/demo/1.0.0/greet.js"
INTEGRITY = digest("sha384", b"greet()")


def parse(markup: str) -> tuple[list[Element], list[str]]:
    """Give the elements with their attributes, and the comments, as a browser reads them in a head."""
    fragment = html5lib.parseFragment(markup, treebuilder="dom", namespaceHTMLElements=False)
    nodes = list(fragment.childNodes)
    assert all(not node.childNodes for node in nodes)
    assert not "".join(node.data for node in nodes if node.nodeType == node.TEXT_NODE).strip()
    return (
        [(node.tagName, dict(node.attributes.items())) for node in nodes if node.nodeType == node.ELEMENT_NODE],
        [node.data for node in nodes if node.nodeType == node.COMMENT_NODE],
    )


CORS = {"crossorigin": "anonymous"}
TABLE: dict[Kind, list[Element]] = {
    "script": [("script", {"src": URL, "integrity": INTEGRITY, **CORS})],
    "module": [
        ("link", {"rel": "modulepreload", "href": URL, "integrity": INTEGRITY, **CORS}),
        ("script", {"type": "module", "src": URL, "integrity": INTEGRITY, **CORS}),
    ],
    "style": [("link", {"rel": "stylesheet", "href": URL, "integrity": INTEGRITY, **CORS})],
    "font": [
        ("link", {"rel": "preload", "as": "font", "type": "font/woff2", "href": URL, "integrity": INTEGRITY, **CORS})
    ],
    "image": [("img", {"src": URL, "alt": "", **CORS})],
    "audio": [("audio", {"src": URL, "controls": "", **CORS})],
    "video": [("video", {"src": URL, "controls": "", **CORS})],
    "track": [("track", {"src": URL})],
    "json": [],
    "map": [],
    "": [],
}


@pytest.mark.parametrize("kind", KINDS)
def test_the_elements_of_each_kind(kind: Kind) -> None:
    assert TABLE[kind] == parse(html([subject(kind)], DEFAULT))[0]


@pytest.mark.parametrize("kind", CHECKED)
def test_several_algorithms_share_one_attribute(kind: Kind) -> None:
    expected = " ".join(digest(algorithm, b"greet()") for algorithm in ("sha256", "sha384", "sha512"))
    assert {expected} == {attributes["integrity"] for _, attributes in parse(html([subject(kind)], ALL))[0]}


@pytest.mark.parametrize("kind", UNCHECKED)
def test_no_attribute_pretends_that_an_unchecked_kind_is_checked(kind: Kind) -> None:
    found, comments = parse(html([subject(kind)], ALL))
    assert all("integrity" not in attributes for _, attributes in found)
    assert 1 == len(comments)


@pytest.mark.parametrize("kind", KINDS)
def test_an_alias_has_its_elements_without_integrity(kind: Kind) -> None:
    found, comments = parse(html([alias(kind)], ALL))
    assert [name for name, _ in TABLE[kind]] == [name for name, _ in found]
    assert all("integrity" not in attributes for _, attributes in found)
    assert any("alias" in comment for comment in comments)


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind not in ("track", "json", "map", "")])
def test_every_element_that_can_asks_with_cors(kind: Kind) -> None:
    assert all(attributes["crossorigin"] == "anonymous" for _, attributes in parse(html([alias(kind)], ALL))[0])


def test_scripts_and_media_are_closed() -> None:
    """An element left open would swallow the rest of the page."""
    markup = html([subject(kind) for kind in ("script", "module", "audio", "video", "style")], DEFAULT)
    expected = [element for kind in ("script", "module", "audio", "video", "style") for element in TABLE[kind]]
    assert expected == parse(markup)[0]


@pytest.mark.parametrize(
    "url",
    [
        pytest.param(f'{SITE}/"onload="alert(1)', id="a double quote"),
        pytest.param(f"{SITE}/'onload='alert(1)", id="an apostrophe"),
        pytest.param(f"{SITE}/<script>alert(1)</script>", id="markup"),
        pytest.param(f"{SITE}/a.js?a=1&lt=2&amp;=3", id="ampersands that look like character references"),
        pytest.param(f"{SITE}/--><img src=x onerror=alert(1)>", id="the end of a comment"),
    ],
)
@pytest.mark.parametrize("kind", [kind for kind in KINDS if TABLE[kind]])
def test_hostile_urls_stay_inside_their_attribute(url: str, kind: Kind) -> None:
    hostile = replace(subject(kind), name=url, url=url)
    found, _ = parse(html([hostile], DEFAULT))
    assert [name for name, _ in TABLE[kind]] == [name for name, _ in found]
    assert {url} == {attributes.get("src") or attributes["href"] for _, attributes in found}
    assert [set(attributes) for _, attributes in TABLE[kind]] == [set(attributes) for _, attributes in found]


@given(st.text(min_size=1), st.sampled_from([kind for kind in KINDS if TABLE[kind]]))
def test_any_path_comes_back_as_it_was(path: str, kind: Kind) -> None:
    url = public_url(path, SITE)
    found, _ = parse(html([replace(subject(kind), name=path, url=url)], DEFAULT))
    assert {url} == {attributes.get("src") or attributes["href"] for _, attributes in found}


@given(st.text(), st.sampled_from(list(KINDS)))
def test_no_name_gets_out_of_its_comment(name: str, kind: Kind) -> None:
    found, comments = parse(html([replace(subject(kind), name=name)], DEFAULT))
    assert len(TABLE[kind]) == len(found)
    assert len(notes(subject(kind), DEFAULT)) + (kind == "module") == len(comments)


@pytest.mark.parametrize(
    "media_type", [pytest.param('font/"><script>', id="markup"), pytest.param("font/woff2 ; a=b", id="a parameter")]
)
def test_a_media_type_from_the_network_is_escaped(media_type: str) -> None:
    found, _ = parse(html([replace(subject("font"), media_type=media_type)], DEFAULT))
    assert [media_type.partition(";")[0].strip()] == [attributes["type"] for _, attributes in found]


def test_subjects_keep_their_order() -> None:
    subjects = [subject("style"), subject("script"), subject("style", f"{SITE}/b.css")]
    assert TABLE["style"] + TABLE["script"] == parse(html(subjects, DEFAULT))[0][:2]
    assert html(subjects, DEFAULT) == "\n".join(html([one], DEFAULT) for one in subjects)


def test_nothing_gives_nothing() -> None:
    assert "" == html([], DEFAULT)


@pytest.mark.parametrize("kind", KINDS)
def test_elements_are_the_lines_without_comments(kind: Kind) -> None:
    one: Subject = subject(kind)
    lines = html([one], Options(("sha256",))).splitlines()
    assert [line for line in lines if not line.startswith("<!--")] == list(elements(one, Options(("sha256",))))
