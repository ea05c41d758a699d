"""Drop-in addresses on the wire: in the shapes of unpkg and cdnjs the same answer as at the file's own path."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.contract import libraries
from tests.contract.edges import Edge, Edges
from tests.contract.wire import Field

JQUERY = "/npm/jquery@3.10.0/dist/jquery.js"


@pytest.fixture(scope="module")
def edge(request: pytest.FixtureRequest, library_edges: Edges) -> Iterator[Edge]:
    """An edge on a root of libraries, or all at once."""
    yield from library_edges.lend(request.param)


@pytest.mark.parametrize(
    ("address", "own"),
    [
        pytest.param("/jquery@3.10.0/dist/jquery.js", JQUERY, id="unpkg"),
        pytest.param(
            "/@fontsource/inter@5.1.0/index.css", "/npm/@fontsource/inter@5.1.0/index.css", id="unpkg, a scope"
        ),
        pytest.param("/partner@1.0.0/index.js", "/npm/partner@1.0.0/index.js", id="unpkg, an allow-list"),
        pytest.param("/ajax/libs/jquery/3.10.0/jquery.js", JQUERY, id="cdnjs"),
        pytest.param("/ajax/libs/vue/3.5.0/vue.global.js", "/npm/vue@3.5.0/dist/vue.global.js", id="cdnjs, vue"),
    ],
)
@pytest.mark.parametrize(
    "fields",
    [
        pytest.param((), id="plain"),
        pytest.param((("Origin", libraries.APP),), id="a CORS request"),
        pytest.param((("Accept-Encoding", "br"),), id="a content coding"),
        pytest.param((("Range", "bytes=2-9"),), id="a range"),
        pytest.param((("If-None-Match", "*"),), id="not modified"),
        pytest.param((("If-Match", '"x"'),), id="a precondition that fails"),
        pytest.param((("Origin", libraries.APP), ("Access-Control-Request-Method", "PUT")), id="a preflight's fields"),
    ],
)
@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS", "DELETE"])
def test_an_exact_address_is_the_file(
    edge: Edge, method: str, fields: tuple[Field, ...], address: str, own: str
) -> None:
    """Status, headers, entity tag and bytes: no redirect."""
    there, here = edge.ask(method, own, *fields), edge.ask(method, address, *fields)
    assert there.comparable() == here.comparable()
    if method == "GET" and not fields:
        assert (200, libraries.FILES[own[1:]]) == (here.status, here.body)


@pytest.mark.parametrize(
    ("address", "words"),
    [
        pytest.param("/ajax/libs/jquery/3/jquery.js", "Hosted versions of jquery", id="cdnjs has exact versions only"),
        pytest.param("/ajax/libs/jquery/9.9.9/jquery.js", "Hosted versions of jquery", id="cdnjs, not hosted"),
        pytest.param("/jquery@9.9.9/dist/jquery.js", "Hosted versions of jquery", id="unpkg, not hosted"),
        pytest.param(
            "/ajax/libs/jquery/3.10.0/jquery.mn.js", "Did you mean /npm/jquery@3.10.0/dist/", id="cdnjs, no file"
        ),
        pytest.param("/jquery@3.10.0/dist/jquery.mn.js", "Did you mean /npm/jquery@3.10.0/dist/", id="unpkg, no file"),
    ],
)
def test_what_is_not_hosted_is_told_as_at_its_own_path(edge: Edge, address: str, words: str) -> None:
    response = edge.get(address)
    assert (404, "*") == (response.status, response["access-control-allow-origin"])
    assert words in response.text()


@pytest.mark.parametrize(
    "address",
    [
        pytest.param("/absent@1.0.0/x.js", id="unpkg, not a hosted library"),
        pytest.param("/ajax/libs/absent/1.0.0/x.js", id="cdnjs, not a hosted library"),
        pytest.param("/jquery@3.10.0/dist/jquery.js.map", id="unpkg, unlisted"),
        pytest.param("/ajax/libs/jquery/3.10.0/jquery.js.map", id="cdnjs, unlisted"),
        pytest.param("/ajax/libs/jquery", id="cdnjs, no version"),
        pytest.param("/vue@3.5.0/package.json", id="unpkg, a package.json"),
    ],
)
def test_what_no_rule_publishes_is_absent(edge: Edge, address: str) -> None:
    assert edge.get("/never/heard/of.it").comparable() == edge.get(address).comparable()
