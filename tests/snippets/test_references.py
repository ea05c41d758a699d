"""Where a page points to public CDNs, and what it uses the address for."""

from __future__ import annotations

import pytest

from cdnserve.snippets import references
from cdnserve.snippets.pages.scan import scan
from cdnserve.snippets.references import find_references, names_of

URL = "https://unpkg.com/a@1.0.0/b.js"


@pytest.mark.parametrize(
    ("html", "role"),
    [
        pytest.param(f'<script src="{URL}"></script>', "script", id="a script"),
        pytest.param(f"<script type=module src={URL}></script>", "script", id="a module"),
        pytest.param(f"<script type='text/javascript' src='{URL}'></script>", "script", id="a script with its type"),
        pytest.param(f'<link rel="preload stylesheet" href="{URL}">', "style", id="a stylesheet"),
        pytest.param(f'<link rel=preload as=style href="{URL}">', "style", id="a preload of a stylesheet"),
        pytest.param(f'<link rel=preload as=script href="{URL}">', "preload", id="a preload"),
        pytest.param(f'<link rel=modulepreload href="{URL}">', "preload", id="a preload of a module"),
        pytest.param(f'<link rel=preconnect href="{URL}">', "hint", id="a connection"),
        pytest.param(f'<link rel=DNS-prefetch href="{URL}">', "hint", id="a name"),
        pytest.param(f'<template><script src="{URL}"></script></template>', "script", id="a template"),
        pytest.param(f'<script type=importmap>{{"imports":{{"a":"{URL}"}}}}</script>', "import", id="an import"),
        pytest.param(
            f'<script type=importmap>{{"scopes":{{"/x/":{{"a":"{URL}"}}}}}}</script>',
            "import",
            id="an import in a scope",
        ),
    ],
)
def test_a_reference_has_a_role(html: str, role: str) -> None:
    (found,) = find_references(scan(f"<!doctype html>\n{html}"))
    assert (URL, role, 2, "") == (found.url, found.role, found.line, found.reason)


@pytest.mark.parametrize(
    ("html", "reason"),
    [
        pytest.param(f"<script>import('{URL}')</script>", references.IN_SCRIPT, id="an import in a script"),
        pytest.param(f"<style>@import url({URL})</style>", references.IN_STYLE, id="an import in a stylesheet"),
        pytest.param(f"<style>@import '{URL}'</style>", references.IN_STYLE, id="the same with quotes"),
        pytest.param(f"<p style='background: url( \"{URL}\" )'>", references.IN_STYLE, id="an image"),
        pytest.param(f"<script type=importmap>{{'a': '{URL}'}}</script>", references.NO_JSON, id="no JSON"),
        pytest.param(
            f'<script type=importmap>{{"imports":{{"{URL}":"/x.js"}}}}</script>', references.IN_KEY, id="a key"
        ),
        pytest.param(f'<script type=importmap>{{"scopes":{{"{URL}":{{}}}}}}</script>', references.IN_KEY, id="a scope"),
        pytest.param(f"<script type=text/babel src={URL}></script>", references.NO_SCRIPT, id="no JavaScript"),
        pytest.param(f"<svg><script href={URL}></script></svg>", references.IN_SVG, id="a script of SVG"),
        pytest.param(f"<link rel=icon href={URL}>", references.NOT_LOADED, id="an icon"),
    ],
)
def test_a_place_that_can_not_be_rewritten_says_why(html: str, reason: str) -> None:
    (found,) = find_references(scan(html))
    assert (URL, "other", reason) == (found.url, found.role, found.reason)


@pytest.mark.parametrize(
    "html",
    [
        pytest.param(f"<!-- <script src={URL}></script> -->", id="a comment"),
        pytest.param(f"<!-- @import url({URL}) -->", id="a comment of a stylesheet"),
        pytest.param(f"<a href={URL}>{URL}</a>", id="a link and text"),
        pytest.param("<script src=/a.js></script>", id="a path"),
        pytest.param("<script src></script><link rel=stylesheet>", id="no address"),
        pytest.param(f'<script type="application/ld+json">"{URL}"</script>', id="data"),
        pytest.param(f'<script type=importmap>{{"integrity":{{"{URL}":"x"}}}}</script>', id="integrity alone"),
        pytest.param("<script src=https://example.com/a.js></script>", id="another host"),
    ],
)
def test_what_loads_nothing_from_a_public_cdn_is_none(html: str) -> None:
    assert () == find_references(scan(html))


def test_a_policy_that_allows_a_public_cdn_is_told() -> None:
    policy = "script-src 'self' https://unpkg.com/ cdn.jsdelivr.net; style-src https://unpkg.com/ https://example.com"
    page = scan(f'<meta http-equiv="Content-Security-Policy" content="{policy}"><meta name=x content="unpkg.com">')
    found = [(one.url, one.role, one.reason) for one in find_references(page)]
    assert [(url, "other", references.IN_POLICY) for url in ("https://unpkg.com/", "cdn.jsdelivr.net")] == found


def test_a_stylesheet_of_an_amp_page_stays() -> None:
    """AMP has a list of hosts for stylesheets, and ours is not on it."""
    page = scan(f"<script async src=https://cdn.ampproject.org/v0.js></script><link rel=stylesheet href={URL}>")
    assert [("style", references.IN_AMP)] == [(one.role, one.reason) for one in find_references(page)]


def test_what_is_for_browsers_without_scripts_is_found_where_it_is_asked_for() -> None:
    html = f"<noscript><link rel=stylesheet href={URL}></noscript>"
    assert () == find_references(scan(html))
    assert [URL] == [one.url for one in find_references(scan(html, scripting=False))]


def test_the_specifier_is_what_the_import_map_calls_it() -> None:
    html = f'<script type=importmap>{{"imports":{{"a/":"{URL}/"}},"scopes":{{"/s/":{{"b":"{URL}"}}}}}}</script>'
    assert ["a/", "b"] == [one.specifier for one in find_references(scan(html))]


def test_they_come_in_the_order_of_the_page() -> None:
    html = f"<style>@import url({URL}?1)</style>\n<script src={URL}?2></script>\n<script>'{URL}?3'</script>"
    assert [(1, f"{URL}?1"), (2, f"{URL}?2"), (3, f"{URL}?3")] == [(r.line, r.url) for r in find_references(scan(html))]


def test_the_integrity_is_the_tags_or_the_import_maps() -> None:
    tag = f'<script src="{URL}" integrity="sha384-x"></script>'
    table = f'<script type=importmap>{{"imports":{{"a":"{URL}"}},"integrity":{{"{URL}":"sha384-y"}}}}</script>'
    assert ["sha384-x", "sha384-y"] == [found.integrity for found in find_references(scan(tag + table))]


def test_the_names_are_those_of_all_import_maps() -> None:
    first = '<script type=importmap>{"imports":{"a":"/a.js","b/":"/b/"},"scopes":{"/x/":{"c":"/c.js"}}}</script>'
    html = f'{first}<script type=importmap>no</script><script type=importmap>{{"imports":{{"d":"/d"}}}}</script>'
    assert {"a", "b/", "d"} == names_of(scan(html))
