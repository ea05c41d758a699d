"""The `[site]` table: how the pages are called, and how they look."""

from __future__ import annotations

import pytest

from cdnserve.errors import ConfigurationError
from cdnserve.manifest.reader import inspect_text, parse_manifest

RULE = '\n[[publish]]\npath = "**"\ncors = "any"\n'


def manifest(*lines: str) -> str:
    return "\n".join(("schema = 1", "[site]", *lines)) + RULE


def told(text: str) -> list[tuple[str, str]]:
    try:
        found = inspect_text(text).warnings
    except ConfigurationError as error:
        found = tuple(error.problems)
    return [(problem.reference, problem.where) for problem in found]


def test_there_are_pages_unless_the_site_says_no() -> None:
    assert parse_manifest("schema = 1" + RULE).site.pages
    assert not parse_manifest(manifest("pages = false")).site.pages


def test_what_is_written_is_read() -> None:
    lines = ('title = "Our libraries"', 'logo = "brand/logo.svg"', 'color = "#0B57d0"', 'dark-color = "#8ab4f8"')
    site = parse_manifest(manifest(*lines)).site
    assert ("Our libraries", "brand/logo.svg") == (site.title, site.logo)
    assert ("#0B57d0", "#8ab4f8") == (site.color, site.dark_color)
    assert [] == told(manifest(*lines))


@pytest.mark.parametrize("title", ['"a\\nb"', '"\\u0007"'])
def test_a_title_is_one_line(title: str) -> None:
    assert [("site-name-invalid", "manifest.toml:3")] == told(manifest(f"title = {title}"))


@pytest.mark.parametrize(
    "path",
    ["/brand/logo.svg", "../logo.svg", ".git/logo.svg", "-/logo.svg", "manifest.toml", "logo.js", "logo", "a//b.png"],
)
def test_a_logo_is_the_path_of_an_image(path: str) -> None:
    assert [("site-logo-invalid", "manifest.toml:3")] == told(manifest(f'logo = "{path}"'))


@pytest.mark.parametrize("color", ["blue", "#123", "#12345", "0b57d0", "#0b57d0;}", "#12345678", "#gggggg"])
@pytest.mark.parametrize("key", ["color", "dark-color"])
def test_a_color_has_six_digits(key: str, color: str) -> None:
    assert [("site-color-invalid", "manifest.toml:3")] == told(manifest(f'{key} = "{color}"'))


@pytest.mark.parametrize(("key", "color"), [("color", "#8ab4f8"), ("color", "#ffffff"), ("dark-color", "#0b57d0")])
def test_a_color_that_is_hard_to_read_is_warned_of(key: str, color: str) -> None:
    assert [("site-color-faint", "manifest.toml:3")] == told(manifest(f'{key} = "{color}"'))
