"""The JSON API: each operation's answer, its problems, and that nothing is in it that isn't listed."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import msgspec
import pytest

from cdnserve.origin.message import Request
from cdnserve.web.api import OPERATIONS, PREFIX, answer, find_operation
from cdnserve.web.message import WebContent, WebRequest, read_target
from cdnserve.web.openapi import PROBLEMS
from cdnserve.web.view import CatalogView
from tests.web import site
from tests.web.test_view import integrity

GREET = "npm/greet@1.0.0/dist/greet.js"


def ask(view: CatalogView, target: str) -> WebContent:
    path, _, query = target.partition("?")
    named, pairs = read_target(f"/{PREFIX}/{path}".encode(), query.encode())
    content = answer(WebRequest(named, pairs, Request("GET", b"")), view)
    assert content is not None
    return content


def told(view: CatalogView, target: str) -> Any:
    """Return the JSON of an answer that is one."""
    content = ask(view, target)
    assert 200 == content.status, content.body
    assert "application/json" == content.media_type
    return msgspec.json.decode(content.body)


def link(content: WebContent) -> str:
    return dict(content.headers).get(b"link", b"").decode()


def test_libraries_come_in_pages_with_links(view: CatalogView) -> None:
    first = ask(view, "libraries?per_page=2")
    assert ["@scope/words", "fornode"] == [one["name"] for one in msgspec.json.decode(first.body)["items"]]
    assert '<?per_page=2&page=2>; rel="next"' in link(first)
    assert 'rel="prev"' not in link(first)
    last = ask(view, "libraries?per_page=2&page=2")
    assert ["greet"] == [one["name"] for one in msgspec.json.decode(last.body)["items"]]
    assert ('rel="next"' in link(last), '<?per_page=2&page=1>; rel="prev"' in link(last)) == (False, True)
    assert "" == link(ask(view, "libraries"))


def test_a_version_has_its_files_and_tags(view: CatalogView) -> None:
    found = told(view, "libraries/greet/1.1.0")
    assert 4 == found["files"]["total"]
    assert "npm/greet@1.1.0/dist/greet.css" == found["files"]["items"][0]["path"]
    assert integrity(site.STYLE, "sha512") == found["files"]["items"][0]["integrity"]["sha512"]
    assert {"tag", "url", "csp"} <= {one["use"] for one in found["library"]["snippets"]}
    page = ask(view, "libraries/greet/1.1.0?per_page=3")
    assert '<?per_page=3&page=2>; rel="next"' in link(page)
    assert "page-past-end" in ask(view, "libraries/greet/1.1.0?page=7").body.decode()


@pytest.mark.parametrize("name", ["@scope/words", "%40scope%2Fwords", "@scope%2fwords"])
def test_a_name_with_a_scope_is_written_as_one_likes(view: CatalogView, name: str) -> None:
    assert "@scope/words" == told(view, f"libraries/{name}")["name"]
    assert "1.2.0" == told(view, f"libraries/{name}/1.2.0")["library"]["version"]
    assert "1.2.0" == told(view, f"resolve/{name}@%5E1")["version"]


def test_a_file(view: CatalogView) -> None:
    found = told(view, f"files/{GREET}")
    assert integrity(site.GREET) == found["file"]["integrity"]["sha384"]
    assert any(integrity(site.GREET) in one["text"] for one in found["snippets"])


def test_octets_are_found_by_hash_as_it_is_written(view: CatalogView) -> None:
    written = integrity(site.GREET)
    for text in (written, quote(written, safe="")):
        assert [GREET, "own/deep/er/copy.js"] == [one["path"] for one in told(view, f"hashes/{text}")["files"]]


def test_an_import_map(view: CatalogView) -> None:
    found = told(view, "importmap?name=@scope/words")
    assert ["@scope/words"] == list(found["importmap"]["imports"])
    assert ["npm/@scope/words@1.2.0/space.js", "npm/@scope/words@1.2.0/words.js"] == found["modules"]


def test_an_explanation(view: CatalogView) -> None:
    found = told(view, f"explain?path={GREET}&origin=https://app.example.com&headers=X-A:1&headers=X-B:2")
    assert (True, True, "any") == (found["readable"], found["allowed"], found["cors"])
    assert ["OPTIONS", "GET"] == [one["method"] for one in found["exchanges"]]
    shown = told(view, "explain?path=shown/shown.js&origin=https://app.example.com&credentials=true")
    assert (False, False) == (shown["readable"], shown["allowed"])
    assert shown["advice"]
    assert GREET.replace("1.0.0", "1.1.0") == told(view, "explain?path=npm/greet@1/dist/greet.js")["path"]


def test_releases(view: CatalogView) -> None:
    assert [2, 1] == [one["number"] for one in told(view, "releases")["items"]]
    assert not ask(view, "releases").lasting


def test_search(view: CatalogView) -> None:
    assert "greet" == told(view, "search?q=greet")["items"][0]["name"]


@pytest.mark.parametrize(
    ("target", "status", "name"),
    [
        pytest.param("", 404, "unknown-operation", id="no operation"),
        pytest.param("librarie", 404, "unknown-operation", id="nearly one"),
        pytest.param("libraries/", 404, "unknown-operation", id="no name"),
        pytest.param("libraries/greet/1.0.0/x", 404, "unknown-version", id="too many parts"),
        pytest.param("files/", 404, "unknown-operation", id="no path"),
        pytest.param("releases/1", 404, "unknown-operation", id="a part too many"),
        pytest.param("libraries/jquery", 404, "unknown-library", id="no such library"),
        pytest.param("libraries/hidden", 404, "unknown-library", id="a library that is not listed"),
        pytest.param("libraries/hidden/1.0.0", 404, "unknown-library", id="its version"),
        pytest.param("libraries/greet/2.0.0", 404, "unknown-version", id="a version that is not listed"),
        pytest.param("libraries/greet/%5E1", 404, "unknown-version", id="a range is no version"),
        pytest.param("libraries?page=9", 404, "page-past-end", id="a page past the end"),
        pytest.param("libraries?page=0", 400, "bad-parameter", id="page zero"),
        pytest.param("libraries?page=%C2%B2", 400, "bad-parameter", id="a digit that is none"),
        pytest.param("libraries?page=" + "9" * 4000, 400, "bad-parameter", id="four thousand digits"),
        pytest.param("libraries?per_page=201", 400, "bad-parameter", id="too many a page"),
        pytest.param("libraries?page=1&page=1", 400, "bad-parameter", id="a parameter twice"),
        pytest.param("libraries?x=1", 400, "bad-parameter", id="a parameter that is none"),
        pytest.param("libraries/greet?name=x", 400, "bad-parameter", id="a part of the path as a parameter"),
        pytest.param("files/partners/secret.js", 404, "unknown-file", id="a file that is not listed"),
        pytest.param("files/unpublished/file.js", 404, "unknown-file", id="a file that is not public"),
        pytest.param("files/../manifest.toml", 404, "unknown-file", id="a path that leaves"),
        pytest.param("files/%00", 404, "unknown-file", id="a control character"),
        pytest.param("resolve/greet@2", 404, "unknown-version", id="a range that only an unlisted version satisfies"),
        pytest.param("resolve/hidden", 404, "unknown-library", id="a library that is not listed, by range"),
        pytest.param("resolve/greet@" + "%20||" * 700, 404, "unknown-version", id="a hostile range"),
        pytest.param("resolve/greet@", 404, "unknown-version", id="an empty range"),
        pytest.param("resolve/@", 404, "unknown-library", id="no name at all"),
        pytest.param("hashes/sha384-x", 400, "bad-parameter", id="a hash that is none"),
        pytest.param("hashes/md5-AAAA", 400, "bad-parameter", id="an algorithm that browsers don't know"),
        pytest.param(f"hashes/{integrity(site.SECRET)}", 404, "unknown-hash", id="octets that are not listed"),
        pytest.param(f"hashes/{integrity(site.QUIET)}", 404, "unknown-hash", id="octets that a rule keeps quiet"),
        pytest.param("search", 400, "bad-parameter", id="nothing to look for"),
        pytest.param("search?q=", 400, "bad-parameter", id="an empty query"),
        pytest.param("search?q=" + "x" * 201, 400, "bad-parameter", id="a long query"),
        pytest.param("importmap", 400, "bad-parameter", id="no name for a map"),
        pytest.param("importmap?name=hidden", 404, "not-mapped", id="a map of what is not listed"),
        pytest.param("importmap?name=%20", 404, "not-mapped", id="a map of what is no name"),
        pytest.param("importmap?" + "name=greet&" * 21, 400, "bad-parameter", id="too many names"),
        pytest.param("explain", 400, "bad-parameter", id="nothing to explain"),
        pytest.param("explain?path=partners/secret.js", 404, "unknown-file", id="what is not listed, explained"),
        pytest.param("explain?path=npm/hidden", 404, "unknown-file", id="an alias of what is not listed"),
        pytest.param("explain?path=unpublished/file.js", 404, "unknown-file", id="what is not public, explained"),
        pytest.param("explain?path=..%2F..%2Fetc/passwd", 404, "unknown-file", id="a file of the machine"),
        pytest.param("explain?path=%00", 404, "unknown-file", id="a control character, explained"),
        pytest.param(f"explain?path={GREET}&origin=x", 400, "bad-parameter", id="an origin that is none"),
        pytest.param(f"explain?path={GREET}&method=A%20B", 400, "bad-parameter", id="a method that is none"),
        pytest.param(f"explain?path={GREET}&headers=x", 400, "bad-parameter", id="a header that is none"),
        pytest.param(f"explain?path={GREET}&headers=Origin:x", 400, "bad-parameter", id="the origin as a header"),
        pytest.param(f"explain?path={GREET}&credentials=1", 400, "bad-parameter", id="a flag that is none"),
    ],
)
def test_what_there_is_no_other_answer_to(view: CatalogView, target: str, status: int, name: str) -> None:
    """The problem is a described one, and an unlisted name is in it only where it was asked for."""
    content = ask(view, target)
    problem = msgspec.json.decode(content.body)
    assert (status, f"/-/api/v1/#{name}") == (content.status, problem["type"])
    assert name in PROBLEMS
    assert [] == [one for one in site.UNLISTED if one in problem["detail"] + problem["hint"] and one not in target]


def test_an_unlisted_name_and_an_absent_one_look_the_same(view: CatalogView) -> None:
    paths = ("libraries/{}", "resolve/{}@1", "files/npm/{}@1.0.0/hidden.js", "importmap?name={}", "explain?path=npm/{}")
    for operation in paths:
        unlisted, absent = (ask(view, operation.format(name)) for name in ("hidden", "hiddex"))
        assert (absent.status, absent.body.replace(b"hiddex", b"hidden")) == (unlisted.status, unlisted.body)


def test_no_unlisted_name_is_in_any_answer(view: CatalogView) -> None:
    targets = (
        *("libraries", "libraries/greet", "libraries/greet/1.0.0", "releases", "search?q=s", "search?q=secret"),
        *(
            f"files/{GREET}",
            "resolve/greet",
            "importmap?name=@scope/words",
            f"explain?path={GREET}&origin=https://a.example",
        ),
    )
    for target in targets:
        # The package's own list of dependencies may name it: that is public text.
        text = ask(view, target).body.decode().replace('{"name":"hidden","range":"*","hosted":"","optional":false}', "")
        assert [] == [name for name in site.UNLISTED if name in text], target


def test_every_operation_is_found_by_its_own_path() -> None:
    for operation in OPERATIONS:
        found = find_operation(operation.path)
        assert found is not None
        assert operation is found[0]
