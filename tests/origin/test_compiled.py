"""The compiled origin: which rule and which asset a path finds, and what a rule says of every file."""

from __future__ import annotations

import time

import pytest
from msgspec import structs

from cdnserve.manifest.values import Site
from cdnserve.origin import Origin
from cdnserve.origin.compiled import PublishRule
from cdnserve.release.catalog import Catalog
from cdnserve.rules.cors import ANY, NONE
from tests.origin import catalogs

SANDBOX = (
    b"content-security-policy",
    b"sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:; font-src data:",
)
NO_SNIFF = (b"x-content-type-options", b"nosniff")


@pytest.mark.parametrize(
    ("path", "policy", "public"),
    [
        pytest.param("any/app.js", "any", True, id="a file of a rule"),
        pytest.param("partners/app.js", "partners", True, id="a file of another rule"),
        pytest.param("partners/absent.js", "partners", False, id="a rule, but no file"),
        pytest.param("any/app.js.map", None, False, id="left out by the rule"),
        pytest.param("elsewhere/app.js", None, False, id="no rule"),
        pytest.param("any", None, False, id="the folder of a rule"),
        pytest.param("manifest.toml", None, False, id="never public: the manifest"),
        pytest.param("any/.git/config", None, False, id="never public: a dot-folder"),
        pytest.param("-/health", None, False, id="never public: ours"),
        pytest.param("Any/app.js", None, False, id="in another case"),
    ],
)
def test_what_a_path_finds(path: str, policy: str | None, public: bool) -> None:
    found = catalogs.ORIGIN.find(path)
    assert policy == (found.rule and found.rule.policy.name)
    assert public is (found.asset is not None)
    assert (path, "", "") == (found.path, found.location, found.hint)


def test_the_asset_says_which_rule_published_it() -> None:
    """The policy is looked up by exactly the path that finds the file."""
    rules = (catalogs.rule("**", ANY), catalogs.rule("**", NONE))
    origin = catalogs.origin({"a.js": catalogs.asset("a.js", at=1)}, rules)
    assert origin.find("a.js").rule is origin.rules[1]
    assert origin.find("b.js").rule is origin.rules[0]


@pytest.mark.parametrize(
    ("path", "kind", "sandboxed"),
    [
        pytest.param("a.html", b"text/html; charset=utf-8", True, id="HTML"),
        pytest.param("a.svg", b"image/svg+xml; charset=utf-8", True, id="SVG"),
        pytest.param("a.xml", b"text/xml; charset=utf-8", True, id="XML"),
        pytest.param("a.js", b"text/javascript; charset=utf-8", False, id="a script"),
        pytest.param("a.bin", b"application/octet-stream", False, id="unknown"),
    ],
)
def test_documents_are_sandboxed_unless_they_are_live(path: str, kind: bytes, sandboxed: bool) -> None:
    sandbox, live = (PublishRule(catalogs.rule("**", ANY, documents=how)) for how in ("sandbox", "live"))
    plain = ((b"content-type", kind), NO_SNIFF)
    asset = catalogs.asset(path)
    assert ((*plain, SANDBOX) if sandboxed else plain) == sandbox.describe(path, asset)
    assert plain == live.describe(path, asset)


def test_the_octets_have_a_word_in_the_type() -> None:
    asset = structs.replace(catalogs.asset("a.js"), form="other")
    assert (b"content-type", b"text/javascript") in PublishRule(catalogs.rule("**", ANY)).describe("a.js", asset)


def test_paths_are_all_public_ones_in_order() -> None:
    files = {path: catalogs.asset(path) for path in ("b", "a/b", "a.js", "B", "ü")}
    origin = catalogs.origin(files, (catalogs.rule("**", ANY),))
    assert list(origin.paths) == sorted(files)
    assert origin.paths is origin.paths


def test_the_clock_is_the_systems_unless_another_is_given() -> None:
    assert Origin(Catalog(1, 1, Site(), (), {})).clock is time.time
    assert catalogs.ORIGIN.clock() == catalogs.NOW
