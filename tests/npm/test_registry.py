"""Addresses."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cdnserve.errors import ConfigurationError
from cdnserve.npm.registry import Registry, find_registry, parse_address
from cdnserve.npm.spec import PinnedPackage
from tests.npm.registry import settings_for


@pytest.mark.parametrize(
    ("text", "expected", "origin"),
    [
        pytest.param("https://a.example", "https://a.example/", ("https", "a.example", 443), id="no path"),
        pytest.param("HTTPS://A.Example:443/x", "https://a.example/x", ("https", "a.example", 443), id="its own port"),
        pytest.param(
            "http://a.example:4873/", "http://a.example:4873/", ("http", "a.example", 4873), id="another port"
        ),
        pytest.param(
            "https://a.example/b/../c", "https://a.example/c", ("https", "a.example", 443), id="a dot segment"
        ),
        pytest.param("https://a.example/x?y=1", "https://a.example/x?y=1", ("https", "a.example", 443), id="a query"),
        pytest.param("https://@a.example/", "https://a.example/", ("https", "a.example", 443), id="an empty user goes"),
        pytest.param("https://[::1]/x", "https://[::1]/x", ("https", "[::1]", 443), id="an IPv6 address"),
        pytest.param("https://a.example/@s%2fn", "https://a.example/@s%2Fn", ("https", "a.example", 443), id="%2f"),
    ],
)
def test_an_address_is_read(text: str, expected: str, origin: tuple[str, str, int]) -> None:
    address = parse_address(text)
    assert (expected, origin) == (str(address), address.origin)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="nothing"),
        pytest.param("a.example", id="no scheme"),
        pytest.param("//a.example/", id="no scheme but slashes"),
        pytest.param("https:///x", id="no host"),
        pytest.param("https:x", id="no authority"),
        pytest.param("file:///etc/passwd", id="a file"),
        pytest.param("ftp://a.example/", id="another scheme"),
        pytest.param("https://u:p@a.example/", id="a user and password"),
        pytest.param("https://a.example\\@b.example/", id="a backslash"),
        pytest.param("https://a.example/ x", id="a space"),
        pytest.param("https://a.example/\r\nHost: b", id="a line end"),
        pytest.param("https://ä.example/", id="a letter beyond ASCII"),
        pytest.param("https://a.example:99999/", id="an impossible port"),
        pytest.param("https://a.example:x/", id="a port that is no number"),
        pytest.param("https://[::1/", id="an open bracket"),
    ],
)
def test_what_is_no_address_is_refused_without_repeating_it(text: str) -> None:
    with pytest.raises(ValueError, match=r"^(it |only )") as raised:
        parse_address(text)
    assert not text or text not in str(raised.value)


@pytest.mark.parametrize(
    ("text", "is_loopback", "is_private"),
    [
        pytest.param("http://127.0.0.1:80/", True, True, id="loopback"),
        pytest.param("http://127.9.9.9/", True, True, id="all of 127"),
        pytest.param("http://[::1]/", True, True, id="loopback of IPv6"),
        pytest.param("http://localhost/", True, True, id="localhost"),
        pytest.param("http://localhost.a.example/", False, False, id="a name that begins so"),
        pytest.param("http://127.0.0.1.a.example/", False, False, id="a name that looks so"),
        pytest.param("http://10.0.0.1/", False, False, id="a local network"),
        pytest.param("https://a.example/", False, True, id="https"),
    ],
)
def test_who_can_read_along(text: str, is_loopback: bool, is_private: bool) -> None:
    address = parse_address(text)
    assert (is_loopback, is_private) == (address.is_loopback, address.is_private)


@pytest.mark.parametrize(
    ("reference", "expected"),
    [
        pytest.param("/x", "https://a.example/x", id="a path"),
        pytest.param("x", "https://a.example/b/x", id="a relative path"),
        pytest.param("//b.example/x", "https://b.example/x", id="a host"),
        pytest.param("http://b.example/x", "http://b.example/x", id="an address"),
        pytest.param("?y", "https://a.example/b/c?y", id="a query"),
    ],
)
def test_a_reference_is_joined(reference: str, expected: str) -> None:
    assert expected == str(parse_address("https://a.example/b/c?z").join(reference))


def test_a_query_is_not_shown_since_it_may_hold_a_signature() -> None:
    assert "https://a.example/x" == parse_address("https://a.example/x?signature=secret").shown


@given(st.text(max_size=60) | st.from_regex(r"https?://[a-z0-9.@:\[\]/\\?#%-]{0,30}"))
def test_what_is_read_once_is_read_the_same_again(text: str) -> None:
    try:
        address = parse_address(text)
    except ValueError:
        return
    assert address == parse_address(str(address))


PLAIN, SCOPED = PinnedPackage("jquery", "3.7.1"), PinnedPackage("@s/x", "1.0.0")
NPM = {"registry": "https://npm.example/", "@s:registry": "https://scope.example/"}


def _registry(url: str, **configuration: str) -> Registry:
    return Registry(parse_address(url), configuration)


@pytest.mark.parametrize(
    ("spec", "option", "variable", "configuration", "npm", "expected"),
    [
        pytest.param(PLAIN, "https://o.example/", "https://v.example/", NPM, {}, "https://o.example/", id="the option"),
        pytest.param(PLAIN, "", "https://v.example/", NPM, {}, "https://v.example/", id="then CDNSERVE_REGISTRY"),
        pytest.param(PLAIN, "", "", NPM, {}, "https://npm.example/", id="then npm's configuration"),
        pytest.param(PLAIN, "", "", {}, NPM, "https://npm.example/", id="then npm itself"),
        pytest.param(
            SCOPED, "https://o.example/", "", NPM, {}, "https://scope.example/", id="a scope's own before all"
        ),
        pytest.param(SCOPED, "", "", {}, NPM, "https://scope.example/", id="a scope's own, says npm"),
        pytest.param(SCOPED, "https://o.example/", "", {}, NPM, "https://o.example/", id="npm is asked last"),
        pytest.param(SCOPED, "", "", {"registry": "https://npm.example/"}, {}, "https://npm.example/", id="no own one"),
        pytest.param(PLAIN, "https://o.example/a/b", "", {}, {}, "https://o.example/a/b/", id="a slash is added"),
    ],
)
def test_a_registry_is_found(
    tmp_path: Path,
    spec: PinnedPackage,
    option: str,
    variable: str,
    configuration: dict[str, str],
    npm: dict[str, str],
    expected: str,
) -> None:
    settings = settings_for(tmp_path, option, {"CDNSERVE_REGISTRY": variable})
    found = find_registry(spec.name, settings, configuration, lambda key: npm.get(key, ""))
    assert expected == str(found.address)


def test_without_any_a_problem_names_all_the_places(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError) as raised:
        find_registry(PLAIN.name, settings_for(tmp_path), {}, lambda key: "")
    (problem,) = raised.value.problems
    assert "registry-unknown" == problem.reference
    for place in ("--registry", "CDNSERVE_REGISTRY", "npm_config_registry", ".npmrc", "install npm"):
        assert place in problem.hint


@pytest.mark.parametrize(
    "said",
    [
        pytest.param("npm.example", id="no scheme"),
        pytest.param("file:///srv/npm/", id="a file"),
        pytest.param("https://user:secret@npm.example/", id="a password in it"),
        pytest.param("https://npm.example/?secret", id="a query"),
        pytest.param("https://npm.example/\nsecret", id="a line end"),
    ],
)
def test_a_wrong_address_is_refused_and_not_repeated(tmp_path: Path, said: str) -> None:
    with pytest.raises(ConfigurationError) as raised:
        find_registry(PLAIN.name, settings_for(tmp_path, said), {}, lambda key: "")
    assert ["registry-address"] == [problem.reference for problem in raised.value.problems]
    assert "secret" not in str(raised.value)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        pytest.param("jquery", "https://npm.example/r/jquery", id="a plain name"),
        pytest.param("@s/x", "https://npm.example/r/@s%2Fx", id="a scoped name is one segment"),
    ],
)
def test_the_document_lies_below_the_registry(name: str, expected: str) -> None:
    assert expected == str(_registry("https://npm.example/r/").document(name))


@pytest.mark.parametrize(
    ("registry", "said", "expected"),
    [
        pytest.param(
            "https://npm.example/r/",
            "https://npm.example/files/x.tgz",
            ["https://npm.example/files/x.tgz"],
            id="our registry's own address is taken as it is",
        ),
        pytest.param(
            "https://npm.example/r/",
            "https://far.example/@s/x/-/x-1.0.0.tgz",
            ["https://npm.example/r/@s/x/-/x-1.0.0.tgz", "https://far.example/@s/x/-/x-1.0.0.tgz"],
            id="another host comes second",
        ),
        pytest.param(
            "https://npm.example/",
            "http://npm.example/@s/x/-/x-1.0.0.tgz",
            ["https://npm.example/@s/x/-/x-1.0.0.tgz"],
            id="never from https to http",
        ),
        pytest.param(
            "http://npm.example/",
            "https://npm.example/@s/x/-/x-1.0.0.tgz",
            ["http://npm.example/@s/x/-/x-1.0.0.tgz", "https://npm.example/@s/x/-/x-1.0.0.tgz"],
            id="from http to https",
        ),
    ],
)
def test_where_a_tarball_is_looked_for(registry: str, said: str, expected: list[str]) -> None:
    assert expected == [str(address) for address in _registry(registry).tarballs(SCOPED, said)]


@pytest.mark.parametrize(
    "said",
    [
        pytest.param("file:///etc/passwd", id="a file"),
        pytest.param("/x.tgz", id="a path"),
        pytest.param("data:application/gzip;base64,AAAA", id="data"),
        pytest.param("https://u:p@npm.example/x.tgz", id="a password"),
        pytest.param("", id="nothing"),
    ],
)
def test_a_tarball_elsewhere_than_on_the_web_is_refused(said: str) -> None:
    with pytest.raises(ValueError, match=r"^(it|only) "):
        _registry("https://npm.example/").tarballs(PLAIN, said)


TOKENS = {
    "//npm.example/:_authToken": "root",
    "//npm.example/team/:_authToken": "team",
    "//npm.example/team/sub:_authToken": "sub",
    "//npm.example:8443/:_authToken": "port",
    "//other.example/:_authToken": "other",
    "_authToken": "unbound",
}


@pytest.mark.parametrize(
    ("registry", "address", "expected"),
    [
        pytest.param("https://npm.example/", "https://npm.example/jquery", "Bearer root", id="the registry"),
        pytest.param("https://npm.example/", "https://npm.example/team/x", "Bearer team", id="the longest path"),
        pytest.param(
            "https://npm.example/", "https://npm.example/team/sub/x", "Bearer sub", id="a key without a slash"
        ),
        pytest.param(
            "https://npm.example/", "https://npm.example/team/subway", "Bearer team", id="whole segments only"
        ),
        pytest.param("https://npm.example/", "https://npm.example/teams", "Bearer root", id="not a longer name"),
        pytest.param("https://npm.example:8443/", "https://npm.example:8443/x", "Bearer port", id="a port of its own"),
        pytest.param("https://npm.example/", "https://npm.example:8443/x", None, id="not another port"),
        pytest.param("https://npm.example/", "https://other.example/x", None, id="not another host"),
        pytest.param("https://npm.example/", "https://npm.example.other.example/x", None, id="not a longer host"),
        pytest.param("https://npm.example/", "http://npm.example/x", None, id="not another scheme"),
        pytest.param("http://npm.example/", "http://npm.example/x", None, id="never without encryption"),
    ],
)
def test_a_token_goes_only_where_it_belongs(registry: str, address: str, expected: str | None) -> None:
    assert expected == Registry(parse_address(registry), TOKENS).authorization(parse_address(address))


def test_a_token_goes_to_this_machine_without_encryption() -> None:
    registry = Registry(parse_address("http://127.0.0.1:4873/"), {"//127.0.0.1:4873/:_authToken": "mine"})
    assert "Bearer mine" == registry.authorization(registry.address)


@pytest.mark.parametrize(
    ("configuration", "expected"),
    [
        pytest.param({"_auth": "dTpw"}, "Basic dTpw", id="_auth"),
        pytest.param({"username": "u", "_password": "cA=="}, "Basic dTpw", id="user and password"),
        pytest.param({"username": "ü", "_password": "cA=="}, "Basic w7w6cA==", id="a user beyond ASCII"),
        pytest.param({"_authToken": "t", "_auth": "dTpw"}, "Bearer t", id="a token is stronger"),
        pytest.param({"username": "u"}, None, id="a user without a password"),
        pytest.param({"_password": "cA=="}, None, id="a password without a user"),
        pytest.param({}, None, id="nothing"),
    ],
)
def test_the_forms_of_credentials(configuration: dict[str, str], expected: str | None) -> None:
    keyed = {f"//npm.example/:{key}": value for key, value in configuration.items()}
    registry = Registry(parse_address("https://npm.example/"), keyed)
    assert expected == registry.authorization(registry.address)


@pytest.mark.parametrize(
    ("key", "secret"),
    [
        pytest.param("_authToken", "${UNSET_SECRET}", id="a variable that is not set"),
        pytest.param("_authToken", "se\ncret: x", id="a line end"),
        pytest.param("_authToken", "sécret", id="a letter beyond ASCII"),
        pytest.param("_auth", "se cret", id="a space"),
    ],
)
def test_credentials_that_cannot_be_sent_are_refused_and_not_repeated(key: str, secret: str) -> None:
    registry = Registry(parse_address("https://npm.example/"), {f"//npm.example/:{key}": secret})
    with pytest.raises(ConfigurationError) as raised:
        registry.authorization(registry.address)
    assert ["registry-credentials"] == [problem.reference for problem in raised.value.problems]
    assert secret not in str(raised.value)


def test_a_password_that_is_not_base64_is_refused_and_not_repeated() -> None:
    keyed = {"//npm.example/:username": "u", "//npm.example/:_password": "p*"}
    registry = Registry(parse_address("https://npm.example/"), keyed)
    with pytest.raises(ConfigurationError) as raised:
        registry.authorization(registry.address)
    assert "p*" not in str(raised.value)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        pytest.param("http://npm.example/", True, id="plain http"),
        pytest.param("https://npm.example/", False, id="https"),
        pytest.param("http://other.example/", False, id="no credentials"),
    ],
)
def test_credentials_that_are_withheld_are_known(url: str, expected: bool) -> None:
    registry = Registry(parse_address(url), {"//npm.example/:_authToken": "${UNSET}"})
    assert expected == registry.withholds


def test_no_secret_is_in_the_representation() -> None:
    password = base64.b64encode(b"secret").decode()
    registry = Registry(parse_address("https://npm.example/"), {"//npm.example/:_password": password})
    assert password not in repr(registry)
