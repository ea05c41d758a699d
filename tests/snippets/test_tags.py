"""Content Security Policy: hashes for scripts, exact URLs for the rest."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from dataclasses import replace

import html5lib
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cdnserve.markup.tag import Kind
from cdnserve.rules.urls import public_url
from cdnserve.snippets.subject import Options, Subject
from cdnserve.snippets.tags import DEFAULT_FORMAT, FORMATS, as_hashes, as_json, csp, elements, html, notes
from tests.snippets.subjects import ALL, CHECKED, DEFAULT, KINDS, SITE, UNCHECKED, digest, hashes, subject

URL = f"{SITE}/demo/1.0.0/greet.js"


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("script", f"script-src '{hashes(subject())[0]}'"),
        ("module", f"script-src '{hashes(subject())[0]}'"),
        ("style", f"style-src {URL}"),
        ("font", f"font-src {URL}"),
        ("image", f"img-src {URL}"),
        ("audio", f"media-src {URL}"),
        ("video", f"media-src {URL}"),
        ("track", f"media-src {URL}"),
        ("json", ""),
        ("map", ""),
        ("", ""),
    ],
)
def test_the_directive_of_each_kind(kind: Kind, expected: str) -> None:
    assert expected == csp([subject(kind)], DEFAULT)


def test_every_algorithm_of_the_attribute_is_listed() -> None:
    """A browser wants all of them in the policy, not only the strongest."""
    assert "script-src " + " ".join(f"'{each}'" for each in hashes(subject(), ALL)) == csp([subject()], ALL)


def test_directives_have_a_fixed_order_and_each_source_once() -> None:
    style, script, module = subject("style", f"{SITE}/a.css"), subject(), subject("module", f"{SITE}/b.mjs")
    expected = f"script-src '{hashes(script)[0]}'; style-src {SITE}/a.css"
    assert expected == csp([style, script, module, style], DEFAULT)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        pytest.param("/a.css", "'self'", id="from the root: the page's own origin"),
        pytest.param("./a.css", "'self'", id="relative: the page's own origin"),
        pytest.param(f"{SITE}/a;b,c.css", f"{SITE}/a%3Bb%2Cc.css", id="characters that would end a directive"),
        pytest.param(f"{SITE}/a.css?v=1#x", f"{SITE}/a.css", id="a source has no query"),
        pytest.param(f"{SITE}/a.css 'unsafe-inline'", f"{SITE}/a.css%20'unsafe-inline'", id="no source is smuggled in"),
    ],
)
def test_url_sources(url: str, expected: str) -> None:
    assert f"style-src {expected}" == csp([replace(subject("style"), url=url)], DEFAULT)


@given(st.lists(st.tuples(st.sampled_from(list(KINDS)), st.text()), max_size=4))
def test_no_url_adds_a_directive_or_a_source(given_subjects: list[tuple[Kind, str]]) -> None:
    subjects = [replace(subject(kind), url=f"{SITE}/{url}") for kind, url in given_subjects]
    policy = csp(subjects, DEFAULT)
    directives = [directive.split(" ") for directive in policy.split("; ")] if policy else []
    assert len({name for name, *_ in directives}) == len(directives)
    assert sum(len(sources) for _, *sources in directives) <= len(subjects)
    assert all(
        re.fullmatch(r"'sha384-[\w+/]{64}'|https://[!-~]+", each) for _, *sources in directives for each in sources
    )
    assert "," not in policy


def test_nothing_gives_nothing() -> None:
    assert "" == csp([], DEFAULT)


SUBJECTS = [subject(kind, f"{SITE}/a/{kind or 'other'}") for kind in KINDS]


def test_the_formats_of_the_command_line() -> None:
    assert ["html", "json", "importmap", "csp", "hash"] == list(FORMATS)
    assert DEFAULT_FORMAT in FORMATS


def test_the_table_does_not_change() -> None:
    with pytest.raises(TypeError):
        FORMATS["html"] = FORMATS["json"]  # type: ignore[index]


@pytest.mark.parametrize("name", FORMATS)
def test_algorithm_names_are_in_lower_case(name: str) -> None:
    """Chromium loads a script unchecked when it reads `SHA384-`."""
    text = FORMATS[name](SUBJECTS, ALL)
    assert "sha384-" in text
    assert "SHA" not in text.replace("a/", "")


@pytest.mark.parametrize("name", FORMATS)
def test_no_format_ends_with_a_newline(name: str) -> None:
    assert not FORMATS[name](SUBJECTS, ALL).endswith("\n")


@given(st.lists(st.sampled_from(SUBJECTS), max_size=5), st.sampled_from(list(FORMATS)))
def test_the_same_subjects_give_the_same_text(subjects: list[Subject], name: str) -> None:
    assert FORMATS[name](subjects, ALL) == FORMATS[name](tuple(subjects), ALL)


def test_the_text_does_not_depend_on_hash_seeds() -> None:
    code = (
        "from cdnserve.snippets.subject import Options, of_response as of\n"
        "from cdnserve.snippets.tags import FORMATS\n"
        "subjects = [of(f'https://h.example/{n}', b'x') for n in ('a.js', 'b.mjs', 'c.css', 'npm/d@1/e.js')]\n"
        "print([write(subjects, Options(('sha512', 'sha256'))) for write in FORMATS.values()])"
    )
    runs = {
        subprocess.run(
            [sys.executable, "-c", code], capture_output=True, check=True, env={"PYTHONHASHSEED": seed}
        ).stdout
        for seed in ("1", "2")
    }
    assert 1 == len(runs)


def test_json_has_an_object_for_each_subject() -> None:
    one = replace(subject("font", f"{SITE}/f.woff2", b"wOF2"), name="f.woff2", remarks=("new",))
    (found,) = json.loads(as_json([one], ALL))
    notes = found.pop("notes")
    assert {
        "path": "f.woff2",
        "url": f"{SITE}/f.woff2",
        "media_type": "font/woff2",
        "kind": "font",
        "size": 4,
        "exact": True,
        "integrity": {name: digest(name, b"wOF2") for name in ("sha256", "sha384", "sha512")},
        "tags": list(elements(one, ALL)),
    } == found
    assert ["new"] == notes[1:]


def test_json_of_what_no_element_loads_still_has_its_integrity() -> None:
    (found,) = json.loads(as_json([subject("json")], DEFAULT))
    assert ([], {"sha384": digest("sha384", b"greet()")}) == (found["tags"], found["integrity"])


def test_json_of_nothing_is_an_empty_list() -> None:
    assert [] == json.loads(as_json([], DEFAULT))


@given(st.text())
def test_json_keeps_any_name(name: str) -> None:
    (found,) = json.loads(as_json([replace(subject(), name=name)], DEFAULT))
    assert name == found["path"]


def test_a_line_has_all_hash_expressions_and_the_name() -> None:
    one = replace(subject(), name="my file.js")
    expected = " ".join(digest(name, b"greet()") for name in ("sha256", "sha384", "sha512"))
    assert f"{expected}  my file.js" == as_hashes([one], ALL)


@pytest.mark.parametrize("name", ["a\nsha384-x  b.js", "a\rb.js", "a\u2028b.js", "a\x1b[2Jb.js"])
def test_no_name_forges_a_line(name: str) -> None:
    (line,) = as_hashes([replace(subject(), name=name)], DEFAULT).splitlines()
    assert line.isprintable()


@pytest.mark.parametrize("kind", ["script", "module", "style"])
def test_what_every_browser_checks_needs_no_note(kind: Kind) -> None:
    assert () == notes(subject(kind), DEFAULT)


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind not in ("script", "module", "style")])
def test_everything_else_has_one(kind: Kind) -> None:
    assert 1 == len(notes(subject(kind), DEFAULT))


@pytest.mark.parametrize("kind", ["json", ""])
def test_what_no_element_checks_says_how_a_script_does(kind: Kind) -> None:
    found = subject(kind, "https://cdn.example.com/a.wasm")
    call = f'fetch("https://cdn.example.com/a.wasm", {{ integrity: "{hashes(found)[0]}" }})'
    assert call in notes(found, DEFAULT)[0]


def test_remarks_come_last() -> None:
    assert "moved" == notes(replace(subject("image"), remarks=("moved",)), DEFAULT)[-1]


Element = tuple[str, dict[str, str]]
URL_TAGS = f"{SITE}/demo/1.0.0/greet.js"
INTEGRITY = digest("sha384", b"greet()")


def parse(markup: str) -> tuple[list[Element], list[str]]:
    """Return the elements with their attributes, and the comments, as a browser reads them in a head."""
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
    "script": [("script", {"src": URL_TAGS, "integrity": INTEGRITY, **CORS})],
    "module": [
        ("link", {"rel": "modulepreload", "href": URL_TAGS, "integrity": INTEGRITY, **CORS}),
        ("script", {"type": "module", "src": URL_TAGS, "integrity": INTEGRITY, **CORS}),
    ],
    "style": [("link", {"rel": "stylesheet", "href": URL_TAGS, "integrity": INTEGRITY, **CORS})],
    "font": [
        (
            "link",
            {"rel": "preload", "as": "font", "type": "font/woff2", "href": URL_TAGS, "integrity": INTEGRITY, **CORS},
        )
    ],
    "image": [("img", {"src": URL_TAGS, "alt": "", **CORS})],
    "audio": [("audio", {"src": URL_TAGS, "controls": "", **CORS})],
    "video": [("video", {"src": URL_TAGS, "controls": "", **CORS})],
    "track": [("track", {"src": URL_TAGS})],
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


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind not in ("track", "json", "map", "")])
def test_every_element_that_can_asks_with_cors(kind: Kind) -> None:
    assert all(attributes["crossorigin"] == "anonymous" for _, attributes in parse(html([subject(kind)], ALL))[0])


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


def test_nothing_gives_nothing_tags() -> None:
    assert "" == html([], DEFAULT)


@pytest.mark.parametrize("kind", KINDS)
def test_elements_are_the_lines_without_comments(kind: Kind) -> None:
    one: Subject = subject(kind)
    lines = html([one], Options(("sha256",))).splitlines()
    assert [line for line in lines if not line.startswith("<!--")] == list(elements(one, Options(("sha256",))))
