"""What keeps a file from being more than a file: nosniff, sandbox and resource policy (Fetch, MIME Sniffing, CSP)."""

from __future__ import annotations

import pytest

from tests.contract import site as sites
from tests.contract.edges import Edge
from tests.contract.scenes import EVERY_SCENE, Scene

TYPES = {
    "app.js": "text/javascript; charset=utf-8",
    "tiny.txt": "text/plain; charset=utf-8",
    "style.css": "text/css; charset=utf-8",
    "empty.css": "text/css; charset=utf-8",
    "page.html": "text/html; charset=utf-8",
    "picture.svg": "image/svg+xml; charset=utf-8",
    "feed.xml": "text/xml; charset=utf-8",
    "page.xhtml": "application/xhtml+xml; charset=utf-8",
    "data.json": "application/json",
    "font.woff2": "font/woff2",
    "dot.png": "image/png",
}


@pytest.mark.parametrize(("name", "media_type"), [pytest.param(*row, id=row[0]) for row in TYPES.items()])
def test_the_media_type_is_exact(edge: Edge, name: str, media_type: str) -> None:
    """RFC 9110 §8.3, RFC 9239: what nosniff makes a browser rely on; on HEAD and parts, too."""
    path = f"/any/1.0.0/{name}"
    answers = [edge.get(path), edge.ask("HEAD", path)]
    answers += [edge.get(path, ("Range", "bytes=0-0"))] if name != "empty.css" else []
    assert {media_type} == {answer["content-type"] for answer in answers}


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        pytest.param("no-ending", "text/plain; charset=utf-8", id="none, and the octets are UTF-8"),
        pytest.param("UPPER.JS", "text/javascript; charset=utf-8", id="in capitals"),
    ],
)
def test_names_without_a_usual_ending_have_a_type(edge: Edge, name: str, expected: str) -> None:
    assert expected == edge.get(f"/any/odd/{name}")["content-type"]


@EVERY_SCENE
@pytest.mark.parametrize("folder", ["any/1.0.0", "partners", "none"])
def test_nosniff_is_with_all_content(edge: Edge, folder: str, scene: Scene) -> None:
    """The invariants hold every response against it, this one row says it aloud."""
    response = scene.play(edge, folder)
    expected = None if response.status in (204, 304) else "nosniff"
    assert expected == response.get("x-content-type-options")


# What a document looks like is in it, and nothing runs or loads.
SANDBOX = {"sandbox", "default-src 'none'", "style-src 'unsafe-inline'", "img-src data:", "font-src data:"}


def _directives(policy: str) -> set[str]:
    return {directive.strip() for directive in policy.split(";") if directive.strip()}


@pytest.mark.parametrize("name", sites.DOCUMENTS)
@pytest.mark.parametrize("fields", [(), (("Range", "bytes=0-9"),), (("Accept-Encoding", "br"),)])
def test_documents_are_sandboxed(edge: Edge, name: str, fields: tuple[tuple[str, str], ...]) -> None:
    """No page of a library runs scripts on the CDN's own origin, opened whole or in part."""
    for method in ("GET", "HEAD"):
        response = edge.ask(method, f"/any/1.0.0/{name}", *fields)
        assert response.status in (200, 206)
        assert SANDBOX == _directives(response["content-security-policy"])


@pytest.mark.parametrize("name", sites.DOCUMENTS)
def test_live_documents_are_pages(edge: Edge, name: str) -> None:
    assert edge.get(f"/live/{name}").get("content-security-policy") is None


@pytest.mark.parametrize("name", ["app.js", "tiny.txt", "style.css", "font.woff2", "data.json"])
def test_other_files_have_no_sandbox(edge: Edge, name: str) -> None:
    """A worker takes its policy from its script's response: a sandbox there would break it."""
    assert edge.get(f"/any/1.0.0/{name}").get("content-security-policy") is None


@EVERY_SCENE
def test_the_resource_policy_is_on_every_status(edge: Edge, scene: Scene) -> None:
    """Fetch, CORP: on 304 and errors as well, because a browser checks the response that it got."""
    for folder in sites.FOLDERS:
        expected = "same-origin" if folder in sites.NONE else "cross-origin"
        assert (folder, expected) == (folder, scene.play(edge, folder)["cross-origin-resource-policy"])


@EVERY_SCENE
def test_nothing_is_said_about_the_server(edge: Edge, scene: Scene) -> None:
    names = {name for name, _ in scene.play(edge, "any/1.0.0").fields}
    assert not names & {"server", "x-powered-by", "via", "set-cookie", "x-process-time"}
