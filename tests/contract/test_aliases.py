"""Version aliases on the wire: 302 to the best hosted version, relative, readable by scripts, fresh for ten minutes."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urljoin

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.contract import libraries
from tests.contract.edges import Edge, Edges

BASE = "https://edge.example/some/prefix"
JQUERY = "/npm/jquery@3.10.0/dist/jquery.js"
CACHED = "public, max-age=600, stale-while-revalidate=86400"


@pytest.fixture(scope="module")
def edge(request: pytest.FixtureRequest, library_edges: Edges) -> Iterator[Edge]:
    """An edge on a root of libraries, or all at once."""
    yield from library_edges.lend(request.param)


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        pytest.param("/npm/jquery@3/dist/jquery.js", JQUERY, id="a major version"),
        pytest.param("/npm/jquery@3.6/dist/jquery.js", "/npm/jquery@3.6.0/dist/jquery.js", id="a minor version"),
        pytest.param("/npm/jquery@latest/dist/jquery.js", JQUERY, id="latest"),
        pytest.param("/npm/jquery@^3.6/dist/jquery.js", JQUERY, id="a caret as it is"),
        pytest.param("/npm/jquery@%5E3.6/dist/jquery.js", JQUERY, id="a caret, escaped"),
        pytest.param("/npm/jquery@>=3%20<4/dist/jquery.js", JQUERY, id="comparators as they are"),
        pytest.param("/npm/jquery@%3E=3%20%3C4/dist/jquery.js", JQUERY, id="comparators, escaped"),
        pytest.param("/npm/jquery@3.x/dist/jquery.js", JQUERY, id="an x"),
        pytest.param("/npm/jquery@*/dist/jquery.js", JQUERY, id="a star"),
        pytest.param("/npm/jquery/dist/jquery.js", JQUERY, id="no version"),
        pytest.param("/npm/jquery/dist/jquery.js?v=3", JQUERY, id="a query"),
        pytest.param("/npm/@fontsource/inter@5/index.css", "/npm/@fontsource/inter@5.1.0/index.css", id="a scope"),
        pytest.param("/npm/vue@3.5.0", "/npm/vue@3.5.0/dist/vue.global.js", id="the default file"),
        pytest.param("/npm/vue/", "/npm/vue@3.5.0/dist/vue.global.js", id="the default file, with a slash"),
        pytest.param("/npm/jquery", "/npm/jquery@3.10.0/dist/jquery.min.js", id="the minified default file"),
        pytest.param(
            "/npm/partner@1/odd/a%20b%25%23%3F.js", "/npm/partner@1.0.0/odd/a%20b%25%23%3F.js", id="odd names"
        ),
        pytest.param("/jquery@3/dist/jquery.js", "/jquery@3.10.0/dist/jquery.js", id="unpkg's shape"),
        pytest.param("/vue", "/vue@3.5.0/dist/vue.global.js", id="unpkg's shape, the default file"),
    ],
)
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_an_alias_leads_to_a_file_below_any_prefix(edge: Edge, method: str, target: str, expected: str) -> None:
    response = edge.ask(method, target)
    assert (302, "Found", CACHED) == (response.status, response.reason, response["cache-control"])
    assert expected == urljoin(f"{BASE}{target}", response["location"]).removeprefix(BASE)
    assert 200 == edge.get(expected).status
    assert (method == "HEAD") == (response.body == b"")


def test_the_absolute_form_leads_to_the_same(edge: Edge) -> None:
    alias = "/npm/jquery@3/dist/jquery.js"
    assert edge.get(alias).comparable() == edge.get(f"http://cdn.example.com{alias}").comparable()


@pytest.mark.parametrize("alias", ["/npm/partner/index.js", "/npm/partner@1/", "/partner"])
def test_an_alias_has_the_policy_of_its_file(edge: Edge, alias: str) -> None:
    own = "/npm/partner@1.0.0/index.js"
    for page, allowed in ((libraries.APP, libraries.APP), ("https://stranger.example", None)):
        response = edge.get(alias, ("Origin", page))
        assert (302, "Origin", allowed) == (
            response.status,
            response["vary"],
            response.get("access-control-allow-origin"),
        )
        for method in ("GET", "PUT", "DELETE"):
            fields = (("Origin", page), ("Access-Control-Request-Method", method))
            asked = [edge.ask("OPTIONS", path, *fields).comparable() for path in (own, alias)]
            assert asked[0] == asked[1]
    assert 405 == edge.ask("POST", alias).status
    assert 204 == edge.ask("OPTIONS", alias).status


def test_any_origin_may_read_a_redirect_of_cors_any(edge: Edge) -> None:
    response = edge.get("/npm/jquery@3/dist/jquery.js")
    assert "*" == response["access-control-allow-origin"]
    assert "cross-origin" == response["cross-origin-resource-policy"]
    assert response.get("vary") is None


@pytest.mark.parametrize(
    ("target", "words"),
    [
        pytest.param(
            "/npm/jquery@9/dist/jquery.js", "Hosted versions of jquery: 4.0.0-rc.1, 3.10.0, 3.6.0.", id="range"
        ),
        pytest.param("/npm/jquery@beta/x.js", "Hosted versions of jquery: 4.0.0-rc.1, 3.10.0, 3.6.0.", id="tag"),
        pytest.param("/npm/jquery@3.1.0/x.js", "Hosted versions of jquery: 4.0.0-rc.1, 3.10.0, 3.6.0.", id="exact"),
        pytest.param(
            "/npm/jquery@3/jquery.min.js", "Did you mean /npm/jquery@3.10.0/dist/jquery.min.js?", id="another folder"
        ),
    ],
)
def test_what_leads_nowhere_says_what_is_hosted(edge: Edge, target: str, words: str) -> None:
    response = edge.get(target)
    assert (404, f"No public file has this path. {words}\n") == (response.status, response.text())
    assert ("*", "public, max-age=60") == (response["access-control-allow-origin"], response["cache-control"])


@pytest.mark.parametrize(
    "target",
    [
        pytest.param("/npm/jquery@3/dist/jquery.js.map", id="an unlisted file behind an alias"),
        pytest.param("/npm/vue@3/package.json", id="an unlisted package.json"),
        pytest.param("/npm/jquery@3/dist/absent.js.map", id="an absent one that would be unlisted"),
        pytest.param("/secret/jquery@3/x.js", id="a folder of no rule"),
        pytest.param("/gh/jquery/jquery@3/dist/jquery.js", id="jsDelivr's GitHub"),
        pytest.param("/combine/npm/jquery@3,npm/vue@3", id="jsDelivr's combine"),
        pytest.param("//evil.example/npm/jquery@3/dist/jquery.js", id="another host"),
    ],
)
def test_what_no_rule_publishes_is_absent(edge: Edge, target: str) -> None:
    assert edge.get("/never/heard/of.it").comparable() == edge.get(target).comparable()


@pytest.mark.parametrize(
    "target",
    [
        pytest.param("/npm/jquery@3/%2e%2e/%2e%2e/manifest.toml", id="out of the folder"),
        pytest.param("/npm/jquery@3//evil.example/", id="another host behind an alias"),
        pytest.param("/npm/jquery@3\\evil.example", id="a backslash"),
        pytest.param("/npm/jquery@3/%5Cevil.example", id="a backslash, escaped"),
    ],
)
def test_a_flawed_address_leads_nowhere_but_can_be_read(edge: Edge, target: str) -> None:
    response = edge.get(target)
    assert (404, "*", None) == (response.status, response["access-control-allow-origin"], response.get("location"))
    assert "evil" not in response.text()


@pytest.mark.parametrize(
    "target",
    ["/npm/jquery@3%0d%0aSet-Cookie:%20a=b/dist/jquery.js", "/npm/jquery@3%00/x", "/npm/jquery@%ff", "/npm/jquery@3%"],
)
def test_what_could_split_a_header_is_malformed(edge: Edge, target: str) -> None:
    response = edge.get(target)
    assert (400, "no-store", None) == (response.status, response["cache-control"], response.get("location"))


# Not "#", which no target has, and no "?", behind which nothing matters.
spelled = st.text(alphabet="0123456789.xX*^~<>=|-+v@/%25eE\\:;,!a", max_size=40)


@settings(max_examples=300, deadline=None)
@given(wanted=spelled, file=st.sampled_from(["", "/", "/dist/jquery.js", "/index.js"]))
def test_whatever_stands_behind_the_sign_leads_to_a_file_or_nowhere(edge: Edge, wanted: str, file: str) -> None:
    target = f"/npm/jquery@{wanted}{file}"
    response = edge.get(target)
    assert response.status in (200, 302, 400, 404)
    if response.status == 302:
        followed = urljoin(f"{BASE}{target}", response["location"])
        assert followed.startswith(f"{BASE}/npm/jquery@")
        assert 200 == edge.get(followed.removeprefix(BASE)).status
