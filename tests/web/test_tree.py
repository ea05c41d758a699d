"""The tree of files: opened out as far as there is room, folders of their own beyond, and a filter."""

from __future__ import annotations

from cdnserve.manifest.model import Site
from cdnserve.origin.lookup import Origin
from cdnserve.release.catalog import Asset, Catalog
from cdnserve.rules.cors import ANY
from cdnserve.web.listing import Listing
from cdnserve.web.tree import MOST_ROWS, TreeMaker, TreeNode
from tests.origin import catalogs


def maker(*paths: str) -> TreeMaker:
    files: dict[str, Asset] = {path: catalogs.asset(path, "br") for path in sorted(paths)}
    catalog = Catalog(1, 1, Site(), (catalogs.rule("**", ANY),), files)
    return TreeMaker(Listing(Origin(catalog), lambda _: b""), "npm/x@1.0.0", "?dir=")


def shape(nodes: tuple[TreeNode, ...]) -> list[object]:
    return [(node.name, shape(node.nodes)) if node.nodes else node.address or node.name for node in nodes]


def test_folders_come_first_with_all_that_is_below_them() -> None:
    tree = maker("npm/x@1.0.0/a.js", "npm/x@1.0.0/z/b.js", "npm/x@1.0.0/z/y/c.js", "npm/x@1.0.1/d.js").tree(
        "npm/x@1.0.0"
    )
    assert [("z", [("y", ["c.js"]), "b.js"]), "a.js"] == shape(tree.nodes)
    assert (2, 2000, 600, True) == (
        tree.nodes[0].files,
        tree.nodes[0].size,
        tree.nodes[0].served_size,
        tree.nodes[0].open,
    )


def test_a_large_folder_is_a_page_of_its_own() -> None:
    large = [f"npm/x@1.0.0/a b&/{number}.js" for number in range(MOST_ROWS)]
    tree = maker(*large, "npm/x@1.0.0/c/d.js").tree("npm/x@1.0.0")
    assert ["?dir=a%20b%26", ("c", ["d.js"])] == shape(tree.nodes)


def test_a_page_has_so_many_rows() -> None:
    flat = maker(*(f"npm/x@1.0.0/{number:05}.js" for number in range(MOST_ROWS + 3)))
    assert ["00400.js", "00401.js", "00402.js"] == shape(flat.tree("npm/x@1.0.0", 2).nodes)
    assert MOST_ROWS + 3 == flat.tree("npm/x@1.0.0").total
    assert () == flat.tree("npm/x@1.0.0", 3).nodes


def test_a_filter_finds_every_word_below_a_folder() -> None:
    found = maker("npm/x@1.0.0/dist/A.min.js", "npm/x@1.0.0/dist/a.js", "min/a.js").filtered("npm/x@1.0.0", "a MIN")
    assert (["dist/A.min.js"], 1) == (shape(found.nodes), found.total)


def test_of_many_the_first_are_shown() -> None:
    found = maker(*(f"npm/x@1.0.0/{number:05}.js" for number in range(300))).filtered("npm/x@1.0.0", "js")
    assert (200, 300) == (len(found.nodes), found.total)
