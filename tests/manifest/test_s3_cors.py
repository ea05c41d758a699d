"""The forms of a store's CORS configuration, and everything else refused."""

from __future__ import annotations

import fnmatch
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cdnserve.errors import ConfigurationError
from cdnserve.manifest.s3_cors import LARGEST, StoreRule, covers, parse_configuration, read_configuration

RULE = """{"ID": "web", "AllowedOrigins": ["https://a.example"], "AllowedMethods": ["GET", "PUT"],
  "AllowedHeaders": ["*"], "ExposeHeaders": ["ETag"], "MaxAgeSeconds": 3000}"""
R2 = """{"id": "web", "exposeHeaders": ["ETag"], "maxAgeSeconds": 3000,
  "allowed": {"origins": ["https://a.example"], "methods": ["GET", "PUT"], "headers": ["*"]}}"""
CAMEL = """{"id": "web", "allowedOrigins": ["https://a.example"], "allowedMethods": ["GET", "PUT"],
  "allowedHeaders": ["*"], "exposeHeaders": ["ETag"], "maxAgeSeconds": 3000}"""
SNAKE = """{"id": "web", "allowed_origins": ["https://a.example"], "allowed_methods": ["GET", "PUT"],
  "allowed_headers": ["*"], "expose_headers": ["ETag"], "max_age_seconds": 3000}"""
XML = """<CORSRule><ID>web</ID><AllowedOrigin>https://a.example</AllowedOrigin><AllowedMethod>GET</AllowedMethod>
  <AllowedMethod>PUT</AllowedMethod><AllowedHeader>*</AllowedHeader><ExposeHeader>ETag</ExposeHeader>
  <MaxAgeSeconds> 3000 </MaxAgeSeconds></CORSRule>"""
EXPECTED = StoreRule(1, "web", ("https://a.example",), ("GET", "PUT"), ("*",), ("ETag",), 3000)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(f"[{RULE}]", id="as the console has it"),
        pytest.param(f'{{"CORSRules": [{RULE}]}}', id="as the API has it"),
        pytest.param(f'{{"CORSConfiguration": {{"CORSRules": [{RULE}]}}}}', id="as a request has it"),
        pytest.param(
            f'{{"ResponseMetadata": {{"HTTPStatusCode": 200}}, "CORSRules": [{RULE}]}}', id="as boto3 answers"
        ),
        pytest.param(f'{{"$metadata": {{}}, "CORSRules": [{RULE}]}}', id="as the SDK for JavaScript answers"),
        pytest.param(
            f'{{"Bucket": "b", "ExpectedBucketOwner": "1", "CORSConfiguration": {{"CORSRules": [{RULE}]}}}}',
            id="as an SDK's parameters",
        ),
        pytest.param(f"[{CAMEL}]", id="as an SDK in camel case"),
        pytest.param(f'{{"cors": [{CAMEL.replace("exposeH", "exposedH").replace("Seconds", "")}]}}', id="as the CDK"),
        pytest.param(
            f'{{"CorsConfiguration": {{"CorsRules": [{RULE.replace("Expose", "Exposed").replace("Seconds", "")}]}}}}',
            id="as a template of CloudFormation",
        ),
        pytest.param(f"[{SNAKE}]", id="as Terraform"),
        pytest.param(
            f"<CorsConfiguration>{XML.replace('CORSRule', 'CorsRule').replace('ID>', 'Id>')}</CorsConfiguration>",
            id="XML in another case",
        ),
        pytest.param(f'{{"rules": [{R2}]}}', id="as R2's API and its command line have it"),
        pytest.param(f'{{"rules": [{RULE}]}}', id="R2's list with S3's names"),
        pytest.param(f"<CORSConfiguration>{XML}</CORSConfiguration>", id="XML"),
        pytest.param(f'<CORSConfiguration xmlns="http://s3.example/doc/">{XML}</CORSConfiguration>', id="namespace"),
        pytest.param(
            f'<s:CORSConfiguration xmlns:s="http://s3.example/">{XML.replace("<", "<s:").replace("<s:/", "</s:")}'
            "</s:CORSConfiguration>",
            id="a prefix",
        ),
        pytest.param(
            f'\ufeff<?xml version="1.0" encoding="UTF-8"?>\n<!-- x -->\n<CORSConfiguration>{XML}</CORSConfiguration>',
            id="a declaration and a byte order mark",
        ),
    ],
)
def test_every_form_gives_the_same_rule(text: str) -> None:
    assert (EXPECTED,) == parse_configuration(text.encode())


def test_a_rule_needs_no_more_than_origin_and_method() -> None:
    least = b'[{"AllowedOrigins": ["*"], "AllowedMethods": ["GET"], "ID": null}]'
    assert (StoreRule(1, "", ("*",), ("GET",)),) == parse_configuration(least)


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        pytest.param(b"", "store-cors-foreign", id="nothing"),
        pytest.param(b"{}", "store-cors-foreign", id="an object without rules"),
        pytest.param(b"[1]", "store-cors-foreign", id="a rule that is no object"),
        pytest.param(b'{"rules": 1}', "store-cors-foreign", id="rules that are no list"),
        pytest.param(b'{"rules": [1]}', "store-cors-foreign", id="a rule of R2 that is no object"),
        pytest.param(
            b'{"rules": [{"allowed": {"origins": ["*"], "methods": ["GET"]}, "AllowedOrigins": ["*"]}]}',
            "store-cors-foreign",
            id="one thing in the names of both",
        ),
        pytest.param(
            b'{"rules": [{"allowed": {"origins": ["*"], "methods": ["GET"]}, "x": "y"}]}',
            "store-cors-unknown",
            id="an unknown key of R2",
        ),
        pytest.param(b'{"CORSRules": [], "x": 1}', "store-cors-foreign", id="something beside the rules"),
        pytest.param(b'{"CORSRules": [], "rules": []}', "store-cors-foreign", id="rules twice"),
        pytest.param(b'{"Bucket": "b"}', "store-cors-foreign", id="parameters without rules"),
        pytest.param(
            b'[{"AllowedOrigins": ["*"], "allowed_origins": ["https://a.example"], "AllowedMethods": ["GET"]}]',
            "store-cors-foreign",
            id="one thing in two spellings",
        ),
        pytest.param(b'[{"AllowedOrigins": "*"}]', "store-cors-foreign", id="a text for a list"),
        pytest.param(b'[{"AllowedOrigins": [1]}]', "store-cors-foreign", id="a number for a text"),
        pytest.param(b'[{"ID": "a", "ID": "b"}]', "store-cors-foreign", id="a key that comes twice"),
        pytest.param(b"[" * 100_000, "store-cors-foreign", id="lists without end"),
        pytest.param(b"\xff", "store-cors-foreign", id="not UTF-8"),
        pytest.param(b" " * (LARGEST + 1), "store-cors-foreign", id="too large"),
        pytest.param(b"<a/>", "store-cors-foreign", id="another document"),
        pytest.param(b"<CORSConfiguration><a/></CORSConfiguration>", "store-cors-foreign", id="another element"),
        pytest.param(b"<CORSConfiguration>", "store-cors-foreign", id="XML that ends too early"),
        pytest.param(b"<a>" * 99, "store-cors-foreign", id="deep XML"),
        pytest.param(
            b"<CORSConfiguration><CORSRule><ID><b/></ID></CORSRule></CORSConfiguration>",
            "store-cors-foreign",
            id="elements in a value",
        ),
        pytest.param(
            b'<!DOCTYPE a [<!ENTITY x "y">]><CORSConfiguration/>', "store-cors-foreign", id="an entity declared"
        ),
        pytest.param(
            b'<!DOCTYPE a SYSTEM "file:///etc/passwd"><CORSConfiguration/>', "store-cors-foreign", id="a document type"
        ),
        pytest.param(b"<CORSConfiguration>&x;</CORSConfiguration>", "store-cors-foreign", id="an entity used"),
        pytest.param(
            b'[{"AllowedOrigins": ["*"], "AllowedMethods": ["GET"], "AllowedOrigin": "x"}]',
            "store-cors-foreign",
            id="the element's name for the list's",
        ),
        pytest.param(
            b'[{"AllowedOrigins": ["*"], "AllowedMethods": ["GET"], "Condition": "x"}]',
            "store-cors-unknown",
            id="an unknown key",
        ),
        pytest.param(b'[{"AllowedMethods": ["GET"]}]', "store-cors-invalid", id="no origin"),
        pytest.param(b'[{"AllowedOrigins": ["*"]}]', "store-cors-invalid", id="no method"),
        pytest.param(
            b'[{"AllowedOrigins": ["*"], "AllowedMethods": ["get"]}]', "store-cors-invalid", id="an unknown method"
        ),
        pytest.param(
            b'[{"AllowedOrigins": ["*"], "AllowedMethods": ["GET"], "MaxAgeSeconds": -1}]',
            "store-cors-invalid",
            id="an age below zero",
        ),
        pytest.param(
            b'[{"AllowedOrigins": ["*"], "AllowedMethods": ["GET"], "MaxAgeSeconds": 1.5}]',
            "store-cors-invalid",
            id="an age with a fraction",
        ),
    ],
)
def test_what_is_refused(data: bytes, expected: str) -> None:
    with pytest.raises(ConfigurationError) as error:
        parse_configuration(data)
    assert [expected] == [problem.reference for problem in error.value.problems]


def test_every_problem_is_told(tmp_path: Path) -> None:
    file = tmp_path / "cors.json"
    file.write_text('[{"AllowedOrigins": ["*"], "AllowedMethods": ["X"]}, {"AllowedMethods": ["GET"], "Y": 1}]')
    with pytest.raises(ConfigurationError) as error:
        read_configuration(file)
    places = [(problem.reference, problem.where) for problem in error.value.problems]
    first, second = "cors.json: rule 1", "cors.json: rule 2"
    assert [("store-cors-invalid", first), ("store-cors-unknown", second), ("store-cors-invalid", second)] == places


@pytest.mark.parametrize("name", ["no.json", "."])
def test_a_file_that_can_not_be_read_is_told(tmp_path: Path, name: str) -> None:
    with pytest.raises(ConfigurationError) as error:
        read_configuration(tmp_path / name)
    assert ["store-cors-foreign"] == [problem.reference for problem in error.value.problems]


@given(st.binary() | st.binary().map(lambda more: b"<CORSConfiguration><CORSRule>" + more))
def test_any_octets_are_rules_or_problems(data: bytes) -> None:
    try:
        parse_configuration(data)
    except ConfigurationError as error:
        assert error.problems  # noqa: PT017 # either end is right


@given(st.text("ab*.", max_size=8), st.text("ab.", max_size=8))
def test_a_star_is_any_characters(pattern: str, text: str) -> None:
    assert covers(pattern, text) == (re.fullmatch(fnmatch.translate(pattern), text) is not None)


@pytest.mark.parametrize(
    ("patterns", "name", "expected"),
    [
        pytest.param(("*",), "ETag", True, id="all"),
        pytest.param(("x-amz-*",), "X-Amz-Meta", True, id="a pattern, whatever the case"),
        pytest.param(("ETag",), "etag", True, id="a name, whatever the case"),
        pytest.param(("x-amz-*",), "etag", False, id="another name"),
    ],
)
def test_request_headers(patterns: tuple[str, ...], name: str, expected: bool) -> None:
    assert expected is StoreRule(1, "", (), (), allow_headers=patterns).covers_header(name)


def test_exposed_headers_are_names_or_all() -> None:
    """Browsers know no patterns of response headers but `*`."""
    rule = StoreRule(1, "", (), (), expose_headers=("x-*", "ETag"))
    assert [False, True] == [rule.exposes(name) for name in ("x-a", "etag")]
    assert StoreRule(1, "", (), (), expose_headers=("*",)).exposes("x-a")
