"""Scanning a page: what becomes an element, and where every part of its tag stands."""

from __future__ import annotations

import html
from itertools import pairwise

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from cdnserve.errors import ConfigurationError
from cdnserve.markup.parser import LARGEST, scan
from cdnserve.markup.tag import Lines, Page, Tag

_PIECES = st.sampled_from(
    [
        *("<script", "<link", "<base", "<meta", "<template", "<svg", "<math", "<table", "<td", "<select", "<p", "<b"),
        *("<title", "<textarea", "<style", "<noscript", "<plaintext", "<frameset", "<div", "<iframe", "<desc"),
        *("</script", "</template", "</svg", "</title", "</textarea", "</style", "</table", "</p", "</b", "</div"),
        *(" src", " href", " SRC", "=", " = ", '"', "'", "&amp;", "&", "&#", "&#x41;", "&not", "/", ">", ">", ">", "<"),
        *("<!--", "-->", "--!>", "<![CDATA[", "]]>", "<!doctype html", "a", "é", "😀", "\ud800", "\0", " "),
        *("\r", "\n", "\r\n", "\t", "\f", "\ufeff", "x=y", "<head>", "<body>", "</body>", "</html>"),
    ]
)
PAGES = st.lists(_PIECES, max_size=60).map("".join)


def found(text: str) -> list[tuple[str, str | None]]:
    """Return name and address of each tag that is loaded."""
    return [(tag.name, tag.value("src") or tag.value("href")) for tag in scan(text).tags if not tag.inert]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("<script src=a></script><link href=b>", [("script", "a"), ("link", "b")], id="two elements"),
        pytest.param("<!--<script src=a>--><script src=b>", [("script", "b")], id="not in a comment"),
        pytest.param("<!--><script src=b>", [("script", "b")], id="an abruptly closed comment"),
        pytest.param("<!-- --!><script src=b>", [("script", "b")], id="an incorrectly closed comment"),
        pytest.param(
            "<script>'<script src=a>'</script><base href=b>", [("script", None), ("base", "b")], id="in script"
        ),
        pytest.param(
            "<script><!--<script></script><link href=a></script><link href=b>",
            [("script", None), ("link", "b")],
            id="in a script's double-escaped data",
        ),
        pytest.param("<title><link href=a></title><link href=b>", [("link", "b")], id="not in a title"),
        pytest.param("<textarea><link href=a></textarea><link href=b>", [("link", "b")], id="not in a textarea"),
        pytest.param("<style><link href=a></style><link href=b>", [("link", "b")], id="not in a style sheet"),
        pytest.param("<noscript><link href=a></noscript><link href=b>", [("link", "b")], id="noscript with scripting"),
        pytest.param("<p><noscript><link href=a></noscript><link href=b>", [("link", "b")], id="noscript in the body"),
        pytest.param("<iframe><script src=a></script></iframe><link href=b>", [("link", "b")], id="not in an iframe"),
        pytest.param("<xmp><link href=a></xmp><plaintext><link href=b>", [], id="not in plain text"),
        pytest.param("<svg><![CDATA[<link href=a>]]></svg><link href=b>", [("link", "b")], id="CDATA in SVG"),
        pytest.param("<![CDATA[<link href=a>]]><link href=b>", [("link", "b")], id="no CDATA in HTML"),
        pytest.param("<svg><script href=a /></svg>", [("svg:script", "a")], id="a script in SVG"),
        pytest.param("<svg><link href=a><style><link href=b>", [], id="no links in SVG"),
        pytest.param("<svg><desc><link href=a>", [("link", "a")], id="HTML in SVG"),
        pytest.param("<math><script src=a></script>", [], id="no scripts in MathML"),
        pytest.param("<svg><p><link href=a>", [("link", "a")], id="HTML that breaks out of SVG"),
        pytest.param(
            "<table><script src=a></script><tr><link href=b>", [("script", "a"), ("link", "b")], id="in tables"
        ),
        pytest.param("<select><script src=a></script></select>", [("script", "a")], id="a script in a select"),
        pytest.param("<select><div><link href=a></select><link href=b>", [("link", "a"), ("link", "b")], id="select"),
        pytest.param("<svg><g></p><link href=a>", [("link", "a")], id="an end tag that breaks out of SVG"),
        pytest.param("<svg><desc></p><link href=a>", [("link", "a")], id="an end tag in HTML in SVG"),
        pytest.param("<script src=a", [], id="a tag that never ends"),
        pytest.param("<a title='<script src=a>'><script\nSRC=b>", [("script", "b")], id="not in an attribute"),
        pytest.param("<SCRIPT SRC=a></SCRIPT><Link Href=b>", [("script", "a"), ("link", "b")], id="any case"),
        pytest.param("<script src=a src=b>", [("script", "a")], id="the first of two attributes counts"),
        pytest.param("<template><div><script src=a></script></template><link href=b>", [("link", "b")], id="templates"),
        pytest.param(
            "<template><template></template><link href=a></template><link href=b>",
            [("link", "b")],
            id="a template in a template",
        ),
        pytest.param(
            "<table><template><table><td></template><tr><td><link href=b></table>", [("link", "b")], id="in a table"
        ),
        pytest.param("<svg><template><desc><link href=a>", [("link", "a")], id="an SVG element named template"),
        pytest.param("<frameset><script src=a></script></frameset>", [], id="nothing in a frameset"),
        pytest.param("", [], id="nothing at all"),
    ],
)
def test_what_becomes_an_element(text: str, expected: list[tuple[str, str | None]]) -> None:
    """As browsers with scripting read it."""
    assert expected == found(text)


def test_tags_in_a_template_are_inert() -> None:
    """They are told, for scripts copy them, but apart from the others."""
    tags = scan("<template><script src=a></script></template><script src=b></script>").tags
    assert [("a", True), ("b", False)] == [(tag.value("src"), tag.inert) for tag in tags]


@pytest.mark.parametrize(
    ("text", "place"),
    [
        pytest.param("<link>", (1, 1), id="at the start"),
        pytest.param("a\nb\n <link>", (3, 2), id="LF"),
        pytest.param("a\r\nb\r\n <link>", (3, 2), id="CRLF"),
        pytest.param("a\rb\r <link>", (3, 2), id="CR"),
        pytest.param("\r\n\n\r<link>", (4, 1), id="all of them"),
        pytest.param("\ufeff\n<link>", (2, 1), id="behind a byte order mark"),
    ],
)
def test_line_and_column(text: str, place: tuple[int, int]) -> None:
    """Both count from 1, and every kind of newline is one."""
    (tag,) = scan(text).tags
    assert place == (tag.line, tag.column)


def test_the_parts_of_a_tag() -> None:
    """Names, values and quotes stand where their spans say."""
    text = "é\r\n<LINK\r\nHREF = 'a&amp;b\r\n'\tasync title=\"\" rel=x&lt;y/>"
    (tag,) = scan(text).tags
    parts = [
        (a.name, a.value, cut(text, a.name_span), a.value_span and cut(text, a.value_span)) for a in tag.attributes
    ]
    expected = [
        ("href", "a&b\n", "HREF", "'a&amp;b\r\n'"),
        ("async", "", "async", None),
        ("title", "", "title", '""'),
        ("rel", "x<y/", "rel", "x&lt;y/"),
    ]
    assert expected == parts
    assert ["'", "", '"', ""] == [attribute.quote for attribute in tag.attributes]
    assert text[3:] == tag.text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("<script type=importmap>\r\n{}</script>", "\r\n{}", id="text"),
        pytest.param("<script><!-- </scripty> < </script >", "<!-- </scripty> < ", id="what looks like an end"),
        pytest.param("<script><!--<script></script>--></script>", "<!--<script></script>-->", id="escaped"),
        pytest.param("<script>{}", "", id="never closed"),
        pytest.param("<script></script>", "", id="empty"),
    ],
)
def test_the_content_of_a_script(text: str, expected: str) -> None:
    """From the start tag to the end tag that closes it."""
    page = scan(text)
    assert expected == page.content(page.tags[0])


@settings(max_examples=400, deadline=None)
@given(PAGES)
@example("<script src=\r\n'a\r\n'\r\n>")
@example("\ufeff<link\r\n/href=&>")
@example("<a b=c><script a=& b=&&c d>")
def test_every_span_says_what_it_holds(text: str) -> None:
    """Whatever the text, the page can be cut at the spans and put together again."""
    try:
        page = scan(text)
    except ConfigurationError as error:
        page = Page(text, (), Lines(text))
        refused = [problem.reference for problem in error.problems]
    else:
        refused = []
    assert refused in ([], ["page-unreadable"])
    assert text == page.text == "".join(pieces(page))
    for tag in page.tags:
        check(text, tag)


def pieces(page: Page) -> list[str]:
    """Cut a page at its tags."""
    edges = [0, *(edge for tag in page.tags for edge in (tag.start, tag.end)), len(page.text)]
    assert sorted(edges) == edges
    return [page.text[start:end] for start, end in pairwise(edges)]


def check(text: str, tag: Tag) -> None:
    """Compare a tag's parts with the text."""
    assert text[tag.start : tag.end] == tag.text
    assert tag.text.startswith("<")
    assert tag.text.endswith(">")
    assert tag.text[1:].lower().startswith(tag.name.removeprefix("svg:"))
    for attribute in tag.attributes:
        assert tag.start < attribute.name_span[0] < attribute.name_span[1] < tag.end
        written = cut(text, attribute.name_span).replace("\0", "\ufffd")
        assert attribute.name.lower() == "".join(c.lower() if c.isascii() else c for c in written)
        if attribute.value_span is None:
            assert "" == attribute.value
        else:
            value = cut(text, attribute.value_span)
            assert attribute.quote == (value[0] if value[0] in "'\"" and attribute.quote else "")
            assert attribute.value_span[1] < tag.end
            assert "&" in value or plain(value, attribute.quote) == attribute.value


def plain(value: str, quote: str) -> str:
    """Read a value without character references."""
    inner = value[1:-1] if quote else value
    return inner.replace("\r\n", "\n").replace("\r", "\n").replace("\0", "\ufffd")


def cut(text: str, span: tuple[int, int]) -> str:
    """Return what stands at a span."""
    return text[slice(*span)]


@given(st.text(st.characters(exclude_characters="\0\r", exclude_categories=["Cs", "Cc"])))
def test_a_value_comes_back_as_it_was_escaped(value: str) -> None:
    """What `html.escape` writes into quotes, the scan reads."""
    (tag,) = scan(f'<link href="{html.escape(value)}">').tags
    assert value == tag.value("href")


@pytest.mark.unmeasured
@pytest.mark.parametrize(
    "text",
    [
        pytest.param("<div>" * 100_000, id="elements in elements"),
        pytest.param("<font color=1>" * 1000 + "<p>" * 50_000, id="formatting that is opened again and again"),
        pytest.param("".join(f"<div><b id={n}></div>" for n in range(2000)), id="more and more formatting"),
        pytest.param("<" + "a" * 2_000_000, id="a name without end"),
        pytest.param("<a " + " ".join(f"a{n}" for n in range(300_000)) + ">", id="attributes without end"),
        pytest.param("<a b='" + "&amp;" * 200_000 + "'>", id="references in one value"),
        pytest.param("<a b='" + "&x" * 500_000 + "'>", id="references that are none in one value"),
        pytest.param("<!--" + "-a" * 1_000_000, id="a comment full of hyphens"),
        pytest.param("<!doctype " + "a" * 1_000_000, id="a document type without end"),
        pytest.param("<textarea></" + "a" * 1_000_000, id="an end tag without end"),
    ],
)
def test_a_page_made_to_be_slow_is_refused(text: str) -> None:
    """Before it costs more than a page of its size may."""
    with pytest.raises(ConfigurationError) as caught:
        scan(text)
    assert ["page-unreadable"] == [problem.reference for problem in caught.value.problems]


@pytest.mark.unmeasured
@pytest.mark.parametrize(
    ("text", "count"),
    [
        pytest.param("<script src='" + "a" * 1_000_000 + "'></script>", 1, id="a value of a million characters"),
        pytest.param("<link title='" + "{&quot;a&quot;:1}" * 20_000 + "'>", 1, id="JSON in a value"),
        pytest.param("<!--" + "a" * 1_000_000, 0, id="a comment that is never closed"),
        pytest.param("<link>" * 20_000, 20_000, id="many tags"),
        pytest.param("<script>" + "<!-" * 300_000, 1, id="a script full of brackets"),
        pytest.param("&#x" * 100_000, 0, id="references that are none"),
        pytest.param("<svg>" * 500 + "</p>" * 500 + "<link>", 1, id="broken out of five hundred elements"),
        pytest.param("</div>" * 100_000, 0, id="ends without a start"),
    ],
)
def test_a_page_that_is_only_large_is_read(text: str, count: int) -> None:
    """Size alone is no fault."""
    assert count == len(scan(text).tags)


def test_a_page_has_a_largest_size() -> None:
    """Beyond it nothing is read."""
    with pytest.raises(ConfigurationError) as caught:
        scan(" " * (LARGEST + 1))
    assert ["page-too-large"] == [problem.reference for problem in caught.value.problems]
