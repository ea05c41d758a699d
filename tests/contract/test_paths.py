"""Request paths (RFC 3986 §2, §3.3; RFC 9112 §3.2): one spelling decoded once, and never another file."""

from __future__ import annotations

import pytest

from tests.contract import site as sites
from tests.contract.edges import Edge
from tests.contract.site import Site
from tests.contract.wire import Response

APP_PATH = "/any/1.0.0/app.js"
SECRETS = (b"SECRET", b"schema = 1", b"root:")

# Escapes that do not decode, or to what no file's name can hold: 400.
MALFORMED = [
    pytest.param("/any/%", id="a percent sign alone"),
    pytest.param("/any/%4", id="one digit"),
    pytest.param("/any/%zz", id="no hexadecimal digits"),
    pytest.param("/any/%%41", id="two percent signs"),
    pytest.param("/any/%u0041", id="an escape of JavaScript"),
    pytest.param("/any/%+1", id="a sign in an escape"),
    pytest.param("/any/%2%35", id="an escape within an escape"),
    pytest.param("/any/1.0.0/app.js%", id="a percent sign at the end"),
    pytest.param("/any/1.0.0/app.js%00", id="NUL at the end"),
    pytest.param("/any/1.0.0/app.js%00.txt", id="NUL in the middle"),
    pytest.param("/%00", id="NUL alone"),
    pytest.param("/..%00", id="NUL after two dots"),
    pytest.param("/any/%01", id="a control character"),
    pytest.param("/any/%1f", id="the last control character"),
    pytest.param("/any/%7f", id="DEL"),
    pytest.param("/any/%0a", id="a line feed"),
    pytest.param("/any/x%0d%0aset-cookie:%20a=b", id="a header to inject"),
    pytest.param("/any/%09", id="a tab"),
    pytest.param("/any/%ff", id="no UTF-8"),
    pytest.param("/any/some%99thing.js", id="a continuation byte alone"),
    pytest.param("/any/%c3", id="UTF-8 cut short"),
    pytest.param("/any/%c3%28", id="UTF-8 with a wrong second byte"),
    pytest.param("/any/%e2%82", id="two bytes of three"),
    pytest.param("/any/%c0%af1.0.0", id="an overlong slash"),
    pytest.param("/any/%c0%ae%c0%ae/secret.txt", id="overlong dots"),
    pytest.param("/any/%e0%80%af", id="an overlong slash of three bytes"),
    pytest.param("/any/%ed%a0%80", id="half a surrogate pair"),
    pytest.param("/any/%f4%90%80%80", id="beyond Unicode"),
    pytest.param("/any/%fe%ff", id="a byte order mark of UTF-16"),
]

# Paths that decode, but not to one normal path: 404, as if nothing were there.
NOT_NORMAL = [
    pytest.param("//", id="two slashes"),
    pytest.param("//any/1.0.0/app.js", id="two slashes first"),
    pytest.param("//evil.example/app.js", id="a host for whoever joins it"),
    pytest.param("//evil.example/..", id="a host and dots"),
    pytest.param("///evil.example", id="three slashes"),
    pytest.param("/%2fevil.example", id="an encoded slash first"),
    pytest.param("/\\evil.example", id="a backslash first"),
    pytest.param("/%5cevil.example", id="an encoded backslash first"),
    pytest.param("/any//1.0.0/app.js", id="an empty segment"),
    pytest.param("/any/1.0.0//app.js", id="an empty segment before the name"),
    pytest.param("/any/1.0.0/app.js/", id="a trailing slash"),
    pytest.param("/any/1.0.0/app.js//", id="two trailing slashes"),
    pytest.param("/any/1.0.0/app.js/.", id="a dot at the end"),
    pytest.param("/any/1.0.0/app.js/..", id="two dots at the end"),
    pytest.param("/any/1.0.0/app.js%2f", id="an encoded trailing slash"),
    pytest.param("/any/1.0.0/app.js%5c", id="an encoded trailing backslash"),
    pytest.param("/any/1.0.0/", id="a folder with a slash"),
    pytest.param("/any/./1.0.0/app.js", id="a dot"),
    pytest.param("/any/%2e/1.0.0/app.js", id="an encoded dot"),
    pytest.param("/./any/1.0.0/app.js", id="a dot first"),
    pytest.param("/any/1.0.0/../1.0.0/app.js", id="two dots that stay inside"),
    pytest.param("/any/1.0.0/%2e%2e/1.0.0/app.js", id="encoded dots that stay inside"),
    pytest.param("/any/1.0.0/.%2E/1.0.0/app.js", id="half-encoded dots"),
    pytest.param("/any/../secret.txt", id="out of a public folder"),
    pytest.param("/any/%2e%2e/secret.txt", id="out, encoded"),
    pytest.param("/any/..%2fsecret.txt", id="out, with an encoded slash"),
    pytest.param("/any/%2e%2e%2fsecret.txt", id="out, all encoded"),
    pytest.param("/any/..%5csecret.txt", id="out, with an encoded backslash"),
    pytest.param("/any/..\\secret.txt", id="out, with a backslash"),
    pytest.param("/..", id="above the root"),
    pytest.param("/../", id="above the root, with a slash"),
    pytest.param("/../../../../../../etc/passwd", id="out of the root"),
    pytest.param("/any/../../../../../../../etc/passwd", id="out of the root, from a public folder"),
    pytest.param("/%2e%2e/%2e%2e/%2e%2e/etc/passwd", id="out of the root, encoded"),
    pytest.param("/..%2f..%2f..%2f..%2fetc%2fpasswd", id="out of the root, with encoded slashes"),
    pytest.param("/any%2f1.0.0%2fapp.js", id="encoded slashes"),
    pytest.param("/any%2F1.0.0/app.js", id="an encoded slash in upper case"),
    pytest.param("/any/1.0.0%5capp.js", id="an encoded backslash for a slash"),
    pytest.param("/any\\1.0.0\\app.js", id="backslashes for slashes"),
]

# Normal paths that are nearly those of a file.
NEARLY = [
    pytest.param("/any/1.0.0", id="a folder"),
    pytest.param("/any", id="the first folder"),
    pytest.param("/any/1.0.0/APP.JS", id="upper case"),
    pytest.param("/ANY/1.0.0/app.js", id="a folder in upper case"),
    pytest.param("/any/1.0.0/app.js;v=1", id="a path parameter"),
    pytest.param("/any/1.0.0/app.js%20", id="a space at the end"),
    pytest.param("/any/1.0.0/%20app.js", id="a space at the start"),
    pytest.param("/any/1.0.0/app.js.", id="a dot at the end"),
    pytest.param("/any/1.0.0/app.js::$DATA", id="a stream of another system"),
    pytest.param("/any/1.0.0/app.js%3fx", id="an encoded question mark"),
    pytest.param("/any/1.0.0/app.js%23x", id="an encoded hash sign"),
    pytest.param("/any/1.0.0/app", id="without its ending"),
    pytest.param("/any/1.0.0/app.js.gz", id="a coded neighbour"),
    pytest.param("/any/1.0.0/app.js/below", id="below a file"),
    pytest.param("/any/1.0.0/%2561pp.js", id="encoded twice"),
    pytest.param("/any/1.0.0/%252e%252e/app.js", id="dots encoded twice"),
    pytest.param("/any/..%252f..%252fsecret.txt", id="out, encoded twice"),
    pytest.param("/any/odd/a+b%2ejs%2520", id="an escape as a name"),
    pytest.param("/any/odd/a+b", id="a plus is no space, and a name has its ending"),
    pytest.param("/any/odd/u%CC%88n%C3%AFcode-%E4%BD%A0%E5%A5%BD.js", id="another normal form of Unicode"),
    pytest.param("/any/1.0.0/app%EF%BC%8Ejs", id="a full-width dot"),
    pytest.param("/any/1.0.0%E2%88%95app.js", id="a division slash"),
    pytest.param("/any/1.0.0/app%C2%ADjs", id="a soft hyphen"),
]

FORBIDDEN = [
    pytest.param("/secret.txt", id="no rule"),
    pytest.param("/elsewhere/app.js", id="a folder of no rule"),
    pytest.param("/any/1.0.0/app.js.map", id="an exception of the rule"),
    pytest.param("/manifest.toml", id="the manifest"),
    pytest.param("/manifest.lock", id="the lock"),
    pytest.param("/any/.hidden.js", id="a dot-file under a rule"),
    pytest.param("/any/%2ehidden.js", id="a dot-file, encoded"),
    pytest.param("/any/.git/config", id="in a dot-folder under a rule"),
    pytest.param("/.cdnserve/current", id="the state folder"),
]


def _leaks_nothing(response: Response) -> None:
    assert not [secret for secret in SECRETS if secret in response.body]
    assert response.get("etag") is None


def _read_by(target: str) -> str | None:
    # Of the folders in these rows only any/ is published.
    return "*" if "any" in target else None


# Each with the origin that may read the answer, and whether another one could get another answer.
FLAWED = [
    pytest.param("/any/1.0.0//app.js", 404, "*", False, id="a slash too many"),
    pytest.param("//any/1.0.0/app.js", 404, "*", False, id="a base URL with a slash"),
    pytest.param("/any/@scope%2fx/%zz.js", 400, "*", False, id="malformed"),
    pytest.param("/any/%2e%2e/partners/app.js", 404, "*", False, id="into a folder of an allow-list: not its rule"),
    pytest.param("/partners//app.js", 404, sites.ORIGIN, True, id="an allow-list"),
    pytest.param("/partners/%ff", 400, sites.ORIGIN, True, id="malformed, under an allow-list"),
    pytest.param("/partners/../any/1.0.0/app.js", 404, sites.ORIGIN, True, id="out of an allow-list: its rule"),
    pytest.param("/none//app.js", 404, None, False, id="the policy none"),
    pytest.param("/any/1.0.0/inner//app.js", 404, None, False, id="none inside of any"),
    pytest.param("/any/1.0.0//inner/app.js", 404, None, False, id="none inside of any, before the flaw"),
    pytest.param("/elsewhere//app.js", 404, None, False, id="no rule"),
    pytest.param("/elsewhere/../any/1.0.0/app.js", 404, None, False, id="out of where no rule is"),
    pytest.param("/elsewhere/%zz", 400, None, False, id="malformed, where no rule is"),
    pytest.param("/any/1.0.0//app.js.map", 404, None, False, id="an exception of the rule"),
    pytest.param("/any//.git/config", 404, None, False, id="in a dot-folder"),
    pytest.param("/any/./.git/%00", 400, None, False, id="malformed, in a dot-folder"),
    pytest.param("//manifest.toml", 404, None, False, id="the manifest"),
    pytest.param("/-//health", 404, None, False, id="our own prefix"),
]


@pytest.mark.parametrize(("target", "status", "reader", "varies"), FLAWED)
def test_the_rule_of_a_flawed_path_says_who_may_read_why(
    edge: Edge, target: str, status: int, reader: str | None, varies: bool
) -> None:
    for method in ("GET", "HEAD"):
        for origin in (sites.ORIGIN, sites.STRANGER, None):
            response = edge.ask(method, target, *((("Origin", origin),) if origin else ()))
            assert status == response.status
            expected = reader if reader in ("*", origin) else None
            assert expected == response.get("access-control-allow-origin")
            assert varies == ("origin" in response.members("vary"))
            _leaks_nothing(response)


@pytest.mark.parametrize(
    ("target", "fields", "status"),
    [
        pytest.param("/any//app.js", {"Method": "GET", "Headers": "x-any"}, 204, id="any"),
        pytest.param("/partners/%zz", {"Method": "PUT", "Headers": "x-custom"}, 204, id="an allow-list"),
        pytest.param("/partners//app.js", {"Method": "DELETE"}, 403, id="a method that it doesn't list"),
        pytest.param("/none//app.js", {"Method": "PUT"}, 403, id="none"),
        pytest.param("/elsewhere//app.js", {"Method": "GET"}, 404, id="no rule"),
        pytest.param("/elsewhere/%zz", {"Method": "GET"}, 400, id="no rule, and malformed"),
    ],
)
def test_the_rule_of_a_flawed_path_answers_preflights(
    edge: Edge, target: str, fields: dict[str, str], status: int
) -> None:
    asked = [(f"Access-Control-Request-{name}", value) for name, value in fields.items()]
    response = edge.ask("OPTIONS", target, ("Origin", sites.ORIGIN), *asked)
    assert status == response.status
    assert (status == 204) == (response.get("access-control-allow-origin") is not None)


def test_a_slash_too_many_is_told(edge: Edge) -> None:
    for target in ("//any/1.0.0/app.js", "/any//1.0.0/app.js"):
        assert "Did you mean /any/1.0.0/app.js?" in edge.get(target).text()


@pytest.mark.parametrize("target", MALFORMED)
def test_a_malformed_path_is_400(edge: Edge, target: str) -> None:
    response = edge.get(target)
    assert response.status == 400
    assert _read_by(target) == response.get("access-control-allow-origin")
    _leaks_nothing(response)


@pytest.mark.parametrize("target", NOT_NORMAL)
def test_a_path_that_is_not_normal_is_404(edge: Edge, target: str) -> None:
    """Neither cleaned up nor redirected, but under the rule of what it begins with, so that a script can read why."""
    response = edge.get(target)
    assert response.status == 404
    assert _read_by(target) == response.get("access-control-allow-origin")
    assert response["cache-control"] == "public, max-age=60"
    _leaks_nothing(response)


@pytest.mark.parametrize("target", NEARLY)
def test_no_other_spelling_finds_a_file(edge: Edge, target: str) -> None:
    response = edge.get(target)
    assert response.status == 404
    _leaks_nothing(response)


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS"])
@pytest.mark.parametrize("target", FORBIDDEN)
def test_what_is_not_public_is_as_absent(edge: Edge, method: str, target: str) -> None:
    """An unlisted file's answer is, byte for byte, that of a file which is not there."""
    fields = (("Origin", sites.ORIGIN), ("Access-Control-Request-Method", "GET"), ("If-None-Match", "*"))
    unlisted, absent = (edge.ask(method, path, *fields) for path in (target, "/certainly-not-there"))
    assert unlisted.status == 404
    assert absent.comparable() == unlisted.comparable()
    assert not any(name.startswith(("access-control-", "timing-allow-")) for name, _ in unlisted.fields)


@pytest.mark.parametrize("name", [pytest.param(name, id=spelled) for name, spelled in sites.ODD_NAMES.items()])
def test_odd_names_are_found_by_their_one_spelling(edge: Edge, site: Site, name: str) -> None:
    response = edge.get(f"/any/odd/{sites.ODD_NAMES[name]}")
    assert response.status == 200
    assert site.files[f"any/odd/{name}"] == response.body


@pytest.mark.parametrize(
    "target",
    [
        pytest.param("/any/1.0.0/%61pp.js", id="a letter"),
        pytest.param("/%61%6e%79/1.0.0/app%2ejs", id="letters of every segment and the dot of an ending"),
        pytest.param("/any/1%2E0%2e0/app.js", id="dots within a segment, either case"),
    ],
)
def test_equivalent_escapes_find_the_same_file(edge: Edge, target: str) -> None:
    """RFC 3986 §6.2.2.2: unreserved characters mean the same with or without their escape."""
    assert edge.get(APP_PATH).comparable() == edge.get(target).comparable()


@pytest.mark.parametrize(
    "target",
    [
        pytest.param("/any/1.0.0/inner/app.js", id="as it is"),
        pytest.param("/any/1.0.0/%69nner/app.js", id="with an escape"),
        pytest.param("/%61ny/1.0.0/inner/absent.js", id="with an escape, where no file is"),
    ],
)
def test_no_spelling_changes_the_policy(edge: Edge, target: str) -> None:
    """The rule is found by the very path that finds the file: here one shuts a folder inside an open one."""
    response = edge.get(target)
    assert response["cross-origin-resource-policy"] == "same-origin"
    assert response.get("access-control-allow-origin") is None


@pytest.mark.parametrize("length", [300, 5_000, 60_000])
@pytest.mark.parametrize("prefix", ["/", "/any/", "/any/1.0.0/app.js/"])
def test_an_over_long_path_is_just_not_there(edge: Edge, prefix: str, length: int) -> None:
    for target in (prefix + "x" * length, prefix + "x/" * (length // 2) + "x", prefix + "%61" * (length // 3)):
        assert edge.get(target).status == 404


@pytest.mark.parametrize("target", ["/-", "/-/nothing", "/-/../any/1.0.0/app.js", "/-/%2e%2e/secret.txt"])
def test_our_own_prefix_publishes_nothing(edge: Edge, target: str) -> None:
    response = edge.get(target)
    assert response.status == 404
    assert response.get("access-control-allow-origin") is None


def test_a_404_helps_only_with_what_is_public(edge: Edge) -> None:
    """The text names the nearest public file; no neighbour that is unlisted."""
    near = edge.get("/any/1.0.0/ap.js")
    assert "/any/1.0.0/app.js" in near.text()
    for target in ("/secret.tx", "/any/1.0.0/app.js.ma", "/any/hidden.js", "/manifest.tom", "/elsewhere/app.j"):
        _leaks_nothing(response := edge.get(target))
        assert not [name for name in sites.UNLISTED if f"/{name}?" in response.text()]


@pytest.mark.parametrize(
    "target", ["/any/<script>alert(1)</script>", "/any/%3Cscript%3Ealert(1)%3C/script%3E", "/any/\"'>"]
)
def test_a_404_is_inert_text(edge: Edge, target: str) -> None:
    response = edge.get(target)
    assert (404, "text/plain; charset=utf-8") == (response.status, response["content-type"])
    assert "<script>" not in response.text()


def test_the_root_leads_to_the_pages(edge: Edge) -> None:
    response = edge.get("/")
    assert (302, "./-/") == (response.status, response["location"])
    page = edge.get("/-/")
    assert (200, "text/html; charset=utf-8", "no-cache") == (page.status, page["content-type"], page["cache-control"])
    assert page.get("access-control-allow-origin") is None
    assert 304 == edge.get("/-/", ("If-None-Match", page["etag"])).status
    assert not [secret for secret in SECRETS if secret in page.body]


def test_a_folder_is_its_live_index(edge: Edge) -> None:
    assert edge.get("/live/home/").comparable() == edge.get("/live/home/index.html").comparable()
    assert edge.get("/live/home").status == 404
    assert edge.get("/live/").status == 404
