"""Caching (RFC 9111, RFC 8246, RFC 5861; RFC 9110 §8.8, §12.5.5): how long, for whom, and by which validators."""

from __future__ import annotations

import base64
import hashlib
import re

import pytest

from tests.contract import site as sites
from tests.contract.edges import Edge
from tests.contract.scenes import EVERY_SCENE, Scene
from tests.contract.site import Site
from tests.contract.wire import Response

IMMUTABLE = "public, max-age=31536000, immutable, no-transform"
REVALIDATE = "public, no-cache"
WEEKLY = "public, max-age=604800, s-maxage=86400, stale-while-revalidate=3600"
CONTROL = {"any/1.0.0": IMMUTABLE, "live": IMMUTABLE, "partners": IMMUTABLE, "weekly": WEEKLY, "bare": WEEKLY}
CONTROL |= {folder: REVALIDATE for folder in sites.FOLDERS if folder not in CONTROL}

OTHER = {204: None, 400: "no-store", 404: "public, max-age=60", 405: "no-store", 406: "no-store"}


@EVERY_SCENE
def test_cache_control(edge: Edge, scene: Scene) -> None:
    """By the class of the file for 200, 206, 304, 412 and 416, by the status for all others."""
    for folder in sites.FOLDERS:
        expected = OTHER.get(scene.status, CONTROL[folder])
        assert (folder, expected) == (folder, scene.play(edge, folder).get("cache-control"))


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        pytest.param("/secret.txt", "public, max-age=60", id="an unlisted file"),
        pytest.param("/nowhere", "public, max-age=60", id="a path of no rule"),
        pytest.param("/any/../secret.txt", "public, max-age=60", id="a path that is not normal"),
        pytest.param("/any/%zz", "no-store", id="a malformed path"),
    ],
)
def test_cache_control_without_a_file(edge: Edge, path: str, expected: str) -> None:
    assert expected == edge.get(path)["cache-control"]


@pytest.mark.parametrize("folder", sites.FOLDERS)
def test_a_refused_preflight_is_not_stored(edge: Edge, folder: str) -> None:
    fields = (("Origin", sites.STRANGER), ("Access-Control-Request-Method", "DELETE"))
    response = edge.ask("OPTIONS", f"/{folder}/app.js", *fields)
    assert (response.status, response["cache-control"]) == (403, "no-store")


# What decides a stored answer: the coding where there are codings, the origin where it is looked at, and on 412
# and 416, which are fresh as long as the file is, the fields that led there.
VARY = {
    "a file with content codings": {"accept-encoding"},
    "a coded file": {"accept-encoding"},
    "HEAD": {"accept-encoding"},
    "a range": {"accept-encoding"},
    "a range of a coded file": {"accept-encoding"},
    "not modified": {"accept-encoding"},
    "not modified, HEAD": {"accept-encoding"},
    "nothing acceptable": {"accept-encoding"},
    "nothing acceptable without codings": {"accept-encoding"},
    # If-Unmodified-Since counts where If-Match is absent (§13.2.2), so one without the other says too little.
    "If-Match": {"accept-encoding", "if-match", "if-unmodified-since"},
    "If-Match of HEAD": {"accept-encoding", "if-match", "if-unmodified-since"},
    "an unsatisfiable range": {"accept-encoding", "range", "if-range"},
}


@EVERY_SCENE
@pytest.mark.parametrize("folder", ["any/1.0.0", "fresh", "none", "partners", "accounts"])
def test_vary(edge: Edge, folder: str, scene: Scene) -> None:
    """RFC 9110 §12.5.5; OPTIONS may name more, and is never stored."""
    expected = VARY.get(scene.story, set()) | ({"origin"} if folder in sites.LISTED else set())
    for origin in (sites.ORIGIN, sites.STRANGER, "null", None):
        listed = scene.play(edge, folder, *([] if origin is None else [("Origin", origin)])).members("vary")
        assert expected <= listed if scene.method == "OPTIONS" else expected == listed


def test_vary_of_a_412_by_date(edge: Edge) -> None:
    """With an If-Match beside it, the same date would not have been looked at."""
    response = edge.get("/any/1.0.0/app.js", ("If-Unmodified-Since", "Thu, 01 Jan 1970 00:00:00 GMT"))
    assert response.status == 412
    assert response.members("vary") == {"accept-encoding", "if-match", "if-unmodified-since"}


@pytest.mark.parametrize("folder", sites.FOLDERS)
def test_last_modified_only_where_it_is_reproducible(edge: Edge, folder: str) -> None:
    """An immutable file's date is in the lock; that of a copy on a disk differs between replicas."""
    expected = sites.MODIFIED_DATE if folder in sites.IMMUTABLE else None
    for name in ("app.js", "tiny.txt", "empty.css"):
        for method in ("GET", "HEAD"):
            assert expected == edge.ask(method, f"/{folder}/{name}").get("last-modified")
    for coding in ("gzip", "br", "zstd"):
        assert expected == edge.get(f"/{folder}/app.js", ("Accept-Encoding", coding)).get("last-modified")
    assert expected == edge.get(f"/{folder}/app.js", ("Range", "bytes=0-1")).get("last-modified")


@EVERY_SCENE
def test_errors_have_no_validators_of_their_own(edge: Edge, scene: Scene) -> None:
    """RFC 9110 §8.8: a Last-Modified or ETag on an error would be that of the error's text."""
    response = scene.play(edge, "any/1.0.0")
    if response.status in (204, 400, 404, 405, 406):
        assert response.get("etag") is None
    if response.status >= 400 or response.status == 204:
        assert response.get("last-modified") is None
        assert response.get("repr-digest") is None


def _digest(content: bytes) -> str:
    return f"sha-256=:{base64.b64encode(hashlib.sha256(content).digest()).decode()}:"


@pytest.mark.parametrize("name", ["app.js", "tiny.txt", "empty.css"])
@pytest.mark.parametrize("coding", ["", "gzip", "br", "zstd"])
def test_digests_where_a_rule_wants_them(edge: Edge, site: Site, name: str, coding: str) -> None:
    """RFC 9530 §3: of the selected, so coded, representation; also on HEAD and on a part. Unencoded: without coding."""
    path, accept = f"/{sites.DIGESTED}/{name}", ("Accept-Encoding", coding)
    full = edge.get(path, accept)
    unencoded = _digest(site.files[path[1:]]) if full.get("content-encoding") else None
    for answer in _contents(edge, path, accept):
        assert _digest(full.body) == answer["repr-digest"]
        assert unencoded == answer.get("unencoded-digest")


@pytest.mark.parametrize("folder", sites.FOLDERS)
@pytest.mark.parametrize("coding", ["", "gzip", "br", "zstd"])
def test_no_digests_where_no_rule_wants_them(edge: Edge, folder: str, coding: str) -> None:
    """Chromium compares Unencoded-Digest with whatever content it keeps: of HEAD and opaque responses, none."""
    for answer in _contents(edge, f"/{folder}/app.js", ("Accept-Encoding", coding)):
        assert not [name for name, _ in answer.fields if name.endswith("digest")]


def _contents(edge: Edge, path: str, accept: tuple[str, str]) -> list[Response]:
    full = edge.get(path, accept)
    part = [edge.get(path, accept, ("Range", "bytes=0-1"))] if full.body else []
    return [full, edge.ask("HEAD", path, accept), *part]


@pytest.mark.parametrize("folder", ["any/1.0.0", "fresh", "partners"])
def test_answers_are_the_same_every_time(edge: Edge, folder: str) -> None:
    for name in ("app.js", "tiny.txt", "absent.js"):
        first, second = (edge.get(f"/{folder}/{name}", ("Accept-Encoding", "br")) for _ in range(2))
        assert first.comparable() == second.comparable()


@pytest.mark.parametrize("folder", sites.FOLDERS)
def test_no_transform_guards_what_integrity_was_promised_of(edge: Edge, folder: str) -> None:
    """RFC 9111 §5.2.2.6."""
    control = re.split(r",\s*", edge.get(f"/{folder}/app.js")["cache-control"])
    assert ("no-transform" in control) == (folder in sites.IMMUTABLE)
    assert ("immutable" in control) == (folder in sites.IMMUTABLE)


@pytest.mark.parametrize("value", ["no-cache", "no-store", "max-age=0", "only-if-cached", "x" * 3000])
@pytest.mark.parametrize("name", ["Cache-Control", "Pragma"])
def test_request_directives_change_nothing(edge: Edge, name: str, value: str) -> None:
    """RFC 9111 §5.2.1: they speak to caches, not to the origin server."""
    plain, response = edge.get("/any/1.0.0/app.js"), edge.get("/any/1.0.0/app.js", (name, value))
    assert plain.comparable() == response.comparable()
