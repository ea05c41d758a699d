"""A file of somebody else's, by URL."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Mapping
from dataclasses import replace
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import brotli
import pytest
import zstandard
from urllib3 import HTTPResponse

from cdnserve.client import HttpClient
from cdnserve.errors import ConfigurationError, Problem
from cdnserve.snippets.fetch import Remote, fetch
from tests.npm.registry import QUICK, Answer, LocalRegistry, settings_for

CONTENT = b"let x = 1;\n" * 100
OPEN = {"Access-Control-Allow-Origin": "*", "Content-Type": "text/javascript"}


def problem_of(url: str, folder: Path, **limits: int) -> Problem:
    """Fetch what can't be had, and give the one problem."""
    with pytest.raises(ConfigurationError) as caught:
        fetch(url, settings_for(folder, limits=replace(QUICK, **limits)))
    (problem,) = caught.value.problems
    return problem


def test_the_content_comes_with_type_and_url(registry: LocalRegistry, tmp_path: Path) -> None:
    url = registry.answer("/a.js", Answer(body=CONTENT, fields=OPEN))
    assert Remote(url, CONTENT, "text/javascript", ()) == fetch(url, settings_for(tmp_path))


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        pytest.param({"Vary": "Accept-Encoding"}, "", id="the same for all"),
        pytest.param({"Vary": "User-Agent"}, "Vary: User-Agent", id="by browser"),
        pytest.param({"Cache-Control": "private, no-store"}, "no-store", id="by time"),
    ],
)
def test_what_varies_is_told(registry: LocalRegistry, tmp_path: Path, fields: dict[str, str], why: str) -> None:
    found = fetch(registry.answer("/a.js", Answer(body=CONTENT, fields=OPEN | fields)), settings_for(tmp_path))
    assert (why in found.varies, bool(why)) == (True, bool(found.varies))


def test_a_fragment_is_not_asked_for(registry: LocalRegistry, tmp_path: Path) -> None:
    url = registry.answer("/a.js?v=1", Answer(body=CONTENT, fields=OPEN))
    assert url == fetch(f"{url}#part", settings_for(tmp_path)).url


def test_it_asks_for_no_content_coding_and_as_a_page_of_no_origin(registry: LocalRegistry, tmp_path: Path) -> None:
    fetch(registry.answer("/a.js", Answer(body=CONTENT, fields=OPEN)), settings_for(tmp_path))
    (asked,) = registry.asked
    assert "identity" == asked.fields["accept-encoding"]
    assert asked.fields["origin"].endswith(".example")
    assert not {"cookie", "authorization"} & set(asked.fields)


@pytest.mark.parametrize(
    ("coding", "coded"),
    [
        pytest.param("gzip", gzip.compress(CONTENT), id="gzip"),
        pytest.param("GZIP", gzip.compress(CONTENT), id="in upper case"),
        pytest.param("deflate", zlib.compress(CONTENT), id="deflate"),
        pytest.param("deflate", zlib.compress(CONTENT, wbits=-15), id="deflate without its frame"),
        pytest.param("zstd", zstandard.compress(CONTENT), id="zstd"),
        pytest.param("br", brotli.compress(CONTENT), id="brotli"),
        pytest.param("identity", CONTENT, id="identity"),
    ],
)
def test_a_content_coding_that_came_unasked_is_taken_off(
    registry: LocalRegistry, tmp_path: Path, coding: str, coded: bytes
) -> None:
    """Browsers hash what is left then."""
    url = registry.answer("/a.js", Answer(body=coded, fields={"Content-Encoding": coding, **OPEN}))
    assert CONTENT == fetch(url, settings_for(tmp_path)).content


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        pytest.param({}, True, id="no CORS"),
        pytest.param({"Access-Control-Allow-Origin": "https://other.example"}, True, id="for another origin"),
        pytest.param({"Access-Control-Allow-Origin": "*"}, False, id="for any"),
        pytest.param({"Access-Control-Allow-Origin": "https://page.example"}, False, id="for whoever asks"),
    ],
)
def test_what_pages_can_not_read_is_remarked(
    registry: LocalRegistry, tmp_path: Path, fields: Mapping[str, str], expected: bool
) -> None:
    remarks = fetch(registry.answer("/a.js", Answer(body=b"x", fields=fields)), settings_for(tmp_path)).remarks
    assert expected == any("(CORS)" in remark for remark in remarks)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_followed_and_remarked(registry: LocalRegistry, tmp_path: Path, status: int) -> None:
    target = registry.answer("/lib@1.0.0.js", Answer(body=CONTENT, fields=OPEN))
    url = registry.answer("/lib.js", Answer(status, fields={"Location": "/lib@1.0.0.js"}))
    assert Remote(target, CONTENT, "text/javascript", (f"redirected from {url}",)) == fetch(url, settings_for(tmp_path))


def test_redirects_come_to_an_end(registry: LocalRegistry, tmp_path: Path) -> None:
    url = registry.answer("/a.js", Answer(302, fields={"Location": "/a.js"}))
    assert "it redirects too often" == problem_of(url, tmp_path).message
    assert QUICK.redirects + 1 == len(registry.asked)


@pytest.mark.parametrize(
    ("answer", "reference"),
    [
        pytest.param(Answer(404), "target-unreachable", id="404"),
        pytest.param(Answer(500), "target-unreachable", id="500"),
        pytest.param(Answer(206, b"x"), "target-unreachable", id="a part"),
        pytest.param(Answer(302), "target-unreachable", id="a redirect to nowhere"),
        pytest.param(
            Answer(302, fields={"Location": "ftp://a.example/"}), "target-url", id="a redirect to another scheme"
        ),
        pytest.param(Answer(302, fields={"Location": "http://u:p@a.example/"}), "target-url", id="one with a password"),
        pytest.param(Answer(body=b"x", fields={"Content-Encoding": "rot13"}), "target-coding", id="an unknown coding"),
        pytest.param(
            Answer(body=b"not gzip", fields={"Content-Encoding": "gzip"}), "target-coding", id="a damaged coding"
        ),
        pytest.param(
            Answer(body=gzip.compress(b"x" * 99)[:-9], fields={"Content-Encoding": "gzip"}),
            "target-coding",
            id="a coding that ends too early",
        ),
        pytest.param(Answer(body=b"x" * 2000), "target-too-large", id="too much"),
        pytest.param(
            Answer(body=gzip.compress(b"x" * 10_000_000), fields={"Content-Encoding": "gzip"}),
            "target-too-large",
            id="too much once its coding is off",
        ),
        pytest.param(Answer(body=b"x", fields={"Content-Length": "10"}), "target-unreachable", id="too little"),
    ],
)
def test_an_answer_that_is_no_whole_file_is_a_problem(
    registry: LocalRegistry, tmp_path: Path, answer: Answer, reference: str
) -> None:
    assert reference == problem_of(registry.answer("/a.js", answer), tmp_path, metadata=1000).reference


@pytest.mark.parametrize(
    "url",
    [
        pytest.param("http://", id="no host"),
        pytest.param("http://[::1/", id="half an address"),
        pytest.param("http://user:secret@127.0.0.1/", id="a password"),
        pytest.param("http://127.0.0.1:99999/", id="a port that is none"),
        pytest.param("http://a b/", id="a space"),
    ],
)
def test_a_url_that_is_none_is_a_problem(tmp_path: Path, url: str) -> None:
    assert "target-url" == problem_of(url, tmp_path).reference


def test_a_host_that_takes_no_connection_is_a_problem(tmp_path: Path) -> None:
    assert "the host takes no connection" == problem_of("http://127.0.0.1:1/a.js", tmp_path).message


def test_a_name_that_leads_nowhere_is_a_problem(tmp_path: Path) -> None:
    assert "target-unreachable" == problem_of("http://nowhere.invalid/a.js", tmp_path).reference


def test_what_comes_over_http_from_another_machine_is_remarked(registry: LocalRegistry, tmp_path: Path) -> None:
    """A proxy on loopback stands for the way there."""
    registry.answer("http://cdn.example/a.js", Answer(body=b"x", fields=OPEN))
    settings = settings_for(tmp_path, environment={"http_proxy": registry.url})
    assert any("it came over http" in remark for remark in fetch("http://cdn.example/a.js", settings).remarks)


def test_a_redirect_from_https_to_http_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever is on the way could have sent it anywhere."""
    redirect = HTTPResponse(headers={"Location": "http://cdn.example/a.js"}, status=302, preload_content=False)
    monkeypatch.setattr(HttpClient, "send", lambda *_: redirect)
    problem = problem_of("https://cdn.example/a.js", tmp_path)
    assert ("target-url", "the URL can't be used: it redirects from https to http") == (
        problem.reference,
        problem.message,
    )


def test_an_answer_that_never_ends_is_cut_off(registry: LocalRegistry, tmp_path: Path) -> None:
    def drip(handler: BaseHTTPRequestHandler) -> None:
        while not registry.closing.wait(0.01):
            handler.wfile.write(b"x")

    url = registry.answer("/a.js", Answer(write=drip))
    assert "target-unreachable" == problem_of(url, tmp_path, exchange=1).reference
