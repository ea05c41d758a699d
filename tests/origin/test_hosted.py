"""Hosted libraries: versions that have a public file, and which of them is meant."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cdnserve.origin.hosted import HostedLibraries
from tests.origin import shelf

HOSTED = HostedLibraries(sorted(shelf.FILES))


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        pytest.param("jquery", ("3.7.1", "3.10.0", "4.0.0-rc.1"), id="by precedence"),
        pytest.param("@fontsource/inter", ("5.1.0", "5.2.0"), id="in a scope, behind a file of the scope"),
        pytest.param("real", ("1.2.0",), id="beside a folder that only looks like a version"),
        pytest.param("banana", (), id="a tag is no version"),
        pytest.param("inter", (), id="without its scope"),
        pytest.param("absent", (), id="not hosted"),
    ],
)
def test_the_versions_of_a_library(name: str, expected: tuple[str, ...]) -> None:
    assert expected == HOSTED.versions(name)


@pytest.mark.parametrize(
    ("name", "wanted", "expected"),
    [
        pytest.param("jquery", None, "3.10.0", id="nothing said: no prerelease"),
        pytest.param("jquery", "latest", "3.10.0", id="latest"),
        pytest.param("jquery", "3", "3.10.0", id="a major version"),
        pytest.param("jquery", "3.x", "3.10.0", id="an x"),
        pytest.param("jquery", "*", "3.10.0", id="a star"),
        pytest.param("jquery", "3.7", "3.7.1", id="a minor version"),
        pytest.param("jquery", "~3.7.0", "3.7.1", id="a tilde"),
        pytest.param("jquery", ">=3 <3.8", "3.7.1", id="two comparators"),
        pytest.param("jquery", "2 || 3.7", "3.7.1", id="alternatives"),
        pytest.param("jquery", "4.0.0-rc.1", "4.0.0-rc.1", id="a prerelease by its name"),
        pytest.param("jquery", ">=4.0.0-0", "4.0.0-rc.1", id="a range that names a prerelease"),
        pytest.param("jquery", "4", None, id="a prerelease is no release"),
        pytest.param("jquery", "9", None, id="nothing satisfies it"),
        pytest.param("jquery", "next", None, id="another tag"),
        pytest.param("jquery", "", None, id="an empty version"),
        pytest.param("early", None, "1.0.0-beta.1", id="nothing but prereleases"),
        pytest.param("absent", "1", None, id="not hosted"),
        pytest.param("absent", None, None, id="not hosted, nothing said"),
    ],
)
def test_which_version_is_meant(name: str, wanted: str | None, expected: str | None) -> None:
    assert expected == HOSTED.best(name, wanted)


def test_ten_versions_are_listed_the_newest_first() -> None:
    hosted = HostedLibraries(sorted(f"npm/a@1.{minor}.0/a.js" for minor in range(30)))
    expected = ", ".join(f"1.{minor}.0" for minor in range(29, 19, -1))
    assert f"Hosted versions of a: {expected}." == hosted.listed("a")


segments = st.sampled_from(["npm", "@s", "a", "a@1.0.0", "a@1.0.0-b", "b@2.0.0", "x.js", "npm0", "zz"])
paths = st.lists(segments, min_size=1, max_size=5).map("/".join)


@given(st.sets(paths))
def test_every_folder_of_a_library_is_found_however_few_paths_are_looked_at(found: set[str]) -> None:
    hosted = HostedLibraries(sorted(found))
    expected = {
        (name, version)
        for name, version in [("a", "1.0.0"), ("a", "1.0.0-b"), ("b", "2.0.0"), ("@s/a", "1.0.0"), ("@s/b", "2.0.0")]
        if any(path.startswith(f"npm/{name}@{version}/") for path in found)
    }
    assert expected <= {(name, version) for name in ("a", "b", "@s/a", "@s/b") for version in hosted.versions(name)}
    assert all(
        any(path.startswith(f"npm/{name}@{version}/") for path in found)
        for name in ("a", "b", "@s/a", "@s/b")
        for version in hosted.versions(name)
    )
