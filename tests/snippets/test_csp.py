"""Content Security Policy: hashes for scripts, exact URLs for the rest."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cdnserve.snippets import Kind, csp
from tests.snippets.subjects import ALL, DEFAULT, KINDS, SITE, alias, hashes, subject

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


def test_an_alias_is_matched_by_url() -> None:
    assert f"script-src {alias().url}" == csp([alias()], ALL)


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
