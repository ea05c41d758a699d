"""`cdnserve explain`: rule, policy, preflight, response heads, and what the browser makes of them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Run
from tests.cli.processes import bare, run_on_terminal

APP = "https://app.example.com"


def explain(run: Run, *arguments: str) -> dict[str, Any]:
    """Explain as JSON."""
    result = run("explain", "--json", *arguments)
    assert "" == result.stderr
    explained: dict[str, Any] = json.loads(result.stdout)
    assert (0 if explained["readable"] else 1) == result.exit_code
    return explained


def heads(explained: dict[str, Any]) -> list[tuple[str, int]]:
    """Return method and status of each exchange."""
    return [(each["request"]["method"], each["response"]["status"]) for each in explained["exchanges"]]


def response(explained: dict[str, Any]) -> dict[str, str]:
    """Return the headers of the last response."""
    return dict(explained["exchanges"][-1]["response"]["headers"])


def test_a_public_file_is_explained_in_words(run: Run) -> None:
    """The rule with its line, the policy, the caching, and the exact head."""
    result = run("explain", "demo/1.0.0/greet.js", "--origin", "https://any.example")
    assert (0, "") == (result.exit_code, result.stderr)
    lines = result.stdout.splitlines()
    assert "/demo/1.0.0/greet.js is public" == lines[0]
    assert "  rule     manifest.toml:6  demo/**  except **/*.map" in lines
    assert "  cors     any" in lines
    assert "  cache    public, max-age=31536000, immutable, no-transform" in lines
    assert "> GET /demo/1.0.0/greet.js HTTP/1.1" in lines
    assert "> host: cdn.example.com" in lines
    assert "> origin: https://any.example" in lines
    assert "< HTTP/1.1 200 OK" in lines
    assert "< access-control-allow-origin: *" in lines
    assert "The browser lets pages of https://any.example read the response, 200 OK." == lines[-1]


def test_without_an_origin_only_rule_and_response_are_told(run: Run) -> None:
    result = run("explain", "partners/shops.json")
    assert 0 == result.exit_code
    assert "cors     partners, which allows https://app.example.com, https://*.example.org" in result.stdout
    assert "origin   " not in result.stdout
    assert "> origin" not in result.stdout
    assert "The browser" not in result.stdout


@pytest.mark.parametrize(
    "path",
    [
        pytest.param("demo/1.0.0/greet.js", id="a logical path"),
        pytest.param("/demo/1.0.0/greet.js", id="with a slash"),
        pytest.param("https://cdn.example.com/demo/1.0.0/greet.js?v=1#x", id="a URL"),
        pytest.param("http://127.0.0.1:8000/demo/1.0.0/greet.js", id="a URL of another host"),
        pytest.param("https:\\\\cdn.example.com\\demo\\1.0.0\\greet.js", id="a URL with backslashes"),
        pytest.param("https:/user@CDN.example.com:443/demo/x/../1.0.0/greet.js", id="a URL that browsers put in order"),
        pytest.param("//cdn.example.com/demo/1.0.0/greet.js", id="a URL without a scheme"),
        pytest.param("\\demo\\1.0.0\\greet.js", id="a path with backslashes"),
        pytest.param("demo/1.0.0/greet.js?v=1", id="with a query"),
        pytest.param("/demo/1.0.0/%67reet.js", id="with an escape"),
        pytest.param("public/demo/1.0.0/greet.js", id="a file's place"),
    ],
)
def test_a_path_may_be_given_in_many_ways(run: Run, path: str) -> None:
    explained = explain(run, path)
    assert explained["public"]
    assert "demo/1.0.0/greet.js" in explained["exchanges"][0]["request"]["path"].replace("%67", "g")


def test_the_path_of_the_site_is_taken_off(run: Run, root: Path) -> None:
    manifest = root / "manifest.toml"
    manifest.write_text(manifest.read_text().replace("cdn.example.com", "cdn.example.com/files"))
    assert "/demo/1.0.0/greet.js" == explain(run, "https://cdn.example.com/files/demo/1.0.0/greet.js")["path"]


def test_a_name_with_odd_characters_is_asked_for_as_a_browser_would(run: Run, root: Path) -> None:
    (root / "demo" / "a b%41#ü.js").write_text("x")
    explained = explain(run, "demo/a b%41#ü.js")
    assert ("/demo/a%20b%2541%23%C3%BC.js", True) == (explained["path"], explained["public"])


def test_the_root_may_come_first_or_from_the_environment(run: Run, root: Path) -> None:
    other = root.rename(root.parent / "other")
    assert explain(run, "other", "demo/1.0.0/greet.js")["public"]
    assert 0 == run("explain", "demo/1.0.0/greet.js", CDNSERVE_ROOT=str(other)).exit_code
    assert "root-missing" in run("explain", "demo/1.0.0/greet.js").stderr


def test_three_places_are_one_too_many(run: Run) -> None:
    assert 2 == run("explain", "public", "a", "b").exit_code


def test_a_listed_origin_is_allowed(run: Run) -> None:
    explained = explain(run, "partners/shops.json", "--origin", "https://a.example.org/page")
    assert ("https://a.example.org", True, "") == (explained["origin"], explained["allowed"], explained["blocked"])
    assert "allow-origins lists https://*.example.org, which covers it" == explained["reason"]
    assert "https://a.example.org" == response(explained)["access-control-allow-origin"]
    assert [] == explained["preflight"]


def test_an_unlisted_origin_is_blocked_and_the_near_miss_is_named(run: Run) -> None:
    result = run("explain", "partners/shops.json", "--origin", "http://app.example.com")
    assert 1 == result.exit_code
    for said in (
        "http://app.example.com is not allowed: allow-origins does not list it",
        "the list has https://app.example.com: http is not https",
        "< HTTP/1.1 200 OK",
        "The browser blocks this: the response has no Access-Control-Allow-Origin",
        'To allow it, add "http://app.example.com" to allow-origins of [cors.partners]',
    ):
        assert said in result.stdout
    assert "< access-control-allow-origin" not in result.stdout


def test_a_preflight_that_succeeds_is_shown_with_the_actual_request(run: Run) -> None:
    explained = explain(run, "partners/shops.json", "--origin", APP, "--header", "X-Requested-With: fetch")
    assert ["the header x-requested-with is not safelisted"] == explained["preflight"]
    assert [("OPTIONS", 204), ("GET", 200)] == heads(explained)
    asked = dict(explained["exchanges"][0]["request"]["headers"])
    assert ("GET", "x-requested-with") == (
        asked["access-control-request-method"],
        asked["access-control-request-headers"],
    )
    assert "fetch" == dict(explained["exchanges"][1]["request"]["headers"])["x-requested-with"]


@pytest.mark.parametrize(
    ("arguments", "advice"),
    [
        pytest.param(("--header", "X-Custom: 1"), 'add "x-custom" to allow-headers of [cors.partners]', id="a header"),
        pytest.param(("--method", "delete"), 'add "DELETE" to allow-methods of [cors.partners]', id="a method"),
    ],
)
def test_a_preflight_that_fails_is_the_last_exchange(run: Run, arguments: tuple[str, ...], advice: str) -> None:
    explained = explain(run, "partners/shops.json", "--origin", APP, *arguments)
    assert [("OPTIONS", 403)] == heads(explained)
    assert "Preflight refused" in explained["exchanges"][0]["response"]["text"]
    assert explained["allowed"]
    assert explained["blocked"]
    assert [advice] == explained["advice"]


def test_a_safelisted_header_needs_no_preflight(run: Run) -> None:
    explained = explain(run, "partners/shops.json", "--origin", APP, "--header", "Accept: text/css")
    assert [("GET", 200)] == heads(explained)


def test_a_header_that_no_script_can_set_is_sent_but_not_asked_for(run: Run) -> None:
    explained = explain(
        run, "demo/1.0.0/greet.js", "--origin", APP, "--header", "Accept-Encoding: gzip", "--header", "Host: a.example"
    )
    assert [("GET", 200)] == heads(explained)
    assert "gzip" == response(explained)["content-encoding"]
    assert ["Accept-Encoding", "Host"] == [note.partition(":")[0] for note in explained["notes"]]
    assert "a.example" == dict(explained["exchanges"][0]["request"]["headers"])["host"]


def test_a_browser_reads_the_status_of_what_the_server_refuses(run: Run) -> None:
    """The preflight allows PUT, the server itself answers 405: the page may read that."""
    explained = explain(run, "accounts/me.json", "--origin", APP, "--method", "PUT")
    assert [("OPTIONS", 204), ("PUT", 405)] == heads(explained)
    assert ("", False) == (explained["blocked"], explained["readable"])


def test_credentials_are_never_covered_by_any(run: Run) -> None:
    explained = explain(run, "demo/1.0.0/greet.js", "--origin", APP, "--credentials")
    assert "does not cover a request with credentials" in explained["blocked"]
    assert any("never covers credentials" in note for note in explained["notes"])
    assert [] == explained["advice"]


def test_credentials_are_allowed_where_the_policy_says_so(run: Run) -> None:
    explained = explain(run, "accounts/me.json", "--origin", APP, "--credentials", "--header", "X-Any: 1")
    assert "" == explained["blocked"]
    assert "true" == response(explained)["access-control-allow-credentials"]


def test_a_policy_is_told_whole(run: Run) -> None:
    result = run("explain", "accounts/me.json")
    for said in ("accounts, which allows https://app.example.com", "methods GET, PUT", "headers *", "with credentials"):
        assert said in result.stdout
    assert "which allows no origin" in run("explain", "framed/a.json").stdout


def test_reasons_for_a_preflight_are_told(run: Run) -> None:
    result = run("explain", "accounts/me.json", "--origin", APP, "--header", "X-Any: 1", "--header", "Cookie: a=1")
    assert "asks     first, by a CORS-preflight request: the header x-any is not safelisted" in result.stdout
    assert "note     Cookie: no script can set this header" in result.stdout


def test_credentials_are_advised_where_the_policy_does_not(run: Run) -> None:
    explained = explain(run, "partners/shops.json", "--origin", APP, "--credentials")
    assert ["set allow-credentials = true of [cors.partners]"] == explained["advice"]


def test_a_file_of_our_own_is_for_no_other_origin(run: Run) -> None:
    explained = explain(run, "own/page.txt", "--origin", APP)
    assert "the policy is none: no other origin may read" == explained["reason"]
    assert "the response has no Access-Control-Allow-Origin" == explained["blocked"]
    assert ['give the rule at manifest.toml:24 cors = "any", or a policy that lists the origin'] == explained["advice"]
    assert any("Cross-Origin-Resource-Policy" in note for note in explained["notes"])


def test_a_page_of_the_site_itself_needs_no_cors(run: Run) -> None:
    explained = explain(run, "own/page.txt", "--origin", "https://cdn.example.com", "--header", "X-Custom: 1")
    assert "" == explained["blocked"]
    assert [("GET", 200)] == heads(explained)
    assert "origin" not in dict(explained["exchanges"][0]["request"]["headers"])
    assert ["this is the site's own origin: its pages need no CORS to read"] == explained["notes"]


def test_null_is_explained_and_may_be_allowed(run: Run) -> None:
    assert explain(run, "framed/a.json", "--origin", "null")["allowed"]
    explained = explain(run, "partners/shops.json", "--origin", "null")
    assert not explained["allowed"]
    assert "sandboxed frames" in explained["near"][0]
    assert ["set allow-null-origin = true of [cors.partners]"] == explained["advice"]
    assert "and the origin null" in run("explain", "framed/a.json").stdout


@pytest.mark.parametrize(
    ("site", "is_mixed"),
    [
        pytest.param("http://cdn.example.com", True, id="http"),
        pytest.param("http://localhost:8000", False, id="this machine"),
        pytest.param("http://[::1]:8000", False, id="this machine by number"),
        pytest.param("https://cdn.example.com", False, id="https"),
    ],
)
def test_mixed_content_is_named(run: Run, root: Path, site: str, is_mixed: bool) -> None:
    manifest = root / "manifest.toml"
    manifest.write_text(manifest.read_text().replace("https://cdn.example.com", site))
    notes = explain(run, "demo/1.0.0/greet.js", "--origin", APP)["notes"]
    assert is_mixed == any(note.startswith("mixed content") for note in notes)


@pytest.mark.parametrize(("digests", "is_told"), [("[]", False), ('["repr"]', False), ('["unencoded"]', True)])
def test_what_unencoded_digest_breaks_is_told(run: Run, root: Path, digests: str, is_told: bool) -> None:
    manifest = root / "manifest.toml"
    manifest.write_text(manifest.read_text().replace("[[publish]]", f"[[publish]]\ndigests = {digests}"))
    notes = explain(run, "demo/1.0.0/greet.js", "--origin", APP)["notes"]
    assert is_told == any(note.startswith("Unencoded-Digest: ") for note in notes)


def test_an_unlisted_file_is_found_on_the_disk(run: Run) -> None:
    result = run("explain", "drafts/notes.txt", "--origin", APP)
    assert 1 == result.exit_code
    for said in (
        "/drafts/notes.txt is not public",
        "why      no rule's path matches it",
        "the file exists: public/drafts/notes.txt",
        "to publish it, write a [[publish]] rule whose path matches it",
    ):
        assert said in result.stdout
    assert "< HTTP/1.1 404 Not Found" in result.stdout
    assert "< access-control" not in result.stdout


def test_an_exception_is_named(run: Run) -> None:
    explained = explain(run, "demo/1.0.0/greet.js.map")
    assert "the rule at manifest.toml:6 matches it, but leaves it out: except **/*.map" == explained["unlisted"][0]
    assert explained["rule"] is None


def test_an_absent_file_under_a_rule_is_a_404_that_pages_can_read(run: Run) -> None:
    explained = explain(run, "demo/1.0.0/grete.js", "--origin", APP)
    assert (False, False, "") == (explained["public"], explained["readable"], explained["blocked"])
    assert "manifest.toml:6" == explained["rule"]["where"]
    assert "*" == response(explained)["access-control-allow-origin"]
    assert "Did you mean /demo/1.0.0/greet.js?" in explained["unlisted"]


def test_a_file_that_was_left_out_says_why(run: Run, root: Path) -> None:
    (root / "demo" / "passwd.txt").symlink_to("/etc/passwd")
    explained = explain(run, "demo/passwd.txt")
    assert any("leads out of the root" in reason for reason in explained["unlisted"])
    assert ["link-leaves-root"] == [problem["reference"] for problem in explained["problems"]]


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        pytest.param("/demo/../manifest.toml", "not in normal form", id="a way up"),
        pytest.param("/demo//greet.js", "not in normal form", id="an empty segment"),
        pytest.param("https://cdn.example.com/demo/", "not in normal form", id="a folder"),
        pytest.param("/demo/%zz", "malformed", id="a bad escape"),
        pytest.param("/demo/%00.js", "malformed", id="NUL"),
        pytest.param("/demo/\udcff.js", "malformed", id="not UTF-8"),
        pytest.param("manifest.toml", "never public", id="the manifest"),
    ],
)
def test_a_path_that_is_never_a_file_is_explained(run: Run, path: str, expected: str) -> None:
    explained = explain(run, path)
    assert not explained["public"]
    assert expected in explained["unlisted"][0]


@pytest.mark.parametrize(
    "arguments",
    [
        pytest.param(("--origin", "app.example.com"), id="an origin without a scheme"),
        pytest.param(("--method", "GET IT"), id="a method of two words"),
        pytest.param(("--header", "X Y: 1"), id="a header's name with a space"),
        pytest.param(("--header", "X: ☃"), id="a value that no header has"),
        pytest.param(("--header", "X: a\nb"), id="a value of two lines"),
        pytest.param(("--header", "Origin: https://a.example"), id="the origin as a header"),
        pytest.param(("--header", "Access-Control-Request-Method: PUT"), id="what the browser asks by itself"),
    ],
)
def test_what_no_browser_would_send_is_wrong_usage(run: Run, arguments: tuple[str, ...]) -> None:
    result = run("explain", "demo/1.0.0/greet.js", *arguments)
    assert (2, "") == (result.exit_code, result.stdout)


def test_a_hostile_path_reaches_no_terminal(root: Path) -> None:
    status, written = run_on_terminal("explain", "demo/\x1b[2J.js", "--origin", APP, cwd=root.parent)
    assert 1 == status
    assert "\x1b[2J" not in written
    assert "/demo/%1B[2J.js is not public" in bare(written)


def host_libraries(root: Path) -> None:
    """Lay two versions of a library below the root, and publish them in unpkg's shape too."""
    for version in ("1.0.0", "1.2.0"):
        folder = root / f"npm/lib@{version}"
        folder.mkdir(parents=True)
        (folder / "index.js").write_text("export {};\n")
    manifest = (root / "manifest.toml").read_text()
    manifest = manifest.replace(
        "[[publish]]", 'unpkg-addresses = true\n[[publish]]\npath = "npm/**"\ncors = "any"\n[[publish]]', 1
    )
    (root / "manifest.toml").write_text(manifest)


def test_an_alias_is_explained_with_what_it_leads_to(run: Run, root: Path) -> None:
    host_libraries(root)
    result = run("explain", "npm/lib@1/index.js", "--origin", APP)
    assert (0, "") == (result.exit_code, result.stderr)
    lines = result.stdout.splitlines()
    assert "/npm/lib@1/index.js is an alias" == lines[0]
    assert "  file     npm/lib@1.2.0/index.js" == lines[1]
    assert "< HTTP/1.1 302 Found" in lines
    assert "< location: ../lib@1.2.0/index.js" in lines
    assert "< cache-control: public, max-age=600, stale-while-revalidate=86400" in lines
    assert "there is no such file" not in result.stdout
    assert f"The browser follows this redirect, and lets pages of {APP} read npm/lib@1.2.0/index.js." == lines[-1]


@pytest.mark.parametrize("path", ["libb", "libb@1", "/npm/libb"])
def test_a_library_of_nearly_the_same_name_is_named(run: Run, root: Path, path: str) -> None:
    host_libraries(root)
    (root / "npm/lib@1.2.0/package.json").write_text('{"name": "lib"}')
    assert "Did you mean lib? That is a hosted library" in json.loads(run("explain", path, "--json").stdout)["unlisted"]


@pytest.mark.parametrize("path", ["libb@1/index.js", "elsewhere"])
def test_no_library_is_named_for_a_file_or_where_none_is_near(run: Run, root: Path, path: str) -> None:
    host_libraries(root)
    (root / "npm/lib@1.2.0/package.json").write_text('{"name": "lib"}')
    assert "hosted library" not in run("explain", path).stdout


@pytest.mark.parametrize(
    ("path", "public", "status", "leads_to"),
    [
        pytest.param("npm/lib@1.0.0/index.js", True, 200, None, id="a file's own path"),
        pytest.param("lib@1.0.0/index.js", True, 200, "npm/lib@1.0.0/index.js", id="an exact drop-in address"),
        pytest.param("lib/index.js", False, 302, "npm/lib@1.2.0/index.js", id="an alias in unpkg's shape"),
        pytest.param("/npm/lib@^1.0/", False, 302, "npm/lib@1.2.0/index.js", id="a default file"),
        pytest.param("npm/lib@2/index.js", False, 404, None, id="no such version"),
    ],
)
def test_where_an_address_leads_is_told_to_programs(
    run: Run, root: Path, path: str, public: bool, status: int, leads_to: str | None
) -> None:
    host_libraries(root)
    explained = explain(run, path)
    assert (public, leads_to) == (explained["public"], explained["leads_to"])
    assert [("GET", status)] == heads(explained)
    assert (status < 400) == (explained["unlisted"] == [])
    assert ("Hosted versions of lib: 1.2.0, 1.0.0." in explained["unlisted"]) == (status == 404)


def test_a_library_is_known_by_its_name(run: Run, root: Path) -> None:
    (root / "npm/lib@1.2.0").mkdir(parents=True)
    (root / "npm/lib@1.2.0/index.js").write_text("let lib;\n")
    (root / "manifest.toml").write_text((root / "manifest.toml").read_text() + '[[publish]]\npath = "npm/**"\n')
    assert run("explain", "lib@1/index.js").stdout.startswith("/npm/lib@1/index.js is an alias\n")
    assert run("explain", "/lib@1/index.js").stdout.startswith("/lib@1/index.js is not public\n"), "an address is exact"
