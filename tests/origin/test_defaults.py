"""Default files: what package.json names, in the order of each CDN, and only what is public."""

from __future__ import annotations

import pytest

from cdnserve.origin.addresses import Shape
from cdnserve.origin.defaults import default_file
from cdnserve.release.catalog import Entries

ALL = Entries("for-jsdelivr.js", "for-unpkg.js", "for-bundlers.js", "main.js", "style.css")


@pytest.mark.parametrize(
    ("entries", "shape", "public", "expected"),
    [
        pytest.param(ALL, "jsdelivr", "for-jsdelivr.js for-unpkg.js main.js", "for-jsdelivr.js", id="jsDelivr's own"),
        pytest.param(ALL, "unpkg", "for-jsdelivr.js for-unpkg.js main.js", "for-unpkg.js", id="unpkg's own"),
        pytest.param(ALL, "jsdelivr", "for-unpkg.js main.js", "main.js", id="not unpkg's for jsDelivr"),
        pytest.param(ALL, "unpkg", "for-jsdelivr.js main.js", "main.js", id="not jsDelivr's for unpkg"),
        pytest.param(ALL, "jsdelivr", "for-unpkg.js index.js", "for-unpkg.js", id="unpkg's where there is no other"),
        pytest.param(ALL, "unpkg", "for-jsdelivr.js", "for-jsdelivr.js", id="jsDelivr's where there is no other"),
        pytest.param(ALL, "jsdelivr", "for-bundlers.js main.js", "for-bundlers.js", id="browser before main"),
        pytest.param(ALL, "jsdelivr", "main.js style.css", "main.js", id="main before style"),
        pytest.param(ALL, "jsdelivr", "style.css index.js", "style.css", id="style before index.js"),
        pytest.param(ALL, "jsdelivr", "index.js", "index.js", id="index.js when nothing else is public"),
        pytest.param(Entries(), "jsdelivr", "index.js", "index.js", id="index.js when nothing is named"),
        pytest.param(ALL, "jsdelivr", "other.js", "", id="nothing is public"),
        pytest.param(Entries(main="dist/a"), "unpkg", "dist/a.js", "dist/a.js", id="a missing ending"),
        pytest.param(Entries(main="dist"), "unpkg", "dist/index.js", "dist/index.js", id="a folder"),
        pytest.param(Entries(main="a.js"), "jsdelivr", "a.js a.min.js", "a.min.js", id="the minified one for jsDelivr"),
        pytest.param(Entries(main="a.js"), "unpkg", "a.js a.min.js", "a.js", id="as it is for unpkg"),
        pytest.param(Entries(main="a.min.js"), "jsdelivr", "a.min.js", "a.min.js", id="minified already"),
        pytest.param(Entries(jsdelivr="a.js"), "jsdelivr", "a.js a.min.js", "a.min.js", id="minified beside its own"),
        pytest.param(Entries(unpkg="a.js"), "unpkg", "a.js a.min.js", "a.js", id="an author's word for unpkg"),
        pytest.param(Entries(main="a.js", exports="b.js"), "unpkg", "a.js b.js", "b.js", id="exports for unpkg"),
        pytest.param(Entries(main="a.js", exports="b.js"), "jsdelivr", "a.js b.js", "a.js", id="main for jsDelivr"),
        pytest.param(Entries(browser="a.js", main="b.js"), "unpkg", "a.js b.js", "b.js", id="unpkg ignores browser"),
        pytest.param(Entries(main="a.scss", style="a.css"), "unpkg", "a.scss a.css", "a.css", id="Sass is no default"),
        pytest.param(Entries(main="a.css"), "unpkg", "a.css", "a.css", id="a stylesheet is"),
    ],
)
def test_the_default_file(entries: Entries, shape: Shape, public: str, expected: str) -> None:
    paths = {f"npm/a@1.0.0/{name}" for name in public.split()}
    assert expected == default_file(entries, shape, "npm/a@1.0.0", paths)
