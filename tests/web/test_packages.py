"""Hosted packages as a release alone knows them: what is read of them is bounded, and texts are cut."""

from __future__ import annotations

import pytest

from cdnserve.errors import ConfigurationError
from cdnserve.origin.aliases import HostedVersions
from cdnserve.web.packages import ListedPackages, PackageDescriptions, package_facts
from cdnserve.web.view import CatalogView
from tests.web import site

WORDS = "npm/@scope/words@1.2.0"


@pytest.fixture
def hosted(view: CatalogView) -> ListedPackages:
    """The packages, of which an answer may read as much as one of the modules has."""
    return ListedPackages(view.listing, PackageDescriptions(view.listing), len(site.WORDS))


def test_an_answer_reads_no_more_than_it_may(hosted: ListedPackages) -> None:
    assert site.WORDS == hosted.source(f"{WORDS}/words.js")
    with pytest.raises(ConfigurationError, match="larger than"):
        hosted.source(f"{WORDS}/space.js")


def test_a_folder_that_is_too_large_is_refused_before_it_is_read(hosted: ListedPackages) -> None:
    assert f"{WORDS}/space.js" in hosted.below(WORDS)
    with pytest.raises(ConfigurationError, match="larger than"):
        hosted.below("npm/greet@1.0.0/dist")


def test_what_is_not_listed_is_not_here(hosted: ListedPackages) -> None:
    assert [False, False] == [hosted.is_here("hidden"), hosted.is_public("npm/hidden@1.0.0/hidden.js")]
    assert {} == hosted.described("npm/hidden@1.0.0")
    assert not hosted.lies_unlisted("partners/secret.js")


def test_facts_are_of_a_length_that_people_read() -> None:
    """And of types that they should have; a lone surrogate, which JSON can write, is no text."""
    facts = package_facts(
        {
            "description": "x" * 10_000,
            "license": ["MIT", {"type": "ISC"}, 7],
            "homepage": "https://a.example/" + "x" * 1000,
            "repository": ["git"],
            "keywords": ["a\ud800", *map(str, range(100))],
            "dependencies": {f"p{number}": "*" for number in range(1000)} | {"../x": "1"},
            "peerDependencies": {"react": "*", "typescript": "*"},
            "peerDependenciesMeta": {"typescript": {"optional": True}, "react": 7, "vue": {"optional": True}},
        },
        HostedVersions(()),
    )
    assert (300, "MIT, ISC", "", "") == (len(facts.description), facts.licence, facts.homepage, facts.repository)
    assert ("a?", 30) == (facts.keywords[0], len(facts.keywords))
    assert 200 == len(facts.dependencies)
    assert [("react", False), ("typescript", True)] == [(one.name, one.optional) for one in facts.peer_dependencies]
    assert (
        ()
        == package_facts(
            {"peerDependencies": "react", "peerDependenciesMeta": []}, HostedVersions(())
        ).peer_dependencies
    )
