"""Default files: what package.json names, in the order of each CDN."""

from __future__ import annotations

import pytest

from cdnserve.cdns.npm_mirrors import Mirror, default_files

ALL = {"jsdelivr": "j.js", "unpkg": "u.js", "browser": "b.js", "main": "m.js", "style": "s.css", "exports": "e.js"}


def firsts(named: dict[str, str], mirror: Mirror, *, for_style: bool) -> list[str]:
    """Return the files without those that differ in their spelling or in being minified."""
    found = default_files(named, mirror, for_style=for_style)
    return [path for path in found if path == "index.js" or path in named.values()]


@pytest.mark.parametrize(
    ("mirror", "for_style", "expected"),
    [
        pytest.param("jsdelivr", False, ["j.js", "b.js", "m.js", "s.css", "u.js", "index.js"], id="jsDelivr"),
        pytest.param("unpkg", False, ["u.js", "e.js", "m.js", "s.css", "j.js", "index.js"], id="unpkg"),
        pytest.param("jsdelivr", True, ["j.js", "s.css", "b.js", "m.js", "u.js", "index.js"], id="for a stylesheet"),
    ],
)
def test_the_order_of_the_fields(mirror: Mirror, for_style: bool, expected: list[str]) -> None:
    assert expected == firsts(ALL, mirror, for_style=for_style)


def test_with_jsdelivr_the_minified_file_stands_first() -> None:
    """Also where the author named another one for jsDelivr itself."""
    found = list(default_files({"jsdelivr": "j.js", "main": "m.js"}, "jsdelivr"))
    assert ["j.min.js", "j.js"] == found[:2]
    assert found.index("m.min.js") + 1 == found.index("m.js")
    assert "m.min.js" not in list(default_files({"main": "m.js"}, "unpkg"))
    assert "m.min.min.js" not in list(default_files({"main": "m.min.js"}, "jsdelivr"))


def test_what_may_be_left_out_is_tried() -> None:
    assert ["lib", "lib.js", "lib/index.js", "index.js"] == list(default_files({"main": "lib"}, "unpkg"))


def test_what_is_for_tools_must_be_acceptable() -> None:
    found = default_files(ALL | {"main": "m.scss"}, "unpkg", accepts=lambda path: path.endswith(".js"))
    assert {"m.scss", "s.css"}.isdisjoint(found)
