"""Field names: which headers scripts can send and read (Fetch §2.2.2)."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from cdnserve.errors import Problem
from cdnserve.manifest.field_names import request_header_problems, response_header_problems

Check = Callable[[str], Iterator[Problem]]

FORBIDDEN_REQUEST_HEADERS = """
    Accept-Charset Accept-Encoding Access-Control-Request-Headers Access-Control-Request-Method Connection
    Content-Length Cookie Cookie2 Date DNT Expect Host Keep-Alive Origin Referer Set-Cookie TE Trailer
    Transfer-Encoding Upgrade Via Proxy-Authorization Proxy- Sec-Fetch-Mode Sec- sEc-X
    Access-Control-Request-Private-Network
""".split()  # noqa: SIM905 - as the standard lists them


@pytest.mark.parametrize("name", FORBIDDEN_REQUEST_HEADERS)
def test_no_script_can_send_a_forbidden_request_header(name: str) -> None:
    assert ["header-forbidden"] == [problem.reference for problem in request_header_problems(name)]


@pytest.mark.parametrize("name", ["Set-Cookie", "set-cookie2"])
def test_no_script_can_read_a_forbidden_response_header(name: str) -> None:
    assert ["header-forbidden"] == [problem.reference for problem in response_header_problems(name)]


@pytest.mark.parametrize("check", [request_header_problems, response_header_problems])
@pytest.mark.parametrize("name", ["", "A B", "X-Custom:", "X-Ü", "a,b", "a\n"])
def test_a_name_is_a_token(check: Check, name: str) -> None:
    assert ["header-invalid"] == [problem.reference for problem in check(name)]


@pytest.mark.parametrize(
    ("check", "name"),
    [
        pytest.param(request_header_problems, "Access-Control-Allow-Origin", id="a response header in requests"),
        pytest.param(request_header_problems, "access-control-max-age", id="a preflight's answer in requests"),
        pytest.param(response_header_problems, "Origin", id="a request header in responses"),
        pytest.param(
            response_header_problems, "Access-Control-Request-Method", id="a preflight's question in responses"
        ),
        pytest.param(response_header_problems, "Access-Control-Allow-Methods", id="a preflight's answer in responses"),
    ],
)
def test_a_header_that_is_never_there_is_prohibited(check: Check, name: str) -> None:
    assert ["header-prohibited"] == [problem.reference for problem in check(name)]


@pytest.mark.parametrize(
    "name", ["X-Requested-With", "Authorization", "Content-Type", "Range", "*", "Secret", "proxy", "Accept"]
)
def test_a_request_header_is_accepted(name: str) -> None:
    assert [] == list(request_header_problems(name))


@pytest.mark.parametrize("name", ["ETag", "Content-Length", "*", "Access-Control-Allow-Origin", "Server-Timing"])
def test_a_response_header_is_accepted(name: str) -> None:
    assert [] == list(response_header_problems(name))
