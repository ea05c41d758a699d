"""Options: algorithm names as people write them, always written in lower case."""

from __future__ import annotations

import base64
import hashlib
import shutil
import subprocess
from dataclasses import FrozenInstanceError, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cdnserve.errors import ConfigurationError
from cdnserve.manifest.model import Rule, Site
from cdnserve.release.catalog import Asset, Catalog, Representation
from cdnserve.rules import caching, cors
from cdnserve.snippets.subject import (
    UNPUBLISHED,
    Options,
    Subject,
    metadata,
    of_asset,
    of_file,
    of_response,
    read_algorithms,
)
from cdnserve.snippets.tags import notes
from tests.snippets.subjects import ALL, DEFAULT, SITE, digest, subject


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        pytest.param([], ("sha384",), id="none asked for: sha384"),
        pytest.param(["sha512"], ("sha512",), id="one"),
        pytest.param(["SHA384"], ("sha384",), id="upper case is written lower"),
        pytest.param(["SHA-256"], ("sha256",), id="with a hyphen"),
        pytest.param(["sha512", "sha256", "sha512"], ("sha256", "sha512"), id="weakest first, each once"),
    ],
)
def test_read_algorithms(names: list[str], expected: tuple[str, ...]) -> None:
    assert expected == read_algorithms(names)


def test_unknown_algorithms_are_all_told() -> None:
    with pytest.raises(ConfigurationError) as caught:
        read_algorithms(["md5", "sha384", "sha3-256"])
    assert [("algorithm-unknown", "md5"), ("algorithm-unknown", "sha3-256")] == [
        (problem.reference, problem.value) for problem in caught.value.problems
    ]


def test_metadata_names_every_algorithm_that_was_asked_for() -> None:
    expected = " ".join(digest(algorithm, b"greet()") for algorithm in ("sha256", "sha384", "sha512"))
    assert expected == metadata(subject(), ALL)
    assert expected.split()[1] == metadata(subject(), DEFAULT)


def test_metadata_order_does_not_depend_on_the_order_asked_for() -> None:
    assert metadata(subject(), ALL) == metadata(subject(), Options(("sha512", "sha384", "sha256")))


def test_without_digests_there_is_no_metadata() -> None:
    assert "" == metadata(replace(subject(), digests=()), ALL)


CONTENT = b"export const greet = () => 'hello'\n"
PARTNERS = cors.Policy("partners", allow_origins=("https://app.example.com",))
RULES = (
    Rule(("**",), (), cors.ANY, caching.IMMUTABLE, "sandbox", 1),
    Rule(("**",), (), cors.ANY, caching.REVALIDATE, "sandbox", 2),
    Rule(("**",), (), PARTNERS, caching.IMMUTABLE, "sandbox", 3),
    Rule(("**",), (), cors.NONE, caching.IMMUTABLE, "sandbox", 4),
)


def asset(rule: int = 0) -> Asset:
    """Make an asset of `CONTENT` with a coded representation beside the plain one."""
    plain = Representation("identity", len(CONTENT), hashlib.sha256(CONTENT).digest())
    coded = Representation("br", 3, hashlib.sha256(b"br!").digest())
    return Asset(rule, hashlib.sha384(CONTENT).digest(), hashlib.sha512(CONTENT).digest(), (plain, coded))


def catalog(path: str, rule: int = 0, site: str = SITE) -> Catalog:
    """Make a catalog of one asset."""
    return Catalog(1, 1, Site("Demo", site), RULES, {path: asset(rule)})


def test_an_asset() -> None:
    found = of_asset(catalog("demo/1.0.0/greet.js"), "demo/1.0.0/greet.js")
    assert ("demo/1.0.0/greet.js", f"{SITE}/demo/1.0.0/greet.js") == (found.name, found.url)
    assert ("text/javascript; charset=utf-8", "script", len(CONTENT)) == (found.media_type, found.kind, found.size)
    assert () == found.remarks


def test_integrity_is_of_the_bytes_without_a_content_coding() -> None:
    found = of_asset(catalog("a.js"), "a.js")
    assert " ".join(digest(name, CONTENT) for name in ("sha256", "sha384", "sha512")) == metadata(found, ALL)


def test_without_a_site_url_the_address_starts_at_the_root() -> None:
    assert "/a.js" == of_asset(catalog("a.js", site=""), "a.js").url


@pytest.mark.parametrize(
    ("path", "source", "module", "expected"),
    [
        pytest.param("a.js", CONTENT.decode(), None, "module", id="the source shows it"),
        pytest.param("a.js", "", None, "script", id="no source: a classic script"),
        pytest.param("a.js", "", True, "module", id="the caller says so"),
        pytest.param("a.mjs", "", None, "module", id="the name says so"),
    ],
)
def test_modules_of_a_release(path: str, source: str, module: bool | None, expected: str) -> None:
    assert expected == of_asset(catalog(path), path, source, module=module).kind


def test_an_unlisted_path_is_absent() -> None:
    with pytest.raises(KeyError):
        of_asset(catalog("a.js"), "b.js")


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        pytest.param(1, "browsers block changed bytes", id="a path that may change"),
        pytest.param(2, "[cors.partners] only", id="an allow-list"),
        pytest.param(3, "pages of other origins can't load it", id="no CORS"),
    ],
)
def test_a_rule_that_the_tag_depends_on_is_told(rule: int, words: str) -> None:
    (note,) = notes(of_asset(catalog("a.js", rule), "a.js"), DEFAULT)
    assert words in note


def test_a_local_file() -> None:
    found = of_file("dist/greet?.js", CONTENT)
    assert ("dist/greet?.js", "./dist/greet%3F.js", "module") == (found.name, found.url, found.kind)
    assert digest("sha384", CONTENT) == metadata(found, DEFAULT)
    assert (UNPUBLISHED,) == found.remarks


def test_a_response() -> None:
    found = of_response("https://h.example/x?type=a.css", CONTENT, "text/javascript", remarks=("moved",))
    assert ("https://h.example/x?type=a.css", "module", ("moved",)) == (found.url, found.kind, found.remarks)
    assert digest("sha384", CONTENT) == metadata(found, DEFAULT)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        pytest.param("https://h.example/a.css?v=1#x", "style", id="by name, without query and fragment"),
        pytest.param("https://h.example/a", "", id="no name to go by"),
    ],
)
def test_a_response_without_a_media_type_goes_by_its_name(url: str, expected: str) -> None:
    assert expected == of_response(url, b"p{}").kind


def test_bytes_that_are_no_text_are_hashed_as_they_are() -> None:
    content = b"\xff\xfe export {}"
    assert digest("sha512", content) in metadata(of_file("a.js", content), ALL)


@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not installed")
@pytest.mark.parametrize("algorithm", ["sha256", "sha384", "sha512"])
def test_openssl_agrees(algorithm: str) -> None:
    run = subprocess.run(
        ["openssl", "dgst", f"-{algorithm}", "-binary"], input=CONTENT, capture_output=True, check=True
    )
    subjects: list[Subject] = [of_file("a.js", CONTENT), of_asset(catalog("a.js"), "a.js")]
    expected = f"{algorithm}-{base64.b64encode(run.stdout).decode('ascii')}"
    assert all(expected in metadata(each, ALL).split() for each in subjects)


@pytest.mark.parametrize(
    ("path", "source", "remark"),
    [
        pytest.param("a.js", "module.exports = 1", "it uses module of Node.js, so a script tag", id="CommonJS"),
        pytest.param("a.cjs", "let a", "it uses require of Node.js", id="CommonJS by its name"),
        pytest.param(
            "a.js", "import 'vue'; import './b.js'", "it imports vue: the page needs an import map", id="a name"
        ),
        pytest.param(
            "a.mjs", "".join(f"import 'a{n}';" for n in range(7)), "a3, a4 and 2 more: the page", id="many names"
        ),
    ],
)
def test_what_a_tag_does_not_bring_is_remarked(path: str, source: str, remark: str) -> None:
    assert remark in of_file(path, source.encode()).remarks[0]
    assert remark in of_response(f"https://example.com/{path}", source.encode(), "text/javascript").remarks[0]


def test_commonjs_is_no_module_whoever_says_so() -> None:
    remark = "it uses require, exports of Node.js, so a script tag"
    source = b"exports.a = require('b')"
    assert remark in of_file("a.js", source, module=True).remarks[0]
    assert not any("Node.js" in one for one in of_file("a.js", b"export {}; process.x = 1", module=True).remarks)


@pytest.mark.parametrize("source", ["let a", "import './b.js'", "typeof module === 'object' ? module.exports = 1 : 0"])
def test_what_needs_nothing_has_no_remark(source: str) -> None:
    assert () == of_response("https://example.com/a.js", source.encode(), "text/javascript").remarks


@given(st.text())
def test_a_label_is_one_printable_line(name: str) -> None:
    label = replace(subject(), name=name).label
    assert label.isprintable()
    assert not name.isprintable() or name == label


def test_a_label_shows_octets_that_are_no_text() -> None:
    assert "a\\udcff.js" == replace(subject(), name="a\udcff.js").label


def test_essence_has_no_parameters() -> None:
    assert "text/javascript" == subject("script").essence


def test_a_subject_does_not_change() -> None:
    with pytest.raises(FrozenInstanceError):
        subject().url = "https://evil.example/"  # type: ignore[misc]
