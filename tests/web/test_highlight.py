"""Source text: escaped, in lines, coloured where it can be in time, and as it is where it can't."""

from __future__ import annotations

import re
import subprocess
from html import unescape
from typing import Any

import pytest

from cdnserve.web.highlight import as_html, highlighted

LINE = re.compile(r'<span class="l" [^>]*>(.*?)</span>(?=<span class="l"|(?:</span>)?(?:<span class="g">|\Z))')


def text_of(html: str) -> list[str]:
    return [unescape(re.sub("<[^>]*>", "", line)) for line in LINE.findall(html)]


def plain(line: str) -> str:
    return f'<span class="l" id="L1" data-n="1">{line}</span>'


def test_words_are_coloured() -> None:
    html = highlighted("a.js", b"let a = '</script>' // \xe2\x80\xae\n\n\tb\n")
    assert '<span class="k">let</span>' in html
    assert ["let a = '</script>' // \\u202e", "", "\tb"] == text_of(html)
    assert "</script>" not in html


@pytest.mark.parametrize("name", ["a.txt", "LICENSE", "a.unknown", "a.js/"])
def test_other_texts_are_plain(name: str) -> None:
    assert plain("let &lt;a&gt;") == highlighted(name, b"let <a>")


@pytest.mark.parametrize(
    "failure", [subprocess.TimeoutExpired("x", 1), subprocess.CalledProcessError(1, "x"), OSError()]
)
def test_what_takes_too_long_is_plain(monkeypatch: pytest.MonkeyPatch, failure: Exception) -> None:
    def run(*_: Any, **__: Any) -> None:
        raise failure

    monkeypatch.setattr("cdnserve.web.highlight.subprocess.run", run)
    assert plain("let a") == highlighted("a.js", b"let a\n")


def test_octets_that_are_no_text_are_shown_as_far_as_they_can_be() -> None:
    assert plain("\ufffdx") == as_html([("", b"\xffx".decode("utf-8", "replace"))])


def test_lines_are_laid_out_a_hundred_at_a_time() -> None:
    html = as_html([("", "\n".join(map(str, range(1, 251))))])
    assert [str(number) for number in range(1, 251)] == text_of(html)
    firsts = re.findall(r'<span class="g"><span class="l" id="L(\d+)"', html)
    assert ["1", "101"] == firsts
    assert html.endswith('</span></span><span class="l" id="L201"' + html.partition('<span class="l" id="L201"')[2])


def test_few_lines_are_a_group_only_where_they_are_long() -> None:
    """A group has the height of a hundred lines until it is looked at."""
    assert '<span class="g">' not in as_html([("", "a\n" * 99)])
    assert as_html([("", "a" * 20_000)]).startswith('<span class="g">')
