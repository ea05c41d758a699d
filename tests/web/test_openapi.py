"""The description of the API: a valid OpenAPI 3.1 document, and a page that needs no script."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from jsonschema import Draft202012Validator

from cdnserve.origin.message import Request
from cdnserve.web.api import OPERATIONS
from cdnserve.web.message import WebContent, WebRequest
from cdnserve.web.openapi import PROBLEMS, describe
from cdnserve.web.view import CatalogView
from tests.web.asking import Asker, links
from tests.web.test_api import told

_FIRST = {one.path.partition("/")[0] for one in OPERATIONS}


def described(path: str, view: CatalogView) -> WebContent:
    content = describe(WebRequest(path, (), Request("GET", b"")), view)
    assert content is not None
    return content


@pytest.fixture(scope="session")
def document(view: CatalogView) -> Any:
    return msgspec.json.decode(described("api/v1/openapi.json", view).body)


def test_every_operation_is_in_the_document(document: Any) -> None:
    assert ("3.1.0", "Acme library CDN: API") == (document["openapi"], document["info"]["title"])
    assert [f"/{one.path}" for one in OPERATIONS] == list(document["paths"])
    for path, methods in document["paths"].items():
        assert ["get"] == list(methods)
        in_path = [one["name"] for one in methods["get"]["parameters"] if one["in"] == "path"]
        assert all(f"{{{name}}}" in path for name in in_path)


@pytest.mark.parametrize(
    ("path", "target"),
    [
        ("/libraries", "libraries"),
        ("/libraries/{name}/{version}", "libraries/greet/1.1.0"),
        ("/files/{path}", "files/npm/greet@1.0.0/dist/greet.js"),
        ("/explain", "explain?path=shown/shown.js&origin=https://a.example"),
        ("/releases", "releases"),
    ],
)
def test_answers_are_of_the_types_in_the_document(view: CatalogView, document: Any, path: str, target: str) -> None:
    schema = document["paths"][path]["get"]["responses"]["200"]["content"]["application/json"]["schema"]
    validator = Draft202012Validator({**schema, "components": document["components"]})
    assert [] == list(validator.iter_errors(told(view, target)))


def test_the_page_names_operations_and_problems_and_its_examples_have_answers(asker: Asker) -> None:
    html = asker.page("/-/api/v1/")
    assert all(f"/-/api/v1/{one.path}" in html for one in OPERATIONS)
    assert all(f'id="{name}"' in html for name in PROBLEMS)
    assert "`" not in html
    examples = [link for link in links(html) if link.partition("/")[0].partition("?")[0] in _FIRST]
    assert len(OPERATIONS) - 1 == len(examples)
    for example in examples:
        reply = asker.ask(f"/-/api/v1/{example}")
        assert reply is not None
        assert (example, 200) == (example, reply.status)


def test_the_page_is_no_answer_for_scripts_of_others(asker: Asker) -> None:
    reply = asker.ask("/-/api/v1/")
    assert reply is not None
    assert reply.header(b"access-control-allow-origin") is None
    assert [b"same-origin"] == [value for name, value in reply.headers if name == b"cross-origin-resource-policy"]
    assert b"unsafe" not in (reply.header(b"content-security-policy") or b"")


def test_without_its_slash_it_leads_there(view: CatalogView) -> None:
    assert (302, ((b"location", b"v1/"),)) == (described("api/v1", view).status, described("api/v1", view).headers)
    assert describe(WebRequest("api/v1/libraries", (), Request("GET", b"")), view) is None
