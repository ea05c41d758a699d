"""Which proxy stands before an address."""

from __future__ import annotations

import pytest

from cdnserve.libraries.registries.address import parse_address
from cdnserve.libraries.registries.proxies import is_excepted, proxy_for

P, Q = "http://p.example:3128", "http://q.example:3128"


@pytest.mark.parametrize(
    ("text", "environment", "configuration", "expected"),
    [
        pytest.param("https://a.example/", {}, {}, None, id="none is named"),
        pytest.param("https://a.example/", {"HTTPS_PROXY": P}, {}, P, id="HTTPS_PROXY"),
        pytest.param("https://a.example/", {"https_proxy": P, "HTTPS_PROXY": Q}, {}, P, id="lower case is stronger"),
        pytest.param("https://a.example/", {"HTTP_PROXY": P}, {}, None, id="HTTP_PROXY is not for https"),
        pytest.param("http://a.example/", {"HTTP_PROXY": P}, {}, P, id="HTTP_PROXY is for http"),
        pytest.param("https://a.example/", {"ALL_PROXY": P}, {}, P, id="ALL_PROXY"),
        pytest.param("https://a.example/", {"HTTPS_PROXY": P}, {"https-proxy": Q}, Q, id="npm's own is stronger"),
        pytest.param("https://a.example/", {}, {"proxy": Q}, Q, id="npm's proxy serves https too"),
        pytest.param("https://a.example/", {"HTTPS_PROXY": P}, {"https-proxy": "null"}, P, id="npm's null is none"),
        pytest.param("https://a.example/", {"HTTPS_PROXY": P, "NO_PROXY": ".example"}, {}, None, id="NO_PROXY"),
        pytest.param("https://a.example/", {"HTTPS_PROXY": P}, {"noproxy": "a.example"}, None, id="npm's noproxy"),
        pytest.param("http://127.0.0.1:1/", {"HTTP_PROXY": P}, {}, None, id="loopback never"),
    ],
)
def test_proxy_for(text: str, environment: dict[str, str], configuration: dict[str, str], expected: str | None) -> None:
    assert expected == proxy_for(parse_address(text), environment, configuration)


@pytest.mark.parametrize(
    ("exceptions", "expected"),
    [
        pytest.param("", False, id="nothing"),
        pytest.param("*", True, id="everything"),
        pytest.param("b.a.example", True, id="the host"),
        pytest.param("a.example", True, id="the domain above"),
        pytest.param(".a.example", True, id="a leading dot"),
        pytest.param("*.a.example", True, id="a leading star"),
        pytest.param("A.EXAMPLE", True, id="capitals"),
        pytest.param("x.example, a.example", True, id="a list with commas"),
        pytest.param("x.example a.example", True, id="a list with spaces"),
        pytest.param("a.example:8443", True, id="the right port"),
        pytest.param("a.example:443", False, id="another port"),
        pytest.param("example.a", False, id="another host"),
        pytest.param("ba.example", False, id="a name that only ends alike"),
    ],
)
def test_is_excepted(exceptions: str, expected: bool) -> None:
    assert expected == is_excepted(parse_address("https://b.a.example:8443/"), exceptions)
