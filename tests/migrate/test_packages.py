"""Packages that pages ask public CDNs for, opened where nobody sees them."""

from __future__ import annotations

from pathlib import Path

import pytest

from cdnserve.cdns.mapped import CDNJS, PackageFile
from cdnserve.errors import ConfigurationError
from cdnserve.manifest.reader import parse_manifest
from cdnserve.migrate.packages import RegistryAccess, UnpackedPackage, as_npm, unpack, unpublished
from tests.npm.registry import Answer, LocalRegistry, packed, settings_for

FILES = {"package.json": "{}", "x.js": "let x;\n"}


def test_a_package_is_opened_while_the_block_runs(root: Path, registry: LocalRegistry, tmp_path: Path) -> None:
    registry.publish("hello", "1.2.0", packed(FILES))
    with unpack(
        {("hello", "^1"), ("hello", "1.2.0")}, RegistryAccess(root, settings_for(tmp_path, registry.url))
    ) as found:
        first, second = found["hello", "^1"], found["hello", "1.2.0"]
        assert isinstance(first, UnpackedPackage)
        assert first == second
        assert "hello@1.2.0" == str(first.spec)
        assert {"package.json", "x.js"} == first.files
        assert b"let x;\n" == first.source("x.js")
    assert not first.staged.placement.folder.exists()
    assert ["manifest.toml"] == [path.name for path in root.iterdir()]
    assert 1 == registry.paths().count("/hello/-/hello-1.2.0.tgz")


def test_the_registry_is_not_asked_for_nothing(root: Path, registry: LocalRegistry, tmp_path: Path) -> None:
    with unpack(set(), RegistryAccess(root, settings_for(tmp_path, registry.url))) as found:
        assert {} == found
    assert [] == registry.asked


def test_what_npm_does_not_have_is_said_and_the_others_are_opened(
    root: Path, registry: LocalRegistry, tmp_path: Path
) -> None:
    registry.publish("hello", "1.2.0", packed(FILES))
    asked = {("hello", ""), ("hello", "9"), ("hello", "beta"), ("none", "1"), ("../x", "1")}
    with unpack(asked, RegistryAccess(root, settings_for(tmp_path, registry.url))) as found:
        reasons = {one: reason for one, reason in found.items() if isinstance(reason, str)}
    assert {
        ("hello", "9"): "the registry has no hello@9",
        ("hello", "beta"): "the registry has no hello@beta",
        ("none", "1"): "the registry has no none",
        ("../x", "1"): "npm can't have a package of this name",
    } == reasons
    assert asked == found.keys()
    assert not any(".." in path for path in registry.paths())


@pytest.mark.parametrize(
    ("answer", "reference"),
    [
        pytest.param(Answer(body=b"{"), "registry-answer", id="nonsense"),
        pytest.param(Answer(500), "registry-unreachable", id="a failure"),
        pytest.param(Answer(403), "registry-refused", id="a refusal"),
    ],
)
def test_a_registry_that_does_not_answer_well_stops_everything(
    root: Path, registry: LocalRegistry, tmp_path: Path, answer: Answer, reference: str
) -> None:
    registry.publish("hello", "1.2.0", packed(FILES))
    registry.answer("/other", answer)
    with (
        pytest.raises(ConfigurationError) as caught,
        unpack(
            {("hello", ""), ("other", ""), ("none", "")}, RegistryAccess(root, settings_for(tmp_path, registry.url))
        ),
    ):
        pass
    assert reference in [problem.reference for problem in caught.value.problems]


def test_a_tarball_that_is_another_stops_everything(root: Path, registry: LocalRegistry, tmp_path: Path) -> None:
    registry.publish("hello", "1.2.0", packed(FILES))
    registry.answer("/hello/-/hello-1.2.0.tgz", Answer(body=packed({"x.js": "evil"})))
    with (
        pytest.raises(ConfigurationError, match="integrity-mismatch"),
        unpack({("hello", "")}, RegistryAccess(root, settings_for(tmp_path, registry.url))),
    ):
        pass


def test_only_what_the_manifest_keeps_is_opened(root: Path, registry: LocalRegistry, tmp_path: Path) -> None:
    registry.publish("hello", "1.2.0", packed({**FILES, "y.js": ""}))
    manifest = root / "manifest.toml"
    manifest.write_text(manifest.read_text() + '[libraries]\nhello = { version = "^1", files = ["x.js"] }\n')
    with unpack({("hello", "")}, RegistryAccess(root, settings_for(tmp_path, registry.url))) as found:
        package = found["hello", ""]
    assert isinstance(package, UnpackedPackage)
    assert {"package.json", "x.js"} == package.files


def test_names_of_cdnjs_become_npms() -> None:
    found = as_npm(PackageFile("lodash.js", "4.17.21", ("lodash.min.js",)), CDNJS)
    assert ("lodash", "4.17.21", "lodash.min.js") == (found.name, found.requirement, found.files[0])
    revision = as_npm(PackageFile("three.js", "r128", ("three.min.js",)), CDNJS)
    assert ("three", "0.128.0", "build/three.min.js") == (revision.name, revision.requirement, revision.files[0])
    assert not as_npm(PackageFile("unheard-of", "1.0.0", ("x.js",)), CDNJS).is_vouched
    own = PackageFile("lodash.js", "1", ("x.js",))
    assert own == as_npm(own, "unpkg")


def test_a_file_that_cdnjs_minified_is_looked_for_as_it_was() -> None:
    """After every place where a minified one may lie."""
    files = as_npm(PackageFile("Chart.js", "4.4.1", ("chart.umd.min.js",)), CDNJS).files
    assert files.index("lib/chart.umd.min.js") < files.index("dist/chart.umd.js")


def test_what_no_page_could_load_is_told_once() -> None:
    rules = '[[publish]]\npath = "npm/a@*/**"\ncors = "any"\n[[publish]]\npath = "npm/b@*/**"\n'
    manifest = parse_manifest(f"schema = 1\n{rules}")
    paths = ("npm/a@1.0.0/x.js", "npm/b@1.0.0/x.js", "npm/c@1.0.0/x.js", "npm/c@1.0.0/x.js")
    problems = unpublished(paths, manifest)
    assert ["migration-without-cors", "migration-unlisted"] == [problem.reference for problem in problems]
    assert ("manifest.toml:5", "npm/b@1.0.0/x.js") == (problems[0].where, problems[0].value)
    assert ("npm/c@1.0.0/x.js", True) == (problems[1].where, 'path = "npm/**"' in problems[1].hint)
