"""Requests, and whole documents from outside, repeated: four times the text takes about four times as long.

`test_patterns` does that to each regular expression by itself; here everything around them runs, too.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress

import pytest

from cdnserve.audit.checks import audit
from cdnserve.audit.facts import AuditInput
from cdnserve.cdns.registry import read_address
from cdnserve.errors import ConfigurationError
from cdnserve.manifest.reader import inspect_text
from cdnserve.markup.loads import loads
from cdnserve.markup.parser import scan
from cdnserve.migrate.references import find_references, names_of
from cdnserve.modules.package_json import candidates, inside, replaced, substitute
from cdnserve.npm.settings import parse_npmrc
from cdnserve.origin.respond import respond
from cdnserve.rules.cors import ANY
from cdnserve.rules.exports import exported, internal
from tests.origin import catalogs
from tests.patterns import LINEAR, grows, interruptible, ratio_of

PAGES = (4096, 16384)
URL = "https://unpkg.com/a@1.0.0/b.js"
LIBRARIES = catalogs.origin(
    {path: catalogs.asset(path) for path in ("npm/jquery@1.2.3/x.js", "npm/jquery@3.7.1/x.js", "npm/@a/b@1.0.0/x.js")},
    (catalogs.rule("npm/**", ANY),),
)

Run = Callable[[str], object]


def ask(path: str) -> object:
    return respond(catalogs.request("GET", path), LIBRARIES)


def field(name: str) -> Run:
    return lambda value: respond(catalogs.request("GET", "/npm/jquery@3.7.1/x.js", **{name: value}), LIBRARIES)


def pumped(run: Run, before: str, repeated: str, after: str = "") -> str:
    return grows(run, lambda size: before + repeated * (size // len(repeated)) + after)


@pytest.mark.parametrize(
    "repeated",
    [
        "1%20",
        "%20",
        "1%20%20%20%20",
        "%3E=1%20",
        "%7C%7C",
        "1.",
        "x.",
        "-",
        "~",
        "^",
        "9",
        "v",
        "*",
        "%201%20-%202",
        "@",
    ],
)
@pytest.mark.parametrize("name", ["jquery", "@a/b"])
def test_a_range_of_an_address(name: str, repeated: str) -> None:
    assert not pumped(ask, f"/npm/{name}@1", repeated, "!/x.js")


@pytest.mark.parametrize(
    "repeated", ["/", "a/", "./", "../", "%2e/", "%2", "%", "%20", "@", "npm/", "jquery@", "-", "\\"]
)
def test_a_path(repeated: str) -> None:
    assert not pumped(ask, "/npm/", repeated)
    assert not pumped(ask, "/npm/jquery@3/", repeated, "x.js")


@pytest.mark.parametrize(
    ("name", "repeated"),
    [
        *(("range", one) for one in ("bytes=", "0-", "0-1,", " ,", "9", ",")),
        *(("if_none_match", one) for one in ('"a",', '"', "W/", " ,", "*")),
        *(("if_match", one) for one in ('"a",', '"', "W/")),
        *(("accept_encoding", one) for one in ("br,", "gzip;q=0.1,", ";q=", " ", "*,", ";")),
        *(("if_modified_since", one) for one in ("Thu, ", "0", " ")),
        *(("origin", one) for one in ("https://", "a.", "[", ":1", "xn--", "1.", ":")),
        *(("access_control_request_headers", one) for one in ("a,", " ,", "a", ", ")),
    ],
)
def test_a_field(name: str, repeated: str) -> None:
    assert not pumped(field(name), "", repeated)
    assert not pumped(field(name), "", repeated, "!")


def look(page: str) -> None:
    with suppress(ConfigurationError):
        parsed = scan(page, scripting=False)
        find_references(parsed)
        names_of(parsed)
        audit(AuditInput(loads(parsed)))


@pytest.mark.parametrize(
    "repeated",
    [
        pytest.param(f"<script type=module>import '{URL}'</script>", id="modules"),
        pytest.param(f"<script type=module>import('{URL}", id="a module without an end"),
        pytest.param(f"<script src='{URL}' integrity=sha384-x></script>", id="scripts"),
        pytest.param(f"<link rel=preload as=script href='{URL}'><script src='{URL}'></script>", id="preloads and uses"),
        pytest.param(f'<script type=importmap>{{"imports": {{"a": "{URL}"}}}}</script>', id="import maps"),
        pytest.param(f"<style>a {{ background: url({URL}) }}</style>", id="styles"),
        pytest.param(f"<a onclick=\"load('{URL}')\">", id="handlers"),
        pytest.param(f"<!-- {URL} -->", id="comments"),
        pytest.param(f"<base href='{URL}'>", id="bases"),
        pytest.param("<noscript>", id="noscript"),
        *(
            pytest.param(one, id=one)
            for one in ("<", "<!--", "<script", "</script", "<p>", "<a b", "<a b=' ", "&#", "&am")
        ),
        *(pytest.param(one, id=one) for one in ("\r\n", "<script>", "<template>", "<svg>", "<table>", "<b>", "a=b ")),
    ],
)
def test_a_page(repeated: str) -> None:
    assert not pumped(look, "<script ", repeated)
    # A page takes its time anyway: what grows faster shows only where there is much of it.
    small, large = (repeated * (size // len(repeated)) for size in PAGES)
    with interruptible():
        assert ratio_of(look, small, large) <= LINEAR


@pytest.mark.parametrize("repeated", ["<?php ", "<? ?>", "{{", "{{ a }}", "{%", "<%", "{!!", "@(", "${", "{{\n"])
def test_a_template(repeated: str) -> None:
    def read(page: str) -> None:
        with suppress(ConfigurationError):
            find_references(scan(page, scripting=False, template=True))

    assert not pumped(read, "", repeated)
    assert not pumped(read, f"<script src='{URL}", repeated)


@pytest.mark.parametrize(
    "repeated",
    ['"', "{", "[", '"a": "', '"a": "b", ', '"a/": "/b/", ', f'"{URL}": "{URL}", ', "\\", "\\u0061", " ", ",", '{"a":'],
)
@pytest.mark.parametrize("table", ["imports", "scopes", "integrity"])
def test_an_import_map(table: str, repeated: str) -> None:
    for after in ("", '"z": "z"}}'):
        assert not pumped(look, f'<script type=importmap>{{"{table}": {{', repeated, f"{after}</script>")


@pytest.mark.parametrize(
    "repeated", ["url(", "url( ", "url('", f"url({URL})", "@import ", f"@import '{URL}';", "/*", "\\", "("]
)
def test_a_stylesheet(repeated: str) -> None:
    assert not pumped(look, "<style>", repeated, "</style>")
    assert not pumped(look, "<p style='", repeated, "'>")


@pytest.mark.parametrize(
    "repeated", ["a=b\n", "=", "\n", "#", ";", "${", "${A}", "//", ":", "[", "a[]=b\n", '"', "\\", " ", "@a:b"]
)
def test_npms_configuration(repeated: str) -> None:
    assert not pumped(lambda text: parse_npmrc(text, {"A": "b"}), "", repeated)
    assert not pumped(lambda text: parse_npmrc(text, {"A": "b"}), "a = ", repeated)


@pytest.mark.parametrize(
    "repeated", ["*", "**/", "*a", "[a", "?", "{a,", "!", "/", "1 ", ">=1 ", "||", "1.", "\\u0061", "https://", "a."]
)
@pytest.mark.parametrize(
    "before",
    [
        '[[publish]]\npath = "',
        '[libraries]\na = "',
        '[cors.a]\nallow-origins = ["https://',
        '[site]\nurl = "',
        '[libraries]\n"',
    ],
)
def test_a_manifest(before: str, repeated: str) -> None:
    def read(text: str) -> None:
        with suppress(ConfigurationError):
            inspect_text(text)

    assert not pumped(read, f"schema = 1\n{before}", repeated, '"\n')


@pytest.mark.parametrize("repeated", ["/", "./", "../", "*", "a/", "a*", "%2e", "\\", "node_modules/", ".", ":", "@"])
def test_a_field_of_a_package(repeated: str) -> None:
    def read(text: str) -> None:
        inside(text)
        description = {"main": text, "module": text, "browser": {text: text, "./a": text}}
        candidates(description, ".")
        candidates(description, f"./{text}")
        replaced(description, text)
        substitute(description, text)
        for table in ({f"./{text}": f"./{text}"}, {f"./a*{text}": "./b"}, text, [text], {"default": f"./{text}"}):
            exported(table, f"./{text}")
            internal({f"#{text}": text}, f"#{text}")

    assert not pumped(read, "./", repeated)
    assert not pumped(read, "", repeated, "/x.js")


@pytest.mark.parametrize("inner", ['{"default":', '["./a",', '{"a":"./b","default":', "["])
def test_exports_in_exports(inner: str) -> None:
    """As deep as JSON may be read."""
    closed = {"{": "}", "[": "]"}[inner[0]]

    def read(text: str) -> None:
        with suppress(ValueError, RecursionError):
            exported(json.loads(text), ".")

    assert not grows(read, lambda size: inner * (size // 16) + '"./x"' + closed * (size // 16))


@pytest.mark.parametrize(
    "repeated", ["/", "@", "@1", "%40", "?", "&a=b", "=", "+", ",", "|", ":", ";", "..", "-", "npm:", "1,"]
)
@pytest.mark.parametrize(
    "host",
    [
        "unpkg.com/",
        "cdn.jsdelivr.net/npm/",
        "esm.sh/",
        "cdnjs.cloudflare.com/ajax/libs/",
        "code.jquery.com/",
        "fonts.googleapis.com/css2?family=",
        "fonts.googleapis.com/css?family=",
        "ga.jspm.io/npm:",
        "cdn.datatables.net/",
    ],
)
def test_an_address_of_a_cdn(host: str, repeated: str) -> None:
    assert not pumped(read_address, f"https://{host}", repeated)
    assert not pumped(read_address, f"https://{host}a@1", repeated, "!.js")
