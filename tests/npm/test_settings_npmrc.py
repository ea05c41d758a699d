"""npm's configuration, layer by layer."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cdnserve.errors import ConfigurationError
from cdnserve.npm.settings import NpmSettings, ask_npm, environment_layer, expand, parse_npmrc, read_configuration
from tests.npm.registry import settings_for


def _program(folder: Path, name: str, script: str) -> str:
    folder.mkdir(parents=True, exist_ok=True)
    program = folder / name
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    return f"{folder}{os.pathsep}/usr/bin{os.pathsep}/bin"


def _all_layers(tmp_path: Path, *, without: str = "") -> NpmSettings:
    """Write the same key into every layer but one and those above it."""
    settings = settings_for(tmp_path, "", {"npm_config_key": "environment", "PREFIX": str(tmp_path / "prefix")})
    global_folder = tmp_path / "prefix" / "etc"
    global_folder.mkdir(parents=True)
    (settings.directory / ".npmrc").write_text("key=project\n")
    (settings.home / ".npmrc").write_text("key=user\n")
    (global_folder / "npmrc").write_text("key=global\n")
    return settings


@pytest.mark.parametrize(
    ("absent", "expected"),
    [
        pytest.param((), "environment", id="the environment comes first"),
        pytest.param(("environment",), "project", id="then the project"),
        pytest.param(("environment", "project"), "user", id="then the user"),
        pytest.param(("environment", "project", "user"), "global", id="then what all users share"),
    ],
)
def test_layers_are_ranked_as_npm_does(tmp_path: Path, absent: tuple[str, ...], expected: str) -> None:
    settings = _all_layers(tmp_path)
    if "environment" in absent:
        settings = NpmSettings({"PREFIX": settings.environment["PREFIX"]}, settings.home, settings.directory)
    if "project" in absent:
        (settings.directory / ".npmrc").unlink()
    if "user" in absent:
        (settings.home / ".npmrc").unlink()
    assert expected == read_configuration(settings)["key"]


def test_nothing_configured_is_an_empty_mapping(tmp_path: Path) -> None:
    assert {} == read_configuration(settings_for(tmp_path))


@pytest.mark.parametrize(
    "marker", [pytest.param("package.json", id="a package"), pytest.param("node_modules", id="modules")]
)
def test_the_project_is_the_nearest_folder_that_is_one(tmp_path: Path, marker: str) -> None:
    settings = settings_for(tmp_path)
    inner = settings.directory / "a" / "b"
    inner.mkdir(parents=True)
    (settings.directory / ".npmrc").write_text("key=project\n")
    assert {} == read_configuration(NpmSettings({}, settings.home, inner))
    if marker == "package.json":
        (settings.directory / marker).write_text("{}")
    else:
        (settings.directory / marker).mkdir()
    assert {"key": "project"} == read_configuration(NpmSettings({}, settings.home, inner))


@pytest.mark.parametrize(
    "variable",
    [pytest.param("npm_config_userconfig", id="lower case"), pytest.param("NPM_CONFIG_USERCONFIG", id="upper")],
)
def test_the_users_file_may_lie_elsewhere(tmp_path: Path, variable: str) -> None:
    (tmp_path / "mine").write_text("key=${NAME}\n")
    settings = settings_for(tmp_path, "", {variable: str(tmp_path / "mine"), "NAME": "value"})
    (settings.home / ".npmrc").write_text("key=other\n")
    assert "value" == read_configuration(settings)["key"]


def test_the_file_of_all_users_may_lie_elsewhere(tmp_path: Path) -> None:
    settings = settings_for(tmp_path, "", {"npm_config_globalconfig": "~/shared"})
    (settings.home / "shared").write_text("key=shared\n")
    assert "shared" == read_configuration(settings)["key"]


def test_the_file_of_all_users_lies_beside_node(tmp_path: Path) -> None:
    path = _program(tmp_path / "node" / "bin", "node", "exit 1")
    (tmp_path / "node" / "etc").mkdir()
    (tmp_path / "node" / "etc" / "npmrc").write_text("key=beside\n")
    assert "beside" == read_configuration(settings_for(tmp_path, "", {"PATH": path}))["key"]


def test_a_file_that_cannot_be_read_is_a_problem(tmp_path: Path) -> None:
    settings = settings_for(tmp_path)
    (settings.home / ".npmrc").mkdir()
    with pytest.raises(ConfigurationError) as raised:
        read_configuration(settings)
    (problem,) = raised.value.problems
    assert ("npmrc-unreadable", str(settings.home / ".npmrc")) == (problem.reference, problem.where)


@pytest.mark.parametrize(
    ("variable", "expected"),
    [
        pytest.param("npm_config_registry", {"registry": "v"}, id="lower case"),
        pytest.param("NPM_CONFIG_REGISTRY", {"registry": "v"}, id="upper case"),
        pytest.param("NpM_cOnFiG_ReGiStRy", {"registry": "v"}, id="mixed case"),
        pytest.param("npm_config_https_proxy", {"https-proxy": "v"}, id="an underscore becomes a hyphen"),
        pytest.param("npm_config__auth", {"_auth": "v"}, id="a leading underscore stays"),
        pytest.param("npm_config_@s:registry", {"@s:registry": "v"}, id="a scope's registry"),
        pytest.param("npm_config_//H/a_b/:_authToken", {"//H/a_b/:_authToken": "v"}, id="one registry's key as it is"),
        pytest.param("npm_config_", {}, id="no key"),
        pytest.param("npm_configuration", {}, id="another variable"),
        pytest.param("registry", {}, id="no prefix"),
    ],
)
def test_environment_layer(variable: str, expected: dict[str, str]) -> None:
    assert expected == environment_layer({variable: "v"})


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        pytest.param('[ "$*" = "config get registry" ] && echo said', "said", id="npm's answer"),
        pytest.param("echo said; echo warning >&2", "said", id="its warnings are not the answer"),
        pytest.param("echo undefined", "", id="npm knows nothing"),
        pytest.param("echo said; exit 1", "", id="npm fails"),
        pytest.param("exec /absent/interpreter", "", id="npm is broken"),
    ],
)
def test_npm_is_asked(tmp_path: Path, script: str, expected: str) -> None:
    path = _program(tmp_path / "bin", "npm", script)
    assert expected == ask_npm("registry", settings_for(tmp_path, "", {"PATH": path}))


def test_npm_runs_where_the_person_is_with_their_environment(tmp_path: Path) -> None:
    path = _program(tmp_path / "bin", "npm", 'echo "$PWD $MINE"')
    settings = settings_for(tmp_path, "", {"PATH": path, "MINE": "mine"})
    assert f"{settings.directory.resolve()} mine" == ask_npm("registry", settings)


def test_an_absent_npm_says_nothing(tmp_path: Path) -> None:
    assert "" == ask_npm("registry", settings_for(tmp_path, "", {"PATH": str(tmp_path)}))
    assert "" == ask_npm("registry", settings_for(tmp_path))


def test_an_npm_that_cannot_be_run_says_nothing(tmp_path: Path) -> None:
    path = _program(tmp_path / "bin", "npm", "echo said")
    (tmp_path / "bin" / "npm").write_bytes(b"\x7fELF no program")
    assert "" == ask_npm("registry", settings_for(tmp_path, "", {"PATH": path}))


def _npm_itself(tmp_path: Path, script: str, definitions: str) -> str:
    """Install an npm as Node.js does: a link on the PATH, and its files elsewhere."""
    npm = tmp_path / "lib/node_modules/npm"
    path = _program(npm / "bin", "npm-cli.js", script)
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/npm").symlink_to(npm / "bin/npm-cli.js")
    folder = npm / "node_modules/@npmcli/config/lib/definitions"
    folder.mkdir(parents=True)
    (folder / "definitions.js").write_text(definitions)
    return path.replace(str(npm / "bin"), str(tmp_path / "bin"))


_DEFINED = """
  registry: new Definition('registry', {
    default: 'https://npm.example/',
"""


@pytest.mark.parametrize(
    ("definitions", "key", "expected"),
    [
        pytest.param(_DEFINED, "registry", "https://npm.example/", id="npm's default"),
        pytest.param(
            _DEFINED.replace("registry: new Definition", "define"),
            "registry",
            "https://npm.example/",
            id="as older ones have it",
        ),
        pytest.param(_DEFINED, "@scope:registry", "", id="a scope has none"),
        pytest.param("export default {}", "registry", "asked", id="a form that nobody knows"),
        pytest.param(_DEFINED, "prefix", "asked", id="another key"),
    ],
)
def test_npms_default_stands_in_its_files(tmp_path: Path, definitions: str, key: str, expected: str) -> None:
    path = _npm_itself(tmp_path, "echo asked", definitions)
    assert expected == ask_npm(key, settings_for(tmp_path, "", {"PATH": path}))


def test_npm_is_asked_where_it_may_read_more_files(tmp_path: Path) -> None:
    path = _npm_itself(tmp_path, "echo asked", _DEFINED)
    settings = settings_for(tmp_path, "", {"PATH": path})
    (settings.home / ".npmrc").touch()
    (settings.directory / ".npmrc").touch()
    assert "https://npm.example/" == ask_npm("registry", settings)
    assert "asked" == ask_npm("registry", settings_for(tmp_path, "", {"PATH": path, "DESTDIR": "/x"}))
    # A workspace: what is read lies in a folder above.
    inner = settings.directory / "packages/one"
    inner.mkdir(parents=True)
    (inner / "package.json").write_text("{}")
    assert "asked" == ask_npm("@scope:registry", NpmSettings({"PATH": path}, settings.home, inner))


def test_the_file_of_npm_itself_comes_last(tmp_path: Path) -> None:
    path = _npm_itself(tmp_path, "exit 1", _DEFINED)
    (tmp_path / "lib/node_modules/npm/npmrc").write_text(f"a=npm\nb=npm\nuserconfig={tmp_path / 'mine'}\n")
    (tmp_path / "mine").write_text("a=user\n")
    found = read_configuration(settings_for(tmp_path, "", {"PATH": path}))
    assert ("user", "npm") == (found["a"], found["b"])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("a=1\nb = 2\r\nc  =  3 ", {"a": "1", "b": "2", "c": "3"}, id="spaces and line ends"),
        pytest.param("; a=1\n# b=2\n  # c=3\nd=4", {"d": "4"}, id="comments on lines of their own"),
        pytest.param("a=1 ; one\nb=2#two", {"a": "1", "b": "2"}, id="comments behind values"),
        pytest.param(r"a=1\;2\#3\\4\n", {"a": r"1;2#3\4\n"}, id="escaped signs of comments"),
        pytest.param("a=\"1 ; 2\"\nb='3 # 4'", {"a": "1 ; 2", "b": "3 # 4"}, id="quoted values"),
        pytest.param('a="x\\ny"', {"a": "x\ny"}, id="a line end in a quoted value"),
        pytest.param('a="x', {"a": '"x'}, id="an open quote"),
        pytest.param('a="\\q"', {"a": '"\\q"'}, id="a quoted value that is no JSON"),
        pytest.param("a='7'", {"a": "7"}, id="a quoted number stays text"),
        pytest.param("a", {"a": "true"}, id="a key without a value"),
        pytest.param("a=b=c", {"a": "b=c"}, id="an equals sign in the value"),
        pytest.param("=a", {}, id="no key"),
        pytest.param("a=1\na=2", {"a": "2"}, id="the last value counts"),
        pytest.param("a[]=1\na[]=2", {"a": "1\n2"}, id="a list"),
        pytest.param("a=1\n[section]\nb=2", {"a": "1"}, id="a section's keys are left out"),
        pytest.param("//h/:_authToken=${T}", {"//h/:_authToken": "secret"}, id="a token from the environment"),
        pytest.param("//${H}/:_authToken=x", {"//host/:_authToken": "x"}, id="a variable in the key"),
        pytest.param("", {}, id="an empty file"),
    ],
)
def test_parse_npmrc(text: str, expected: dict[str, str]) -> None:
    assert expected == parse_npmrc(text, {"T": "secret", "H": "host"})


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("${A}", "1", id="a variable"),
        pytest.param("x${A}y${A}z", "x1y1z", id="several"),
        pytest.param("${B}", "${B}", id="one that is not set stays"),
        pytest.param("${B?}", "", id="one that is not set may be empty"),
        pytest.param(r"\${A}", "${A}", id="an escaped one"),
        pytest.param(r"\\${A}", r"\1", id="an escaped backslash"),
        pytest.param("$A ${} ${${A}}", "$A ${} ${1}", id="what is no variable"),
    ],
)
def test_expand(text: str, expected: str) -> None:
    assert expected == expand(text, {"A": "1"})


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=200))
def test_any_text_is_read(text: str) -> None:
    assert all(isinstance(value, str) for value in parse_npmrc(text, {}).values())
