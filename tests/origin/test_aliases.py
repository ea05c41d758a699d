"""Addresses: taken apart and put together, and references that stay on the host."""

from __future__ import annotations

from urllib.parse import quote, unquote, urljoin

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cdnserve.origin.aliases import (
    HostedVersions,
    LibraryAddress,
    Shape,
    default_file,
    read_address,
    relative_reference,
)
from cdnserve.origin.lookup import Origin
from cdnserve.release.catalog import Entries
from tests.origin import catalogs, shelf
from tests.origin.catalogs import header
from tests.origin.shelf import DROP_IN, PLAIN, ask


@pytest.mark.parametrize(
    ("path", "shape", "expected"),
    [
        pytest.param("npm/a@1/b/c.js", "jsdelivr", ("a", "1", "b/c.js"), id="a file"),
        pytest.param("npm/a/c.js", "jsdelivr", ("a", None, "c.js"), id="no version"),
        pytest.param("npm/a@/c.js", "jsdelivr", ("a", "", "c.js"), id="an empty version"),
        pytest.param("npm/a@1", "jsdelivr", ("a", "1", ""), id="no file"),
        pytest.param("npm/@s/a@1/c.js", "jsdelivr", ("@s/a", "1", "c.js"), id="a scope"),
        pytest.param("npm/@s", "jsdelivr", ("@s", None, ""), id="a scope alone"),
        pytest.param("npm/a@1@2/c.js", "jsdelivr", ("a", "1@2", "c.js"), id="two signs"),
        pytest.param("npm/", "jsdelivr", ("", None, ""), id="nothing"),
        pytest.param("@s/a@1/c@2.js", "unpkg", ("@s/a", "1", "c@2.js"), id="a sign in the file's name"),
        pytest.param("a", "unpkg", ("a", None, ""), id="a name alone"),
    ],
)
def test_an_address_is_taken_apart(path: str, shape: Shape, expected: tuple[str, str | None, str]) -> None:
    assert LibraryAddress(shape, *expected) == read_address(path, shape)


def test_what_lies_elsewhere_is_none_of_jsdelivr() -> None:
    assert read_address("gh/a@1/c.js", "jsdelivr") is None


@pytest.mark.parametrize(("shape", "path"), [("jsdelivr", "npm/@s/a@1.0.0/b.js"), ("unpkg", "@s/a@1.0.0/b.js")])
def test_an_exact_one_keeps_its_shape(shape: Shape, path: str) -> None:
    assert path == LibraryAddress(shape, "@s/a", "1", "b.js").exact("1.0.0", "b.js")


@pytest.mark.parametrize(
    ("folder", "path", "expected"),
    [
        pytest.param("npm", "npm/a@1.0.0/b.js", "./a@1.0.0/b.js", id="beside"),
        pytest.param(
            "npm/a@1/d", "npm/a@1.0.0/d/b.js", "../../a@1.0.0/d/b.js", id="the same folder of another version"
        ),
        pytest.param("npm/a@1.0.0", "npm/a@1.0.0/b.js", "./b.js", id="below"),
        pytest.param("npm/a@1.0.0/b.js", "npm/a@1.0.0/b.js", "../b.js", id="a folder of the file's name"),
        pytest.param("x", "y/javascript:b.js", "../y/javascript:b.js", id="what looks like a scheme"),
        pytest.param("y", "y/javascript:b.js", "./javascript:b.js", id="what looks like a scheme, beside"),
        pytest.param("y", "y/a b%#?é\\.js", "./a%20b%25%23%3F%C3%A9%5C.js", id="characters that no reference has"),
    ],
)
def test_a_reference_is_relative(folder: str, path: str, expected: str) -> None:
    assert expected == relative_reference(folder.split("/"), path)


names = st.text(min_size=1, max_size=6).filter(
    lambda name: "/" not in name and name not in (".", "..") and not any("\ud800" <= sign <= "\udfff" for sign in name)
)
folders = st.lists(names, max_size=5)


@given(folders, folders, names)
def test_a_reference_resolves_to_its_path_below_any_prefix(folder: list[str], other: list[str], name: str) -> None:
    path = "/".join([*other, name])
    reference = relative_reference(folder, path)
    assert reference.startswith(("./", "../"))
    assert reference.isascii()
    assert reference.isprintable()
    base = "".join(f"{quote(segment, safe='')}/" for segment in folder)
    resolved = urljoin(f"https://cdn.example.com/prefix/{base}asked", reference)
    assert f"https://cdn.example.com/prefix/{path}" == unquote(resolved)


CACHED = "public, max-age=600, stale-while-revalidate=86400"
BASE = "https://cdn.example.com"
LISTED = "Hosted versions of jquery: 4.0.0-rc.1, 3.10.0, 3.7.1.\n"


def leads_to(where: Origin, path: str) -> str:
    """Follow a path's redirect, from below a prefix that an edge may have put there."""
    reply = ask(where, "GET", path)
    assert 302 == reply.status, reply
    location = header(reply, "location") or ""
    assert location.startswith(("./", "../"))
    return urljoin(f"{BASE}/prefix{path}", location).removeprefix(f"{BASE}/prefix")


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        pytest.param("/npm/jquery@3/dist/jquery.min.js", "jquery@3.10.0/dist/jquery.min.js", id="a major version"),
        pytest.param("/npm/jquery@3.7/dist/jquery.js", "jquery@3.7.1/dist/jquery.js", id="a minor version"),
        pytest.param("/npm/jquery@latest/dist/jquery.js", "jquery@3.10.0/dist/jquery.js", id="latest"),
        pytest.param("/npm/jquery@%5E3.6/dist/jquery.js", "jquery@3.10.0/dist/jquery.js", id="a caret, escaped"),
        pytest.param("/npm/jquery@^3.6/dist/jquery.js", "jquery@3.10.0/dist/jquery.js", id="a caret as it is"),
        pytest.param("/npm/jquery@~3.7/dist/jquery.js", "jquery@3.7.1/dist/jquery.js", id="a tilde"),
        pytest.param("/npm/jquery@3.x/dist/jquery.js", "jquery@3.10.0/dist/jquery.js", id="an x"),
        pytest.param("/npm/jquery@*/dist/jquery.js", "jquery@3.10.0/dist/jquery.js", id="a star"),
        pytest.param("/npm/jquery@>=3%20<3.8/dist/jquery.js", "jquery@3.7.1/dist/jquery.js", id="a space, escaped"),
        pytest.param("/npm/jquery@%3E%3D3%20%3C3.8/dist/jquery.js", "jquery@3.7.1/dist/jquery.js", id="all escaped"),
        pytest.param("/npm/jquery@2%7C%7C3.7/dist/jquery.js", "jquery@3.7.1/dist/jquery.js", id="alternatives"),
        pytest.param("/npm/jquery@v3.7.1/dist/jquery.js", "jquery@3.7.1/dist/jquery.js", id="a v"),
        pytest.param("/npm/jquery/dist/jquery.js", "jquery@3.10.0/dist/jquery.js", id="no version"),
        pytest.param("/npm/@fontsource/inter@5/index.css", "@fontsource/inter@5.2.0/index.css", id="a scope"),
        pytest.param("/npm/@fontsource/inter/index.css", "@fontsource/inter@5.2.0/index.css", id="a scope, no version"),
        pytest.param("/npm/%6Aquery@3.7/dist/jquery.js", "jquery@3.7.1/dist/jquery.js", id="a needless escape"),
        pytest.param(
            "/npm/jquery@3.7/dist/odd/a%20b%25%23%3F.js", "jquery@3.7.1/dist/odd/a%20b%25%23%3F.js", id="an odd name"
        ),
        pytest.param("/npm/made@1.0.0/+esm", "made@1.0.0/+esm/index.js", id="a made module"),
        pytest.param("/npm/made@1/client/+esm", "made@1.0.0/+esm/client.js", id="a made module of a subpath"),
        pytest.param("/npm/made/client.js/+esm", "made@1.0.0/+esm/client.js", id="a made module of a file"),
        pytest.param("/npm/early/index.js", "early@1.0.0-beta.1/index.js", id="nothing but prereleases"),
        pytest.param(
            "/npm/jquery@4.0.0-rc.1%20-%204/dist/jquery.js", "jquery@4.0.0-rc.1/dist/jquery.js", id="a hyphen"
        ),
    ],
)
def test_an_alias_leads_to_the_best_hosted_version(path: str, expected: str) -> None:
    assert f"/npm/{expected}" == leads_to(PLAIN, path)
    assert f"/npm/{expected}" == leads_to(DROP_IN, path)


@pytest.mark.parametrize("slash", ["", "/"])
@pytest.mark.parametrize(
    ("path", "expected"),
    [
        pytest.param("/npm/vue@3.5.0", "vue@3.5.0/dist/vue.global.prod.js", id="an exact version"),
        pytest.param("/npm/vue@3", "vue@3.5.0/dist/vue.global.prod.js", id="a range"),
        pytest.param("/npm/vue", "vue@3.5.0/dist/vue.global.prod.js", id="no version"),
        pytest.param("/npm/jquery", "jquery@3.10.0/dist/jquery.min.js", id="the minified one beside main"),
        pytest.param("/npm/@fontsource/inter@5", "@fontsource/inter@5.2.0/index.css", id="a scope"),
        pytest.param("/npm/early", "early@1.0.0-beta.1/index.js", id="without a package.json"),
        pytest.param("/npm/partner", "partner@1.0.0/index.js", id="main is not public, index.js is"),
    ],
)
def test_a_library_leads_to_its_default_file(path: str, expected: str, slash: str) -> None:
    assert f"/npm/{expected}" == leads_to(PLAIN, path + slash)


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        pytest.param("/jquery@3/dist/jquery.js", "/jquery@3.10.0/dist/jquery.js", id="a range"),
        pytest.param("/jquery/dist/jquery.js", "/jquery@3.10.0/dist/jquery.js", id="no version"),
        pytest.param("/@fontsource/inter@5/index.css", "/@fontsource/inter@5.2.0/index.css", id="a scope"),
        pytest.param("/vue", "/vue@3.5.0/dist/vue.global.js", id="unpkg's default file"),
        pytest.param("/vue@3.5.0/", "/vue@3.5.0/dist/vue.global.js", id="with a slash"),
        pytest.param("/npm/x.js", "/npm@1.0.0/x.js", id="a library that is called npm"),
    ],
)
def test_unpkgs_shape_stays_as_it_is(path: str, expected: str) -> None:
    assert expected == leads_to(DROP_IN, path)
    assert 404 == ask(PLAIN, "GET", path).status


@pytest.mark.parametrize(
    ("path", "own"),
    [
        pytest.param("/jquery@3.7.1/dist/jquery.js", "/npm/jquery@3.7.1/dist/jquery.js", id="unpkg"),
        pytest.param("/@fontsource/inter@5.1.0/index.css", "/npm/@fontsource/inter@5.1.0/index.css", id="a scope"),
        pytest.param("/ajax/libs/jquery/3.7.1/jquery.js", "/npm/jquery@3.7.1/dist/jquery.js", id="cdnjs"),
        pytest.param(
            "/ajax/libs/twitter-bootstrap/5.3.3/css/bootstrap.min.css",
            "/npm/bootstrap@5.3.3/dist/css/bootstrap.min.css",
            id="cdnjs, another name",
        ),
        pytest.param(
            "/ajax/libs/popper.js/2.11.8/umd/popper.min.js",
            "/npm/@popperjs/core@2.11.8/dist/umd/popper.min.js",
            id="cdnjs, another name in this version",
        ),
        pytest.param("/partner@1.0.0/index.js", "/npm/partner@1.0.0/index.js", id="an allow-list"),
    ],
)
@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS", "PUT"])
def test_an_exact_address_in_another_shape_gets_the_same_answer(path: str, own: str, method: str) -> None:
    fields = {"origin": catalogs.APP}
    assert ask(PLAIN, method, own, **fields) == ask(DROP_IN, method, path, **fields)
    preflight = fields | {"access_control_request_method": "PUT"}
    assert ask(PLAIN, "OPTIONS", own, **preflight) == ask(DROP_IN, "OPTIONS", path, **preflight)
    absent = ask(PLAIN, method, path, **fields)
    assert absent.status == (405 if method == "PUT" else 404)
    assert header(absent, "access-control-allow-origin") is None


@pytest.mark.parametrize(
    "path",
    [
        pytest.param("/npm/jquery/lies-here.js", id="below a library's name"),
        pytest.param("/npm/real@1/a.js", id="below a range"),
        pytest.param("/npm/zzz.js", id="beside the libraries"),
    ],
)
def test_a_file_that_lies_there_wins(path: str) -> None:
    assert 200 == ask(DROP_IN, "GET", path).status


@pytest.mark.parametrize(
    ("path", "words"),
    [
        pytest.param("/npm/jquery@9/dist/jquery.js", LISTED, id="no version satisfies the range"),
        pytest.param("/npm/jquery@3.7.0/dist/jquery.js", LISTED, id="an exact version that isn't hosted"),
        pytest.param("/npm/jquery@next/dist/jquery.js", LISTED, id="a tag"),
        pytest.param("/npm/jquery@9", LISTED, id="no file either"),
        pytest.param("/npm/jquery@/dist/jquery.js", LISTED, id="an empty version"),
        pytest.param("/npm/jquery@3.7.1%0b/x", "The path is malformed.\n", id="a control character"),
        pytest.param(
            "/npm/jquery@3/dist/jquery.mim.js",
            "Did you mean /npm/jquery@3.10.0/dist/jquery.min.js?\n",
            id="a near name in the best version",
        ),
        pytest.param(
            "/npm/jquery/jquery.min.js", "Did you mean /npm/jquery@3.10.0/dist/jquery.min.js?\n", id="in another folder"
        ),
        pytest.param(
            "/npm/nothing",
            "It is a folder of 1 public file, such as /npm/nothing@1.0.0/other.js. "
            "Its page is /-/folder/npm/nothing@1.0.0/\n",
            id="no default file",
        ),
        pytest.param(
            "/npm/jquery@3/zzz.txt",
            "The nearest public file is /npm/jquery@3.10.0/dist/jquery.js.\n",
            id="nothing like it",
        ),
    ],
)
def test_what_leads_nowhere_is_told_with_what_is_hosted(path: str, words: str) -> None:
    reply = ask(PLAIN, "GET", path)
    assert isinstance(reply.body, bytes)
    assert reply.body.decode().removeprefix("No public file has this path. ") == words
    assert reply.status in (404, 400)
    assert header(reply, "location") is None
    if reply.status == 404:
        assert "*" == header(reply, "access-control-allow-origin")
        assert "public, max-age=60" == header(reply, "cache-control")


@pytest.mark.parametrize(
    ("path", "words"),
    [
        pytest.param("/jquery@9/dist/jquery.js", LISTED, id="unpkg, no such version"),
        pytest.param(
            "/jquery@3.7.1/dist/jquery.mn.js",
            "Did you mean /npm/jquery@3.7.1/dist/jquery.min.js?\n",
            id="unpkg, no file",
        ),
        pytest.param("/ajax/libs/jquery/3/jquery.js", LISTED, id="cdnjs has no ranges"),
        pytest.param("/ajax/libs/jquery/latest/jquery.js", LISTED, id="cdnjs has no tags"),
        pytest.param(
            "/ajax/libs/jquery/3.7.1/jquery.mn.js",
            "Did you mean /npm/jquery@3.7.1/dist/jquery.min.js?\n",
            id="cdnjs, no file",
        ),
    ],
)
def test_other_shapes_lead_nowhere_with_the_same_words(path: str, words: str) -> None:
    reply = ask(DROP_IN, "GET", path)
    assert (404, f"No public file has this path. {words}".encode()) == (reply.status, reply.body)
    assert "*" == header(reply, "access-control-allow-origin")


@pytest.mark.parametrize(
    "path",
    [
        pytest.param("/absent@3/x.js", id="a library that isn't hosted"),
        pytest.param("/absent", id="its name alone"),
        pytest.param("/ajax/libs/absent/1.0.0/x.js", id="cdnjs, not hosted"),
        pytest.param("/ajax/libs/tagify/1.0.0/tagify.js", id="cdnjs has another library of a hosted one's name"),
        pytest.param("/ajax/libs/nothing/1.0.0/other.js", id="cdnjs, a hosted name that it doesn't know"),
        pytest.param("/ajax/libs/jquery/3.7.1", id="cdnjs has no default files"),
        pytest.param("/ajax/other/jquery/3.7.1/jquery.js", id="not below libs"),
        pytest.param("/npm/jquery@3/.git/config", id="a dot-folder"),
        pytest.param("/npm/jquery@3/dist/jquery.js.map", id="left out by the rule"),
        pytest.param("/gh/jquery/jquery@3/dist/jquery.js", id="jsDelivr's GitHub"),
        pytest.param("/combine/npm/jquery@3/dist/jquery.js", id="jsDelivr's combine"),
        pytest.param("/-/jquery@3/dist/jquery.js", id="ours"),
        pytest.param("/elsewhere/x.js", id="no rule"),
    ],
)
def test_what_no_rule_publishes_is_absent(path: str) -> None:
    for where in (PLAIN, DROP_IN):
        reply = ask(where, "GET", path)
        assert (404, b"No public file has this path.\n") == (reply.status, reply.body)
        assert header(reply, "access-control-allow-origin") is None
        assert ask(where, "GET", "/never/heard/of.it") == reply


JQUERY = "npm/jquery@3.7.1/dist/jquery.js"


@pytest.mark.parametrize(
    ("path", "words"),
    [
        pytest.param("/npm/jquery@3/dist/", "", id="a folder in a library"),
        pytest.param("/npm/jquery@9/", "Hosted versions of jquery", id="no such version, with a slash"),
        pytest.param("/npm/jquery@3//", "", id="two slashes"),
        pytest.param("/npm//jquery@3.7.1/dist/jquery.js", f"Did you mean /{JQUERY}?", id="two slashes within"),
    ],
)
def test_an_address_that_is_not_normal_leads_nowhere_but_can_be_read(path: str, words: str) -> None:
    reply = ask(PLAIN, "GET", path)
    assert (404, None) == (reply.status, header(reply, "location"))
    assert isinstance(reply.body, bytes)
    assert reply.body.startswith(f"No public file has this path. {words}".rstrip().encode())
    assert "*" == header(reply, "access-control-allow-origin")


def test_a_redirect_has_a_body_for_people_and_the_headers_of_its_class() -> None:
    reply = ask(PLAIN, "GET", "/npm/jquery@3/dist/jquery.js", origin=catalogs.APP)
    assert b"Today this address leads to ../../jquery@3.10.0/dist/jquery.js\n" == reply.body
    assert CACHED == header(reply, "cache-control")
    assert "*" == header(reply, "access-control-allow-origin")
    assert "cross-origin" == header(reply, "cross-origin-resource-policy")
    assert "text/plain; charset=utf-8" == header(reply, "content-type")
    assert {"etag", "vary", "accept-ranges", "last-modified"}.isdisjoint(catalogs.names(reply))


def test_head_gets_the_same_headers_and_no_content() -> None:
    got, head = (ask(PLAIN, method, "/npm/jquery@3/dist/jquery.js") for method in ("GET", "HEAD"))
    assert (302, got.headers, b"") == (head.status, head.headers, head.body)


@pytest.mark.parametrize("fields", [{"range": "bytes=0-1"}, {"if_none_match": "*"}, {"if_match": '"x"'}])
def test_ranges_and_preconditions_are_ignored(fields: dict[str, str]) -> None:
    """RFC 9110 §13.2.1: ignored where the answer without them is no 2xx."""
    path = "/npm/jquery@3/dist/jquery.js"
    assert ask(PLAIN, "GET", path) == ask(PLAIN, "GET", path, **fields)


def test_the_policy_is_that_of_the_file_that_it_leads_to() -> None:
    for page, allowed in ((catalogs.APP, catalogs.APP), (catalogs.STRANGER, None)):
        reply = ask(PLAIN, "GET", "/npm/partner/index.js", origin=page)
        assert (302, "Origin") == (reply.status, header(reply, "vary"))
        assert allowed == header(reply, "access-control-allow-origin")


def test_a_preflight_for_an_alias_gets_the_answer_for_its_file() -> None:
    asked = {"origin": catalogs.APP, "access_control_request_method": "PUT"}
    for alias in ("/npm/partner/index.js", "/npm/partner@1/", "/npm/partner"):
        for fields in (asked, asked | {"access_control_request_method": "GET"}, {}):
            assert ask(PLAIN, "OPTIONS", "/npm/partner@1.0.0/index.js", **fields) == ask(
                PLAIN, "OPTIONS", alias, **fields
            )


def test_another_method_is_refused_as_for_the_file() -> None:
    assert ask(PLAIN, "POST", "/npm/jquery@3.10.0/dist/jquery.js") == ask(PLAIN, "POST", "/npm/jquery/dist/jquery.js")


def test_a_file_is_found_without_a_look_at_aliases() -> None:
    """What they need is computed once, and only when something else than a file was asked for."""
    where = shelf.origin()
    assert 200 == ask(where, "GET", "/npm/jquery@3.7.1/dist/jquery.js").status
    assert {"_aliases", "paths"}.isdisjoint(vars(where))
    ask(where, "GET", "/npm/jquery@3/dist/jquery.js")
    assert {"_aliases", "paths"} <= set(vars(where))


odd = st.sampled_from(
    [
        "..",
        "%2e%2e",
        ".",
        "",
        "%2f",
        "\\",
        "%5c",
        "%0d%0aSet-Cookie: x",
        "evil.example",
        "javascript:alert(1)",
        "@",
        "%",
    ]
)
known = st.sampled_from(
    [*{segment for path in shelf.FILES for segment in path.split("/")}, "ajax", "libs", "3.7.1", "npm"]
)
ranges = st.sampled_from(["3", "latest", "^3", "%5E3", "*", "", "||||", ">=0" * 30, "9" * 400, "1.x", "%3E=1"])
versioned = st.tuples(known, ranges).map("@".join)
targets = st.lists(known | versioned | odd | st.text(max_size=8).map(lambda text: quote(text, safe="@^|")), max_size=6)
public = set(shelf.FILES)


@given(targets, st.sampled_from([PLAIN, DROP_IN]))
def test_any_path_gets_an_answer_of_the_contract_or_leads_to_a_public_file(segments: list[str], where: Origin) -> None:
    path = "/" + "/".join(segments)
    reply = ask(where, "GET", path.encode("utf-8").decode("latin-1"))
    assert reply.status in (200, 302, 400, 404)
    if reply.status == 302:
        location = header(reply, "location") or ""
        assert location.isascii()
        assert location.isprintable()
        followed = urljoin(f"{BASE}{path}", location)
        assert followed.startswith(f"{BASE}/")
        at = unquote(followed.removeprefix(f"{BASE}/"))
        if path == "/":
            assert "-/" == at
            return
        assert at in public or (where is DROP_IN and f"npm/{at}" in public)
        assert 200 == ask(where, "GET", followed.removeprefix(BASE)).status
    else:
        assert header(reply, "location") is None


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


HOSTED = HostedVersions(sorted(shelf.FILES))


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        pytest.param("jquery", ("3.7.1", "3.10.0", "4.0.0-rc.1"), id="by precedence"),
        pytest.param("@fontsource/inter", ("5.1.0", "5.2.0"), id="in a scope, behind a file of the scope"),
        pytest.param("real", ("1.2.0",), id="beside a folder that only looks like a version"),
        pytest.param("banana", (), id="a tag is no version"),
        pytest.param("inter", (), id="without its scope"),
        pytest.param("absent", (), id="not hosted"),
    ],
)
def test_the_versions_of_a_library(name: str, expected: tuple[str, ...]) -> None:
    assert expected == HOSTED.versions(name)


@pytest.mark.parametrize(
    ("name", "wanted", "expected"),
    [
        pytest.param("jquery", None, "3.10.0", id="nothing said: no prerelease"),
        pytest.param("jquery", "latest", "3.10.0", id="latest"),
        pytest.param("jquery", "3", "3.10.0", id="a major version"),
        pytest.param("jquery", "3.x", "3.10.0", id="an x"),
        pytest.param("jquery", "*", "3.10.0", id="a star"),
        pytest.param("jquery", "3.7", "3.7.1", id="a minor version"),
        pytest.param("jquery", "~3.7.0", "3.7.1", id="a tilde"),
        pytest.param("jquery", ">=3 <3.8", "3.7.1", id="two comparators"),
        pytest.param("jquery", "2 || 3.7", "3.7.1", id="alternatives"),
        pytest.param("jquery", "4.0.0-rc.1", "4.0.0-rc.1", id="a prerelease by its name"),
        pytest.param("jquery", ">=4.0.0-0", "4.0.0-rc.1", id="a range that names a prerelease"),
        pytest.param("jquery", "4", None, id="a prerelease is no release"),
        pytest.param("jquery", "9", None, id="nothing satisfies it"),
        pytest.param("jquery", "next", None, id="another tag"),
        pytest.param("jquery", "", None, id="an empty version"),
        pytest.param("early", None, "1.0.0-beta.1", id="nothing but prereleases"),
        pytest.param("absent", "1", None, id="not hosted"),
        pytest.param("absent", None, None, id="not hosted, nothing said"),
    ],
)
def test_which_version_is_meant(name: str, wanted: str | None, expected: str | None) -> None:
    assert expected == HOSTED.best(name, wanted)


def test_ten_versions_are_listed_the_newest_first() -> None:
    hosted = HostedVersions(sorted(f"npm/a@1.{minor}.0/a.js" for minor in range(30)))
    expected = ", ".join(f"1.{minor}.0" for minor in range(29, 19, -1))
    assert f"Hosted versions of a: {expected}." == hosted.hint("a")
    assert "" == hosted.hint("b")


segments = st.sampled_from(["npm", "@s", "a", "a@1.0.0", "a@1.0.0-b", "b@2.0.0", "x.js", "npm0", "zz"])
paths = st.lists(segments, min_size=1, max_size=5).map("/".join)


@given(st.sets(paths))
def test_every_folder_of_a_library_is_found_however_few_paths_are_looked_at(found: set[str]) -> None:
    hosted = HostedVersions(sorted(found))
    expected = {
        (name, version)
        for name, version in [("a", "1.0.0"), ("a", "1.0.0-b"), ("b", "2.0.0"), ("@s/a", "1.0.0"), ("@s/b", "2.0.0")]
        if any(path.startswith(f"npm/{name}@{version}/") for path in found)
    }
    assert expected <= {(name, version) for name in ("a", "b", "@s/a", "@s/b") for version in hosted.versions(name)}
    assert all(
        any(path.startswith(f"npm/{name}@{version}/") for path in found)
        for name in ("a", "b", "@s/a", "@s/b")
        for version in hosted.versions(name)
    )
