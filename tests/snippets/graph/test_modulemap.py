"""Import maps of graphs: what stands in imports, what in scopes, and integrity for all."""

from __future__ import annotations

from cdnserve.snippets.graph.hosted import Package
from cdnserve.snippets.graph.modulemap import ModuleMap, module_map
from cdnserve.snippets.graph.values import Edge, Graph

A, B = Package("a", "1.0.0"), Package("b", "1.0.0")


def mapped(*edges: Edge) -> ModuleMap:
    modules = tuple(sorted({edge.path for edge in edges}))
    return module_map(
        Graph(edges, modules, frozenset(), ()), lambda path: f"/{path}", dict.fromkeys(modules, "sha384-x")
    )


def test_a_name_that_means_the_same_to_all_is_everybodys() -> None:
    found = mapped(Edge(None, "a", "npm/a@1.0.0/i.js"), Edge(A, "d", "d1"), Edge(B, "d", "d1"))
    assert {"a": "/npm/a@1.0.0/i.js", "d": "/d1"} == found["imports"]
    assert "scopes" not in found


def test_a_name_that_means_two_things_is_each_dependents() -> None:
    found = mapped(Edge(A, "d", "d1"), Edge(B, "d", "d2"))
    assert {} == found["imports"]
    assert {"/npm/a@1.0.0/": {"d": "/d1"}, "/npm/b@1.0.0/": {"d": "/d2"}} == found["scopes"]


def test_what_the_page_asked_for_is_the_pages() -> None:
    found = mapped(Edge(None, "d", "d2"), Edge(A, "d", "d1"), Edge(B, "d", "d2"))
    assert {"d": "/d2"} == found["imports"]
    assert {"/npm/a@1.0.0/": {"d": "/d1"}} == found["scopes"]


def test_addresses_and_internal_names_stay_in_their_package() -> None:
    found = mapped(Edge(A, "npm/a@1.0.0/n.js", "w.js", is_path=True), Edge(A, "#x", "x.js"))
    assert {} == found["imports"]
    assert {"/npm/a@1.0.0/": {"#x": "/x.js", "/npm/a@1.0.0/n.js": "/w.js"}} == found["scopes"]


def test_every_module_has_integrity_and_all_is_sorted() -> None:
    found = mapped(Edge(None, "z", "z.js"), Edge(None, "b", "b.js"), Edge(None, "a", "c.js"))
    assert ["a", "b", "z"] == list(found["imports"])
    assert ["/b.js", "/c.js", "/z.js"] == list(found["integrity"])
