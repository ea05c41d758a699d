"""Where a page points to public CDNs, and what it uses the address for."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cdnserve.markup.parser import scan
from cdnserve.migrate import references
from cdnserve.migrate.references import find_references, names_of

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
        pytest.param(f'<script type=importmap>{{"imports":{{"{URL}":"/x.js"}}}}</script>', id="what is led elsewhere"),
        pytest.param("<script src=https://example.com/a.js></script>", id="one's own host"),
        pytest.param("<script>import 'https://example.com/a.js'</script>", id="an import of one's own"),
        pytest.param("<img src=https://a.example/a.png><iframe src=https://a.example/b>", id="images and frames"),
        pytest.param("<link rel=icon href=https://a.example/a.png>", id="a stranger's icon"),
        pytest.param("<link rel=preload as=image href=https://a.example/a.png>", id="a stranger's image"),
        pytest.param("<link rel=preconnect href=https://a.example>", id="a connection to a stranger"),
        pytest.param("<script>fetch('https://a.example/api') //a.example/b.js</script>", id="an API and a comment"),
        pytest.param("<p style='background: url(https://a.example/a.png)'>", id="a stranger's image in a style"),
        pytest.param("<script src=data:text/javascript,1></script><script src=blob:x></script>", id="no host"),
    ],
)
def test_what_loads_nothing_from_elsewhere_is_none(html: str) -> None:
    assert () == find_references(scan(html), {"example.com"})


STRANGER = "https://a.example/a.js"


@pytest.mark.parametrize(
    ("html", "role", "reason"),
    [
        pytest.param(f"<script src={STRANGER}></script>", "script", "", id="a script"),
        pytest.param(f"<link rel=stylesheet href={STRANGER}>", "style", "", id="a stylesheet"),
        pytest.param(f"<link rel=preload as=font href={STRANGER}>", "preload", "", id="a font's preload"),
        pytest.param(f"<link rel=modulepreload href={STRANGER}>", "preload", "", id="a module's preload"),
        pytest.param(f"<link rel=prefetch href={STRANGER}>", "other", references.NOT_LOADED, id="a prefetch"),
        pytest.param(f"<script>load('{STRANGER}')</script>", "other", references.IN_SCRIPT, id="in a script"),
        pytest.param(
            f"<script type=text/template>&lt;script src='{STRANGER}'></script>", "other", references.IN_DATA, id="data"
        ),
        pytest.param(
            f"<script type=text/babel>import '{STRANGER}'</script>", "other", references.IN_DATA, id="another language"
        ),
        pytest.param(f"<style>@import '{STRANGER}'</style>", "other", references.IN_STYLE, id="an imported stylesheet"),
        pytest.param(f"<style>a {{ src: url({STRANGER}) }}</style>", "other", references.IN_STYLE, id="a font"),
        pytest.param(f"<p onclick=\"load('{STRANGER}')\">", "other", references.IN_DATA, id="a handler"),
        pytest.param(f"<p data-src='{STRANGER}'>", "other", references.IN_DATA, id="an attribute for scripts"),
        pytest.param(
            f"<script src=a.js onerror=\"this.src='{STRANGER}'\"></script>",
            *("other", references.IN_DATA),
            id="a handler of a script",
        ),
        pytest.param(
            f"<script><!-- \n//--></script><p data-src='{STRANGER}'>", "other", references.IN_DATA, id="no comment"
        ),
    ],
)
def test_another_host_is_never_silent(html: str, role: str, reason: str) -> None:
    (found,) = find_references(scan(html), {"example.com"})
    assert (STRANGER, role, reason) == (found.url, found.role, found.reason)


def test_escaped_slashes_hide_nothing() -> None:
    html = r'<script>var x = {"source": "https:\/\/unpkg.com\/a@1\/b.js"}</script>'
    assert ["https://unpkg.com/a@1/b.js"] == [found.url for found in find_references(scan(html))]


@pytest.mark.parametrize(
    ("base", "written", "url"),
    [
        pytest.param("https://unpkg.com/a@1.0.0/", "b.js", URL, id="a file beside the base"),
        pytest.param("https://unpkg.com/x/", "/a@1.0.0/b.js", URL, id="a path from the host's root"),
        pytest.param("https://unpkg.com/a@1.0.0/c/d", "../b.js", URL, id="a path up"),
        pytest.param("/app/", URL, URL, id="an address of its own"),
        pytest.param("/app/", "//unpkg.com/a@1.0.0/b.js", "//unpkg.com/a@1.0.0/b.js", id="without a scheme"),
        pytest.param("/app/", "b.js", None, id="a base without a host"),
        pytest.param("https://example.com/", "b.js", None, id="a base of one's own"),
    ],
)
def test_an_address_is_relative_to_the_first_base(base: str, written: str, url: str | None) -> None:
    html = f"<template><base href=https://t.example/></template><base href={base}><base href=https://no.example/>"
    tags = f"<script src={written}></script><link rel=stylesheet href={written}>"
    found = [one.url for one in find_references(scan(html + tags), {"example.com"})]
    assert [url, url] * (url is not None) == found


def test_an_import_map_is_relative_to_the_base_too() -> None:
    table = '{"imports": {"a": "/a@1.0.0/b.js", "c": "bare"}, "integrity": {"/a@1.0.0/b.js": "sha384-y"}}'
    page = scan(f"<base href=https://unpkg.com><script type=importmap>{table}</script>")
    assert [(URL, "import", "sha384-y")] == [(one.url, one.role, one.integrity) for one in find_references(page)]


@pytest.mark.parametrize(
    ("written", "role"),
    [
        pytest.param("https://unpkg.com/vue@{{ version }}/vue.js", "other", id="Jinja, a version"),
        pytest.param("https://unpkg.com/vue@<%= version %>/vue.js", "other", id="ERB, a version"),
        pytest.param("https://unpkg.com/vue@${version}/vue.js", "other", id="a version of JSP"),
        pytest.param("//<%= host %>/vue.js", "unknown", id="a host"),
        pytest.param("<?= $url ?>", "unknown", id="PHP, the whole address"),
        pytest.param("@Url.Content('x')", "unknown", id="Razor"),
        pytest.param("~/lib/a.js", "unknown", id="Razor, from the root"),
        pytest.param("/static/{{ version }}/vue.js", None, id="a path"),
        pytest.param("https://example.com/{{ version }}/vue.js", None, id="one's own host"),
    ],
)
def test_an_address_with_a_template_expression_is_told_as_that(written: str, role: str | None) -> None:
    html = f'<script src="{written}"></script>'
    expected = [(role, references.TEMPLATED)] * (role is not None)
    for page in (scan(html), scan(html, template=True)):
        assert expected == [(one.role, one.reason) for one in find_references(page, {"example.com"})]


def test_a_template_expression_in_a_text_is_told() -> None:
    html = "<script>load(`https://unpkg.com/${name}/a.js`); load('https://unpkg.com/<?= $x ?>')</script>"
    assert [references.TEMPLATED] * 2 == [one.reason for one in find_references(scan(html))]


def test_the_code_of_a_template_is_looked_through() -> None:
    html = f"<!-- <?php enqueue('{URL}'); ?> --><script <?php if ($a->b) {{ ?>defer<?php }} ?> src='{URL}'></script>"
    found = find_references(scan(html + f"<?php f('{URL}')", template=True))
    assert [references.IN_CODE, "", references.IN_CODE] == [one.reason for one in found]
    assert [URL] * 3 == [one.url for one in found]


def test_a_tag_that_a_template_breaks_is_not_silent() -> None:
    html = f"{{{{ c }}}}<link @(a > b) href='{URL}'><a href='{URL}'>"
    assert [references.IN_CODE] == [one.reason for one in find_references(scan(html, template=True))]


@pytest.mark.parametrize(
    ("before", "reason"),
    [
        pytest.param("", "", id="no import map"),
        pytest.param('<script type=importmap>{"imports":{}}</script>', "", id="an import map"),
        pytest.param("<template><script type=importmap>no</script></template>", "", id="an import map of a template"),
        pytest.param(
            "<script type=module>1</script><script type=importmap>{}</script>",
            references.MAP_LATE,
            id="an import map behind a module",
        ),
        pytest.param("<script type=importmap>no</script>", references.NO_JSON, id="an import map that is none"),
        pytest.param(
            '<script type=importmap src=a.json>{"imports":{}}</script>', references.NO_JSON, id="an import map with src"
        ),
        pytest.param(
            "<meta http-equiv=content-security-policy content=\"script-src 'self'\">",
            references.MAP_IN_POLICY,
            id="a policy",
        ),
    ],
)
def test_what_a_module_imports_is_led_by_an_import_map_where_there_may_be_one(before: str, reason: str) -> None:
    html = (
        f"{before}<script type=module>import a from '{URL}'; import('{URL}'); x = '{URL}'; // import '{URL}?1'</script>"
    )
    found = [(one.role, one.reason) for one in find_references(scan(html))]
    in_text = ("other", references.IN_SCRIPT)
    assert [("inline", reason), ("inline", reason), in_text, in_text] == found


def test_what_is_led_elsewhere_already_is_none() -> None:
    table = f'<script type=importmap>{{"imports":{{"{URL}":"/x.js"}}}}</script>'
    assert () == find_references(scan(f"{table}<script type=module>import '{URL}'</script>"))


def test_a_part_of_a_page_has_no_import_map() -> None:
    html = f"<script type=module>import '{URL}'</script>"
    assert [references.MAP_ELSEWHERE] == [one.reason for one in find_references(scan(html, template=True))]
    assert [""] == [one.reason for one in find_references(scan(f"<html>{html}", template=True))]


def test_what_a_module_imports_relative_to_a_base_is_left() -> None:
    page = scan("<base href=https://unpkg.com/a@1.0.0/><script type=module>import './b.js'</script>")
    assert [(URL, references.IN_SCRIPT)] == [(one.url, one.reason) for one in find_references(page)]


def test_a_policy_that_allows_a_public_cdn_is_told() -> None:
    policy = "script-src 'self' https://unpkg.com/ cdn.jsdelivr.net; style-src https://unpkg.com/ https://example.com"
    page = scan(f'<meta http-equiv="Content-Security-Policy" content="{policy}"><meta name=x content="unpkg.com">')
    found = [(one.url, one.role, one.reason) for one in find_references(page)]
    assert [(url, "other", references.IN_POLICY) for url in ("https://unpkg.com/", "cdn.jsdelivr.net")] == found


def test_a_stylesheet_of_an_amp_page_stays() -> None:
    """AMP has a list of hosts for stylesheets, and ours is not on it."""
    page = scan(f"<script async src=https://cdn.ampproject.org/v0.js></script><link rel=stylesheet href={URL}>")
    found = [(one.role, one.reason) for one in find_references(page)]
    assert [("script", ""), ("style", references.IN_AMP)] == found


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


# All that loads a script, a stylesheet, a font or a module, and all that does not: {} is the address.
LOADING = (
    '<script src="{}"></script>',
    "<script async src='{}'></script>",
    "<script type=module src={}></script>",
    '<script type="text/babel" src="{}"></script>',
    '<link rel="stylesheet" href="{}">',
    "<LINK HREF={} REL=StyleSheet>",
    '<link rel=alternate stylesheet" href="/noise/x.css"><link rel="stylesheet preload" href="{}">',
    '<link rel=preload as=script href="{}">',
    '<link rel=preload as=style href="{}" onload="this.rel=\'stylesheet\'">',
    '<link rel=preload as=font crossorigin href="{}">',
    "<link rel=modulepreload href='{}'>",
    "<link rel=prefetch href='{}'>",
    '<noscript><link rel=stylesheet href="{}"></noscript>',
    '<template><script src="{}"></script></template>',
    "<svg><script href='{}'></script></svg>",
    "<svg><script xlink:href='{}' /></svg>",
    "<table><tr><td><script src='{}'></script></table>",
    '<script>load("{}")</script>',
    "<script>(function (d, t) {{ d.createElement(t).src = '{}' }})(document, 'script')</script>",
    "<script><!--\nload('{}')\n//--></script>",
    "<script>import('{}')</script>",
    "<script type=module>import a from '{}'</script>",
    "<script type=module>\n  import '{}'\n  import.meta</script>",
    'x<script type=module>export * from "{}"</script>',
    "<script type=module>const a = await import(`{}`)</script>",
    "<script type=text/template><div><script src='{}'><\\/script></div></script>",
    '<script type="application/json">{{"src": "{}"}}</script>',
    "<script type=text/x-handlebars>{{{{#if a}}}}<link rel=stylesheet href='{}'>{{{{/if}}}}</script>",
    '<style>@import "{}";</style>',
    "<style>@import url({}) screen;</style>",
    "<style>@font-face {{ font-family: a; src: local(a), url('{}') format('woff2') }}</style>",
    "<p style=\"background: url('/noise/a.png')\">a <b onclick=\"load('{}')\">b</b>",
    "<body data-widget='{}'>",
    "<iframe srcdoc=\"<script src='{}'></script>\"></iframe>",
    "<script src=/a.js onerror=\"this.src='{}'\"></script>",
)
QUIET = (
    "<!-- <script src='{}'></script> -->",
    "<!--[if lt IE 9]><script src='{}'></script><![endif]-->",
    "<a href='{}'>{}</a>",
    "<img src='{}'><video src='{}'></video><iframe src='{}'></iframe>",
    "<pre>&lt;script src='{}'&gt;</pre>",
    "<textarea><script src='{}'></script></textarea>",
    "<link rel=canonical href='{}'><link rel=icon href='{}'>",
    '<script type="application/ld+json">{{"@id": "{}"}}</script>',
    "<meta property=og:url content='{}'>",
    "<link rel=preload as=image href='{}'>",
)
KNOWN = ("unpkg.com", "cdn.jsdelivr.net/npm", "ga.jspm.io/npm:x", "cdn.tailwindcss.com", "fonts.bunny.net")
STRANGE = ("a.example", "static.other.example:8443/x", "js.stripe.com", "www.googletagmanager.com")
addresses = st.builds(
    lambda scheme, host, path, ending, query: f"{scheme}//{host}/{path}{ending}{query}",
    st.sampled_from(["https:", "http:", ""]),
    st.sampled_from(KNOWN + STRANGE),
    st.from_regex(r"[a-z]{1,6}@[1-9]\.0\.0/[a-z]{1,6}", fullmatch=True),
    st.sampled_from([".js", ".min.js", ".mjs", ".css", ".woff2"]),
    st.sampled_from(["", "?v=1"]),
)
quiet = st.builds(
    lambda form, address: form.replace("{}", address.replace("//", "//quiet.example/")).replace("{{", "{"),
    st.sampled_from(QUIET),
    addresses,
)
own = st.builds(
    lambda form, path: form.replace("{}", f"//own.example/{path}.js"), st.sampled_from(LOADING), st.just("o")
)
loading = st.builds(lambda form, address: form.replace("{}", address), st.sampled_from(LOADING), addresses)
SIMPLE = re.compile(r"(?:https?:)?//[a-z][^\s\"'`<>()\\]*")


def simply_found(html: str) -> set[str]:
    """Find every address by nothing but its signs."""
    found = set(SIMPLE.findall(html))
    return {url for url in found if not url.partition("//")[2].startswith(("quiet.example/", "own.example/"))}


@given(
    st.lists(loading | quiet | own, min_size=1, max_size=12), st.sampled_from(["", "<!doctype html><head>", "<body>"])
)
def test_nothing_that_a_page_loads_from_elsewhere_is_silent(parts: list[str], head: str) -> None:
    """Found by reading the page is all that a simple search of its text finds, whatever the tag and the host."""
    html = head + "\n".join(parts).replace("{{", "{").replace("}}", "}")
    expected = simply_found(html)
    page, template = scan(html, scripting=False), scan(html, scripting=False, template=True)
    assert expected == {one.url for one in find_references(page, {"own.example"}) if one.role != "hint"}
    # In a template, what looks like a tag in a text may become one.
    assert expected <= {one.url for one in find_references(template, {"own.example"})}
