"""Options: algorithm names as people write them, always written in lower case."""

from __future__ import annotations

from dataclasses import replace

import pytest

from cdnserve.errors import ConfigurationError
from cdnserve.snippets.options import Options, metadata, read_algorithms
from tests.snippets.subjects import ALL, DEFAULT, alias, digest, subject


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        pytest.param([], ("sha384",), id="none asked for: sha384"),
        pytest.param(["sha512"], ("sha512",), id="one"),
        pytest.param(["SHA384"], ("sha384",), id="upper case is written lower"),
        pytest.param(["SHA-256"], ("sha256",), id="with a hyphen"),
        pytest.param(["sha512", "sha256", "sha512"], ("sha256", "sha512"), id="weakest first, each once"),
    ],
)
def test_read_algorithms(names: list[str], expected: tuple[str, ...]) -> None:
    assert expected == read_algorithms(names)


def test_unknown_algorithms_are_all_told() -> None:
    with pytest.raises(ConfigurationError) as caught:
        read_algorithms(["md5", "sha384", "sha3-256"])
    assert [("algorithm-unknown", "md5"), ("algorithm-unknown", "sha3-256")] == [
        (problem.reference, problem.value) for problem in caught.value.problems
    ]


def test_metadata_names_every_algorithm_that_was_asked_for() -> None:
    expected = " ".join(digest(algorithm, b"greet()") for algorithm in ("sha256", "sha384", "sha512"))
    assert expected == metadata(subject(), ALL)
    assert expected.split()[1] == metadata(subject(), DEFAULT)


def test_metadata_order_does_not_depend_on_the_order_asked_for() -> None:
    assert metadata(subject(), ALL) == metadata(subject(), Options(("sha512", "sha384", "sha256")))


def test_an_alias_never_has_metadata() -> None:
    assert alias().digests
    assert "" == metadata(alias(), ALL)


def test_without_digests_there_is_no_metadata() -> None:
    assert "" == metadata(replace(subject(), digests=()), ALL)
