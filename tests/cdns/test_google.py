"""Google Fonts' stylesheets, and the files of Fontsource's packages that they stand for."""

from __future__ import annotations

import pytest

from cdnserve.cdns.mapped import Mapped, Unmapped
from cdnserve.cdns.registry import read_address

CSS, CSS2 = "https://fonts.googleapis.com/css?", "https://fonts.googleapis.com/css2?"


def files(url: str) -> list[str]:
    """Return packages and files, as one path each."""
    found = read_address(url)
    assert isinstance(found, Mapped), found
    return [f"{file.name.removeprefix('@fontsource/')}/{file.files[0]}" for file in found.files]


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        pytest.param(f"{CSS2}family=Inter", ["inter/400.css"], id="the regular face"),
        pytest.param(f"{CSS2}family=Inter:wght@300;700", ["inter/300.css", "inter/700.css"], id="weights"),
        pytest.param(
            f"{CSS2}family=Inter:ital,wght@0,400;1,700", ["inter/400.css", "inter/700-italic.css"], id="slopes too"
        ),
        pytest.param(f"{CSS2}family=Inter:ital@0;1", ["inter/400.css", "inter/400-italic.css"], id="slopes alone"),
        pytest.param(
            f"{CSS2}family=Inter:ital", ["inter/400.css", "inter/400-italic.css"], id="the axis of slopes alone"
        ),
        pytest.param(f"{CSS2}family=Open+Sans", ["open-sans/400.css"], id="a name of two words"),
        pytest.param(f"{CSS2}family=Inter&family=Lora", ["inter/400.css", "lora/400.css"], id="families"),
        pytest.param(
            f"{CSS2}family=Inter:wght@300..500",
            ["inter/300.css", "inter/400.css", "inter/500.css"],
            id="a range of weights",
        ),
        pytest.param(f"{CSS2}family=Inter:wght@400;400", ["inter/400.css"], id="twice the same"),
        pytest.param(
            f"{CSS}family=Inter:400,700i|Lora",
            ["inter/400.css", "inter/700-italic.css", "lora/400.css"],
            id="version 1",
        ),
        pytest.param(
            f"{CSS}family=Inter:bold,bolditalic,italic,regular,i",
            ["inter/700.css", "inter/700-italic.css", "inter/400-italic.css", "inter/400.css"],
            id="version 1, names of styles",
        ),
        pytest.param(
            f"{CSS}family=Inter:thin,ExtraLight,light,book,medium,semibold,extrabold,black,blackitalic,li",
            [
                *("inter/100.css", "inter/200.css", "inter/300.css", "inter/400.css", "inter/500.css"),
                *("inter/600.css", "inter/800.css", "inter/900.css", "inter/900-italic.css", "inter/300-italic.css"),
            ],
            id="version 1, names of weights",
        ),
        pytest.param(
            f"{CSS2}family=Inter:ital,opsz,wght@0,14..32,400;1,14..32,700",
            ["inter/400.css", "inter/700-italic.css"],
            id="optical sizes",
        ),
        pytest.param(f"{CSS}family=Open+Sans:400&subset=latin,greek", ["open-sans/400.css"], id="version 1, subsets"),
        pytest.param(f"{CSS}family=Inter%7CLora", ["inter/400.css", "lora/400.css"], id="version 1, escaped"),
    ],
)
def test_a_stylesheet_stands_for_files(url: str, expected: list[str]) -> None:
    assert expected == files(url)


def test_the_family_must_be_defined_by_its_name() -> None:
    found = read_address(f"{CSS2}family=Open+Sans")
    assert isinstance(found, Mapped)
    assert ["Open Sans"] == [file.family for file in found.files]


@pytest.mark.parametrize(
    ("url", "remark"),
    [
        pytest.param(f"{CSS2}family=Inter&display=swap", "", id="as the package's"),
        pytest.param(f"{CSS2}family=Inter", "font-display: swap, not auto", id="no font-display"),
        pytest.param(f"{CSS2}family=Inter&display=auto", "font-display: swap, not auto", id="the browser's own"),
        pytest.param(f"{CSS2}family=Inter&display=block", "font-display: swap, not block", id="another font-display"),
        pytest.param(f"{CSS2}family=Inter:wght@100..900&display=swap", "fixed weights", id="a range"),
        pytest.param(f"{CSS2}family=Inter:opsz,wght@14..32,400&display=swap", "one optical size", id="optical sizes"),
        pytest.param(f"{CSS}family=Rancho&effect=fire&display=swap", "the effect fire is lost", id="an effect"),
    ],
)
def test_what_changes_is_said(url: str, remark: str) -> None:
    found = read_address(url)
    assert isinstance(found, Mapped)
    assert remark in found.remark
    assert bool(remark) == bool(found.remark)


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        pytest.param(f"{CSS2}family=Inter:slnt,wght@-10..0,400", "no axis slnt", id="another axis"),
        pytest.param(f"{CSS2}family=Inter:wght@450", "no weight 450", id="a weight between"),
        pytest.param(f"{CSS2}family=Inter:wght@thin", "weight thin is not known", id="no weight"),
        pytest.param(f"{CSS2}family=../x", "name is not known", id="a name that is a path"),
        pytest.param(f"{CSS2}family=", "name is not known", id="no name"),
        pytest.param(f"{CSS2}family=Material+Symbols+Outlined", "icons", id="icons"),
        pytest.param(f"{CSS}family=Inter:thick", "style thick is not known", id="no style"),
        pytest.param(f"{CSS}family=Inter:blackest", "style blackest is not known", id="more than a style"),
        pytest.param(f"{CSS}family=Inter:4%2B0", "is not known", id="no word"),
        pytest.param("https://fonts.googleapis.com/icon?family=Material+Icons", "text fonts", id="icons, by path"),
        pytest.param(CSS2, "text fonts", id="no family"),
    ],
)
def test_a_stylesheet_has_no_counterpart(url: str, reason: str) -> None:
    found = read_address(url)
    assert isinstance(found, Unmapped)
    assert reason in found.reason
