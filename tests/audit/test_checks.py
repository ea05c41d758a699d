"""The audit: one row for each thing that a page can do wrong, and for each that it does right."""

from __future__ import annotations

import hashlib
from typing import ClassVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs

from cdnserve.audit.facts import AuditInput, FetchedDigests, OwnSite, unknown
from cdnserve.audit.findings import RULES
from cdnserve.audit.run import own_site
from cdnserve.errors import ConfigurationError
from cdnserve.manifest.model import Site
from cdnserve.markup.loads import loads
from cdnserve.markup.parser import scan
from tests.audit.pages import OTHER, SITE, catalog, digest, findings, ids, integrity
from tests.markup.test_parser import PAGES

LIB = f"{SITE}/npm/lib@1.0.0/lib.js"
CSS = f"{SITE}/npm/lib@1.0.0/style.css"
RIGHT = integrity("npm/lib@1.0.0/lib.js")
RIGHT_CSS = integrity("npm/lib@1.0.0/style.css")
FOREIGN = f"{OTHER}/x.js"
CORS = "crossorigin"
GOOD = f'<script src="{LIB}" integrity="{RIGHT}" {CORS}></script>'


def script(url: str, rest: str = "") -> str:
    return f'<script src="{url}" {rest}></script>'


def module(text: str) -> str:
    return f"<script type=module>{text}</script>"


def import_map(text: str) -> str:
    return f"<script type=importmap>{text}</script>"


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(GOOD, id="a script"),
        pytest.param(
            f"<link rel=stylesheet href={CSS} integrity={RIGHT_CSS} crossorigin=anonymous>", id="a stylesheet"
        ),
        pytest.param(f"<script type=module src={LIB} integrity={RIGHT}></script>", id="a module needs no crossorigin"),
        pytest.param(f"<link rel=modulepreload href={LIB} integrity={RIGHT}>", id="nor does its preload"),
        pytest.param(
            f"<link rel=preload as=script href={LIB} integrity={RIGHT} {CORS}>{GOOD}", id="a preload and its use"
        ),
        pytest.param(f"<link rel=preload as=script href={LIB}>", id="a preload alone"),
        pytest.param(script(LIB, f'integrity="{integrity("npm/lib@1.0.0/lib.js", "sha256")}" {CORS}'), id="sha256"),
        pytest.param(
            script(LIB, f"integrity={integrity('npm/lib@1.0.0/lib.js', 'sha256').rstrip('=')} {CORS}"),
            id="a digest without padding",
        ),
        pytest.param(script(LIB, f'integrity="{RIGHT} {integrity("other")}" {CORS}'), id="one of two is right"),
        pytest.param(script(LIB, f'integrity="{RIGHT}?ct=x" {CORS}'), id="an option"),
        pytest.param(script("app.js") + "<link rel=stylesheet href=/app.css>", id="the page's own files"),
        pytest.param(script("data:text/javascript,1"), id="a data URL"),
        pytest.param(f"<link rel=icon href={FOREIGN}><link rel=preconnect href={OTHER}>", id="links that run nothing"),
        pytest.param(f'<script type="text/template" src="{FOREIGN}"></script>', id="a data block"),
        pytest.param(f"<!--{script(FOREIGN)}-->", id="a comment"),
        pytest.param(
            import_map(f'{{"imports": {{"lib": "{LIB}"}}, "integrity": {{"{LIB}": "{RIGHT}"}}}}'), id="an import map"
        ),
        pytest.param(
            import_map(f'{{"integrity": {{"{LIB}": "{RIGHT}"}}}}') + f"<script type=module src={LIB}></script>",
            id="a module whose integrity stands in the import map",
        ),
        pytest.param(
            import_map(f'{{"imports": {{"lib/": "{SITE}/npm/lib@1.0.0/"}}, "integrity": {{"{LIB}": "{RIGHT}"}}}}'),
            id="a folder with the integrity of what lies in it",
        ),
        pytest.param(import_map('{"imports": {"app": "./app.js", "lib/": "/lib/"}}'), id="an import map of own files"),
        pytest.param(
            import_map(f'{{"integrity": {{"{LIB}": "{RIGHT}"}}}}') + module(f"import '{LIB}'"),
            id="an import by address, whose integrity stands in the import map",
        ),
        pytest.param(
            import_map(f'{{"imports": {{"l/": "{SITE}/npm/lib@1.0.0/"}}, "integrity": {{"{LIB}": "{RIGHT}"}}}}')
            + module("import 'l/lib.js'; import 'other'; import './own.js'; import('data:text/javascript,1')"),
            id="an import below a prefix, whose integrity stands in the import map",
        ),
        pytest.param(f"<link rel=preload as=font {CORS} href={SITE}/npm/lib@1.0.0/lib.js>", id="a font"),
        pytest.param("", id="nothing"),
    ],
)
def test_what_is_right(text: str) -> None:
    """A page that does it right has no finding."""
    assert [] == ids(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param(script(LIB), ["integrity-missing"], id="ours, unchecked"),
        pytest.param(script(LIB, "integrity"), ["integrity-missing"], id="an empty attribute is none"),
        pytest.param(script(FOREIGN), ["integrity-missing", "third-party-host"], id="a stranger's, unchecked"),
        pytest.param(script(LIB, "type=text/jscript"), ["integrity-missing"], id="a type of old"),
        pytest.param(script(LIB, "language=JavaScript1.2"), ["integrity-missing"], id="a language"),
        pytest.param(f"<link rel=stylesheet href={CSS}>", ["integrity-missing"], id="a stylesheet"),
        pytest.param(f"<link rel='alternate STYLESHEET' href={CSS}>", ["integrity-missing"], id="among relations"),
        pytest.param(f"<link rel=modulepreload href={LIB}>", ["integrity-missing"], id="a module's preload"),
        pytest.param(f"<base href={SITE}/npm/>{script('lib@1.0.0/lib.js')}", ["integrity-missing"], id="a base"),
        pytest.param(f"<template>{script(LIB)}</template>", ["integrity-missing"], id="in a template"),
        pytest.param(import_map(f'{{"imports": {{"lib": "{LIB}"}}}}'), ["integrity-missing"], id="an import map"),
        pytest.param(module(f"import a from '{LIB}'"), ["integrity-missing"], id="an import of an inline module"),
        pytest.param(module(f"export * from '{LIB}'"), ["integrity-missing"], id="an export from elsewhere"),
        pytest.param(
            module("import('https://esm.sh/react')"),
            ["integrity-missing", "third-party-host"],
            id="an import() of a stranger's",
        ),
        pytest.param(
            module("import 'http://cdn.example.com/npm/lib@1.0.0/lib.js'"),
            ["integrity-missing", "insecure-url"],
            id="an import over http",
        ),
        pytest.param(
            import_map(f'{{"imports": {{"l/": "{SITE}/npm/lib@1.0.0/"}}, "integrity": {{"{LIB}": "{RIGHT}"}}}}')
            + module("import 'l/style.css'"),
            ["integrity-missing"],
            id="an import below a prefix",
        ),
        pytest.param(
            import_map(f'{{"scopes": {{"/a/": {{"lib": "{LIB}"}}}}}}'), ["integrity-missing"], id="a scope of one"
        ),
        pytest.param(
            import_map(f'{{"imports": {{"lib/": "{SITE}/npm/lib@1.0.0/"}}}}'), ["integrity-missing"], id="a folder"
        ),
        pytest.param(
            import_map(f'{{"imports": {{"lib/": "{SITE}/npm/lib@1/"}}}}'), ["integrity-missing"], id="a folder's alias"
        ),
        pytest.param(script(LIB, f"integrity=junk {CORS}"), ["integrity-malformed"], id="no hash expression"),
        pytest.param(script(LIB, f"integrity=sha384-AAAA {CORS}"), ["integrity-malformed"], id="a digest too short"),
        pytest.param(script(LIB, f"integrity=sha384-A=A {CORS}"), ["integrity-malformed"], id="no base64"),
        pytest.param(
            script(LIB, f'integrity="{RIGHT}=" {CORS}'), ["integrity-malformed"], id="padding that only Chromium takes"
        ),
        pytest.param(
            script(LIB, f'integrity="{integrity("other")}=" {CORS}'),
            ["integrity-malformed", "integrity-wrong"],
            id="the same with a wrong digest",
        ),
        pytest.param(script(LIB, f"integrity=md5-AAAA {CORS}"), ["integrity-weak"], id="md5"),
        pytest.param(script(LIB, f"integrity='sha1-AAAA md5-AAAA' {CORS}"), ["integrity-weak"], id="sha1 and md5"),
        pytest.param(script(LIB, f"integrity={RIGHT.upper()} {CORS}"), ["integrity-weak"], id="upper case"),
        pytest.param(script(LIB, f"integrity='{RIGHT} md5-AAAA' {CORS}"), ["integrity-mixed"], id="md5 as well"),
        pytest.param(
            script(LIB, f"integrity='{RIGHT} {integrity('x', 'sha256')}' {CORS}"),
            ["integrity-mixed"],
            id="two strengths",
        ),
        pytest.param(
            script(LIB, f"integrity='{RIGHT} {integrity('x', 'sha512')}' {CORS}"),
            ["integrity-mixed", "integrity-wrong"],
            id="the strongest is wrong",
        ),
        pytest.param(script(LIB, f"integrity={integrity('x')} {CORS}"), ["integrity-wrong"], id="another file's"),
        pytest.param(
            import_map(f'{{"integrity": {{"{LIB}": "{integrity("x")}"}}}}'), ["integrity-wrong"], id="wrong in the map"
        ),
        pytest.param(
            f"<link rel=preload as=font {CORS} href={LIB} integrity={RIGHT}>", ["integrity-ignored"], id="of a font"
        ),
        pytest.param(f"<link rel=icon href=a integrity={RIGHT}>", ["integrity-ignored"], id="of an icon"),
        pytest.param(f"<script integrity={RIGHT}>1</script>", ["integrity-ignored"], id="of an inline script"),
        pytest.param(
            script(f"{SITE}/npm/lib@1/lib.js", f"integrity={RIGHT} {CORS}"), ["integrity-of-alias"], id="of a range"
        ),
        pytest.param(
            script("https://unpkg.com/vue", f"integrity={RIGHT} {CORS}"),
            ["integrity-of-alias", "third-party-host"],
            id="of a stranger's newest",
        ),
        pytest.param(
            f'<link rel=stylesheet href="https://fonts.googleapis.com/css2?family=Inter" integrity={RIGHT} {CORS}>',
            ["integrity-of-alias", "third-party-host"],
            id="of a stylesheet that differs by browser",
        ),
        pytest.param(
            script("https://esm.sh/react@18.2.0", f"type=module integrity={RIGHT}"),
            ["integrity-of-alias", "third-party-host"],
            id="of a module that differs by browser",
        ),
        pytest.param(
            script("https://esm.sh/react@18.2.0?target=es2022", f"type=module integrity={RIGHT}"),
            ["third-party-host"],
            id="of a module for one target",
        ),
        pytest.param(script(f"{SITE}/npm/lib@1/lib.js"), ["version-not-pinned"], id="a range"),
        pytest.param(script(f"{SITE}/npm/lib@latest/lib.js"), ["version-not-pinned"], id="a tag"),
        pytest.param(script(f"{SITE}/npm/lib/lib.js"), ["version-not-pinned"], id="no version"),
        pytest.param(
            script("https://unpkg.com/vue"), ["integrity-missing", "third-party-host"], id="a stranger's, not pinned"
        ),
        pytest.param(
            script(f"{SITE}/live/app.js", f"integrity={integrity('live/app.js')} {CORS}"),
            ["integrity-of-mutable"],
            id="a file that changes",
        ),
        pytest.param(script(LIB, f"integrity={RIGHT}"), ["crossorigin-missing"], id="no crossorigin"),
        pytest.param("<link rel=preload as=font href=a.woff2>", ["crossorigin-missing"], id="a font without it"),
        pytest.param(
            script(LIB, f"integrity={RIGHT} crossorigin=use-credentials"), ["crossorigin-credentials"], id="credentials"
        ),
        pytest.param(
            script(f"{SITE}/partners/p.js", f"integrity={integrity('partners/p.js')} crossorigin=use-credentials"),
            [],
            id="credentials that are allowed",
        ),
        pytest.param(
            script(f"{SITE}/own/own.js", f"integrity={integrity('own/own.js')} {CORS}"), ["cors-refused"], id="no CORS"
        ),
        pytest.param(
            script("http://cdn.example.com/npm/lib@1.0.0/lib.js", f"integrity={RIGHT} {CORS}"),
            ["insecure-url"],
            id="http",
        ),
        pytest.param(script("http://localhost:8000/x.js"), ["integrity-missing", "third-party-host"], id="loopback"),
        pytest.param(
            script("https://cdn.skypack.dev/a@1.0.0"), ["integrity-missing", "third-party-host"], id="Skypack"
        ),
        pytest.param(
            script("//cdn.example.com/npm/lib@1.0.0/lib.js", f"integrity={RIGHT} {CORS}"),
            ["protocol-relative"],
            id="//",
        ),
        pytest.param(
            script("https://u:p@cdn.example.com/npm/lib@1.0.0/lib.js", f"integrity={RIGHT} {CORS}"),
            ["credentials-in-url"],
            id="a user and a password",
        ),
        pytest.param(
            script("https:\\\\cdn.example.com\\npm\\x\\..\\lib@1.0.0\\lib.js", f"integrity={RIGHT} {CORS}"),
            [],
            id="backslashes and dots, which browsers take for slashes and take out",
        ),
        pytest.param(script(f"{SITE}/npm/lib@1.0.0/lib.jss"), ["not-public"], id="no such file"),
        pytest.param(script(f"{SITE}/npm/lib@9/lib.js"), ["not-public"], id="no such version"),
        pytest.param(script(f"{SITE}/npm/lib@1.0.0%2flib.js"), ["not-public"], id="an encoded slash"),
        pytest.param(
            f"<link rel=preload as=script href={LIB} {CORS}>{GOOD}", ["preload-mismatch"], id="a preload without"
        ),
        pytest.param(
            f"<link rel=modulepreload href={LIB} integrity={RIGHT}><script type=module src={LIB}></script>",
            ["preload-mismatch", "integrity-missing"],
            id="a use without",
        ),
        pytest.param(f"<svg><script href={LIB} /></svg>", ["svg-script"], id="a script in SVG"),
        pytest.param(module("import './a.js'; f("), ["module-unread"], id="a module with a bracket that is not closed"),
        pytest.param(import_map("{"), ["import-map-invalid"], id="no JSON"),
        pytest.param(import_map("[]"), ["import-map-invalid"], id="no object"),
        pytest.param(import_map('{"imports": []}'), ["import-map-invalid"], id="no table"),
        pytest.param(import_map('{"imports": {"a": "b"}}'), ["import-map-invalid"], id="a bare address"),
        pytest.param(import_map('{"imports": {"a": null}}'), ["import-map-invalid"], id="no address"),
        pytest.param(import_map('{"imports": {"a/": "/b"}}'), ["import-map-invalid"], id="a folder that is none"),
        pytest.param(import_map('{"import": {}}'), ["import-map-invalid"], id="an unknown key"),
        pytest.param("<script type=importmap src=a></script>", ["import-map-invalid"], id="one with src"),
        pytest.param("<script type=module></script>" + import_map("{}"), ["import-map-late"], id="one that is late"),
        pytest.param(import_map("{}") * 2, ["import-map-repeated"], id="two of them"),
        pytest.param(
            script("https://ajax.googleapis.com/ajax/libs/jquery/3.7.1/jquery.min.js", f"integrity={RIGHT} {CORS}"),
            ["third-party-host"],
            id="a public CDN",
        ),
    ],
)
def test_what_is_found(text: str, expected: list[str]) -> None:
    """Each with the rule that it breaks, and no other."""
    assert expected == ids(text)


@pytest.mark.parametrize(
    ("text", "fix"),
    [
        pytest.param(
            f"<script async\n  src='{LIB}'></script>",
            f'<script async\n  src=\'{LIB}\' integrity="{RIGHT}" crossorigin="anonymous">',
            id="missing",
        ),
        pytest.param(
            f"<script src={LIB} integrity=md5-AAAA {CORS}>", f'<script src={LIB} integrity="{RIGHT}" {CORS}>', id="weak"
        ),
        pytest.param(
            f"<script src={LIB} integrity={RIGHT}>",
            f'<script src={LIB} integrity="{RIGHT}" crossorigin="anonymous">',
            id="no crossorigin",
        ),
        pytest.param(
            f"<script type=module src={LIB}>", f'<script type=module src={LIB} integrity="{RIGHT}">', id="a module"
        ),
        pytest.param(
            f"<script src={LIB} integrity={RIGHT} crossorigin=use-credentials>",
            f'<script src={LIB} integrity={RIGHT} crossorigin="anonymous">',
            id="credentials",
        ),
        pytest.param(
            f"<script integrity={RIGHT} {CORS} src=//cdn.example.com/npm/lib@1.0.0/lib.js>",
            f'<script integrity={RIGHT} {CORS} src="{LIB}">',
            id="no scheme",
        ),
        pytest.param(f"<script src={FOREIGN}>", "", id="a stranger's file that nobody fetched"),
        pytest.param(f"<script src={SITE}/npm/lib@1/lib.js>", "", id="an alias"),
    ],
)
def test_the_fix_is_the_tag_as_it_should_be(text: str, fix: str) -> None:
    """Ready to paste; what stood in the tag stays as it was."""
    found = findings(text)[0]
    assert fix == found.fix
    if fix:
        assert [] == ids(fix + "</script>")


def test_an_alias_says_where_it_leads_today() -> None:
    """So that the address can be made exact."""
    (found,) = findings(script(f"{SITE}/npm/lib/lib.js"))
    assert "today it leads to npm/lib@1.2.0/lib.js" == found.hint


def test_what_is_not_public_has_a_nearest_file() -> None:
    """The path is compared as the server reads it."""
    (found,) = findings(script(f"{SITE}/npm/lib@1.0.0/a%20c.js"))
    assert "did you mean /npm/lib@1.0.0/a b.js?" == found.hint


def test_an_escaped_address_is_the_file() -> None:
    """Percent-encoding makes no other path."""
    url = f"{SITE}/npm/lib@1.0.0/a%20b.js"
    assert [] == ids(script(url, f"integrity={integrity('npm/lib@1.0.0/a b.js')} {CORS}"))


class TestWithoutRelease:
    """Where there is no manifest, only what every page can be told is told."""

    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            pytest.param(script(FOREIGN), ["integrity-missing"], id="any host may be one's own"),
            pytest.param(script("https://unpkg.com/vue@3.0.0"), ["integrity-missing", "third-party-host"], id="a CDN"),
            pytest.param(script(FOREIGN, f"integrity={RIGHT} {CORS}"), [], id="nothing to compare with"),
            pytest.param(script("app.js"), [], id="the page's own"),
        ],
    )
    def test_rules(self, text: str, expected: list[str]) -> None:
        assert expected == ids(text, site=OwnSite())


class TestPageWithAddress:
    """A page that was fetched, or lies below the root, has an origin."""

    def test_its_own_origin_needs_no_integrity(self) -> None:
        assert [] == ids(script("/app.js") + script(f"{OTHER}/app.js"), url=f"{OTHER}/a/page.html")

    def test_nor_a_version(self) -> None:
        assert [] == ids(script("/npm/lib@1/lib.js"), url=f"{SITE}/page.html")

    @pytest.mark.parametrize("page", ["http://other.example/", "https://other.example/"])
    def test_an_address_that_says_http_is_told(self, page: str) -> None:
        assert "insecure-url" in ids(script("http://other.example/app.js"), url=page)
        assert [] == ids(script("/app.js"), url=page)

    def test_relative_addresses_are_ours_where_the_page_is(self) -> None:
        text = script("lib.js", f"integrity={integrity('x')}") + script("none.js")
        assert ["integrity-wrong", "not-public"] == ids(text, url=f"{SITE}/npm/lib@1.0.0/page.html")

    def test_what_has_no_cors_is_fine_on_its_own_origin(self) -> None:
        assert [] == ids(script("/own/own.js"), url=f"{SITE}/page.html")


class TestHosts:
    """Further hosts, and a base URL with a path."""

    @pytest.mark.parametrize(
        ("hosts", "url", "expected"),
        [
            pytest.param(["edge.example"], "https://edge.example/npm/lib@1.0.0/lib.js", [], id="another host"),
            pytest.param(
                ["https://edge.example:8443/"], "https://edge.example:8443/npm/lib@1.0.0/lib.js", [], id="a port"
            ),
            pytest.param(["edge.example"], "https://edge.example:8443/x.js", ["third-party-host"], id="another port"),
            pytest.param([], "https://CDN.example.com:443/npm/lib@1.0.0/lib.js", [], id="another spelling"),
        ],
    )
    def test_hosts(self, hosts: list[str], url: str, expected: list[str]) -> None:
        assert expected == ids(script(url, f"integrity={RIGHT} {CORS}"), site=own_site(catalog(), hosts))

    def test_the_addresses_of_other_cdns_that_the_manifest_asks_for(self) -> None:
        known = structs.replace(catalog(), site=Site("", SITE, unpkg_addresses=True))
        page = script(f"{SITE}/lib@1.0.0/lib.js", f"integrity={RIGHT} {CORS}")
        assert [] == ids(page, site=own_site(known))
        assert ["not-public"] == ids(page)

    def test_a_base_url_with_a_path(self) -> None:
        site = own_site(catalog(f"{SITE}/assets"))
        right = script(f"{SITE}/assets/npm/lib@1.0.0/lib.js", f"integrity={RIGHT} {CORS}")
        assert [] == ids(right, site=site)
        assert ["not-public"] == ids(script(LIB), site=site)


class TestFetched:
    """What came from other hosts is compared as the release is."""

    FILE: ClassVar = {FOREIGN: FetchedDigests({"sha384": hashlib.sha384(b"x").digest()})}

    @pytest.mark.parametrize(
        ("rest", "expected"),
        [
            pytest.param(f"integrity={integrity('x')} {CORS}", [], id="right"),
            pytest.param(f"integrity={RIGHT} {CORS}", ["integrity-wrong"], id="wrong"),
            pytest.param("", ["integrity-missing"], id="missing"),
        ],
    )
    def test_compared(self, rest: str, expected: list[str]) -> None:
        found = findings(script(FOREIGN, rest), site=OwnSite(), fetched=self.FILE)
        assert expected == [one.rule for one in found]
        assert all(integrity("x") in one.fix for one in found)

    def test_what_differs_by_browser_is_not_asked_for_and_has_no_fix(self) -> None:
        url = "https://fonts.googleapis.com/css2?family=Inter"
        text = f'<link rel=stylesheet href="{url}">'
        assert () == unknown(AuditInput(loads(scan(text)), site=OwnSite()))
        found, _ = findings(
            text, site=OwnSite(), fetched={url: FetchedDigests({"sha384": hashlib.sha384(b"x").digest()})}
        )
        assert ("integrity-missing", "") == (found.rule, found.fix)
        assert "no integrity metadata is right for it, for each browser gets other bytes" in found.hint

    @pytest.mark.parametrize(
        "url",
        [
            pytest.param(
                "https://cdnjs.cloudflare.com/polyfill/v3/polyfill.min.js?features=es6", id="cdnjs' polyfills"
            ),
            pytest.param("https://js.stripe.com/v3/", id="a payment service"),
            pytest.param("https://www.googletagmanager.com/gtag/js?id=G-XXXX", id="a tag"),
        ],
    )
    def test_what_is_known_to_vary_is_not_to_be_fetched(self, url: str) -> None:
        assert () == unknown(AuditInput(loads(scan(script(url))), site=OwnSite()))
        found = findings(script(url, CORS), site=OwnSite())[0]
        assert ("integrity-missing", "") == (found.rule, found.fix)
        assert "--fetch" not in found.hint

    def test_an_answer_that_varies_is_no_fix(self) -> None:
        came = {
            FOREIGN: FetchedDigests(
                {"sha384": digest("x")}, varies="each browser may get other bytes (Vary: User-Agent)"
            )
        }
        (found,) = findings(script(FOREIGN, CORS), site=OwnSite(), fetched=came)
        assert ("integrity-missing", "") == (found.rule, found.fix)
        assert "each browser may get other bytes (Vary: User-Agent)" in found.hint
        (found,) = findings(script(FOREIGN, f"integrity={RIGHT} {CORS}"), site=OwnSite(), fetched=came)
        assert ("integrity-of-alias", "") == (found.rule, found.fix)

    def test_a_failure_is_told(self) -> None:
        failed = {FOREIGN: FetchedDigests(failure="no answer came in time")}
        found = findings(script(FOREIGN, f"integrity={RIGHT} {CORS}"), site=OwnSite(), fetched=failed)
        assert [("fetch-failed", "no answer came in time")] == [(one.rule, one.message) for one in found]

    def test_only_what_is_not_known_is_asked_for(self) -> None:
        text = GOOD + script(FOREIGN) + script(FOREIGN) + script("app.js") + f"<link rel=icon href={OTHER}/i>"
        assert (FOREIGN,) == unknown(AuditInput(loads(scan(text)), site=own_site(catalog())))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param(script("{{ url }}"), ["template-address"], id="Jinja"),
        pytest.param(script("//<%= host %>/a.js"), ["template-address"], id="ERB, a host"),
        pytest.param(script("https://${host}/a.js"), ["template-address"], id="JSP, a host"),
        pytest.param(script("<?= $url ?>"), ["template-address"], id="PHP"),
        pytest.param(script("@Url.Content('~/a.js')"), ["template-address"], id="Razor"),
        pytest.param(script("/{{ version }}/a.js"), ["template-address"], id="a path"),
        pytest.param(
            script("https://unpkg.com/vue@{{ version }}/a.js"),
            ["third-party-host", "template-address"],
            id="a version on a public CDN",
        ),
        pytest.param(script(LIB, 'integrity="{{ sri }}" crossorigin'), ["template-address"], id="integrity"),
        pytest.param(import_map('{"imports": {{ imports }}}'), [], id="an import map"),
        pytest.param(import_map('{"imports": {"a": "{{ url }}/a.js"}}'), ["template-address"], id="in an import map"),
    ],
)
def test_what_a_template_writes_is_told_and_not_judged(text: str, expected: list[str]) -> None:
    assert expected == ids(text)
    assert () == unknown(AuditInput(loads(scan(text)), site=OwnSite()))


def test_an_import_that_the_map_leads_to_us_is_ours() -> None:
    """A key that is like a URL (HTML, normalizing a specifier key)."""
    table = import_map(f'{{"imports": {{"https://esm.sh:443/lib": "{LIB}"}}, "integrity": {{"{LIB}": "{RIGHT}"}}}}')
    assert [] == ids(table + module("import 'https://esm.sh/lib'"))
    assert ["integrity-missing", "third-party-host"] == ids(
        table + module("import 'https://esm.sh/other@1.0.0?target=x'")
    )


@pytest.mark.parametrize(
    ("url", "hint"),
    [
        pytest.param("https://fastly.jsdelivr.net/npm/vue@3.5.0/x.js", "cdnserve migrate", id="one that migrate knows"),
        pytest.param("https://cdn.rawgit.com/a/b/c.js", "file of a repository", id="one of which npm has nothing"),
        pytest.param(FOREIGN, "say --host", id="no public CDN"),
    ],
)
def test_what_can_be_done_about_a_host(url: str, hint: str) -> None:
    (found,) = findings(script(url, f"integrity={RIGHT} {CORS}"))
    assert hint in found.hint


def test_what_stands_in_an_import_map_has_its_own_place() -> None:
    """Not that of the script element, which may be long."""
    text = (
        f'<p>\r\n<script type="importmap">\r\n{{"imports": {{\r\n  "lib": "{LIB}",\r\n  "l/": "{OTHER}/"}}}}</script>'
    )
    found = [(one.rule, one.place.line, one.place.column, one.place.text) for one in findings(text)]
    assert [
        ("integrity-missing", 4, 10, f'"{LIB}"'),
        ("integrity-missing", 5, 9, f'"{OTHER}/"'),
        ("third-party-host", 5, 9, f'"{OTHER}/"'),
    ] == found


def test_findings_stand_in_the_order_of_the_page() -> None:
    """Whatever check they come from."""
    text = "\n".join([script(LIB), import_map("["), script(FOREIGN)])
    assert [1, 2, 3, 3] == [found.tag.line for found in findings(text)]


@settings(max_examples=200, deadline=None)
@given(st.lists(st.one_of(PAGES, st.sampled_from([GOOD, script(FOREIGN), import_map("{}")]))).map("".join))
def test_any_page_can_be_audited(text: str) -> None:
    """No page, however broken, is more than a list of findings."""
    try:
        found = findings(text, url=f"{SITE}/page.html")
    except ConfigurationError:
        return
    assert {one.rule for one in found} <= set(RULES)


def test_a_module_that_can_not_be_read_to_its_end_is_told_with_the_place() -> None:
    """And what stands before that is looked at."""
    text = f"import '{FOREIGN}';\nf(;\nimport '{OTHER}/y.js'"
    found = findings(module(text))
    assert {"module-unread", "integrity-missing"} <= {one.rule for one in found}
    assert [(2, 2, "(")] == [
        (one.place.line, one.place.column, one.place.text) for one in found if one.rule == "module-unread"
    ]
    assert {FOREIGN} == {one.url for one in found if one.url}
