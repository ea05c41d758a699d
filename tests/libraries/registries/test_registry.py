"""Where a registry is, and what may be said to it."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest

from cdnserve.errors import ConfigurationError
from cdnserve.libraries.registries.address import parse_address
from cdnserve.libraries.registries.registry import Registry, find_registry
from cdnserve.libraries.spec import Spec
from tests.libraries.registry import settings_for

PLAIN, SCOPED = Spec("jquery", "3.7.1"), Spec("@s/x", "1.0.0")
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
    spec: Spec,
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
    for place in ("--registry", "CDNSERVE_REGISTRY", "npm_config_registry", ".npmrc", "npm itself"):
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
