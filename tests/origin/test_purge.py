"""What an edge must forget: everything that changed, and no more."""

from __future__ import annotations

import json

from cdnserve.origin.purge import purge


def test_paths_are_encoded_as_requests_have_them() -> None:
    found = purge(2, 1, ["z/é.css", "a b.js"], "https://cdn.example.com/")
    assert found.paths == ("/a%20b.js", "/z/%C3%A9.css")
    assert found.urls == ("https://cdn.example.com/a%20b.js", "https://cdn.example.com/z/%C3%A9.css")
    assert found.tags == ("/", "z/")


def test_a_site_without_an_address_has_no_urls() -> None:
    assert purge(2, 1, ["a.js"], "").urls == ()


def test_nothing_changed_is_nothing_to_purge() -> None:
    found = purge(2, 1, [], "https://cdn.example.com")
    assert (found.paths, found.urls, found.tags) == ((), (), ())


def test_the_document_is_one_line_of_json() -> None:
    document = purge(2, 1, ["npm/x@1.0.0/a\n.js"], "").document()
    assert document.count(b"\n") == 1
    assert json.loads(document) == {
        "release": 2,
        "left": 1,
        "paths": ["/npm/x@1.0.0/a%0A.js"],
        "urls": [],
        "tags": ["x", "x@1.0.0"],
    }
