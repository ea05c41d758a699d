"""Limits of a server as options."""

from __future__ import annotations

from dataclasses import asdict

import click
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from cdnserve.cli.limits import limit_options, size, written
from cdnserve.server.limits import Limits


@click.command()
@limit_options
def command(**limits: int) -> None:
    """Print the limits."""
    click.echo(repr(Limits(**limits)))


def limits(*arguments: str, **environment: str) -> str:
    """Give what a command hears."""
    result = CliRunner().invoke(command, arguments, env=environment)
    assert 0 == result.exit_code, result.output
    return result.output.strip()


def test_the_defaults_are_those_of_the_server() -> None:
    assert repr(Limits()) == limits()


def test_every_limit_has_an_option() -> None:
    assert set(asdict(Limits())) == {parameter.name for parameter in command.params}


def test_options_are_stronger_than_variables() -> None:
    assert repr(Limits(head=1000)) == limits(CDNSERVE_HEAD_SIZE="1000")
    assert repr(Limits(head=2000)) == limits("--head-size", "2000", CDNSERVE_HEAD_SIZE="1000")
    assert repr(Limits(idle_seconds=5)) == limits(CDNSERVE_IDLE_SECONDS="5")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("0", 0, id="none"),
        pytest.param("65536", 65_536, id="octets"),
        pytest.param("64KiB", 65_536, id="KiB"),
        pytest.param("64k", 65_536, id="k"),
        pytest.param("1 MB", 1_048_576, id="with a space"),
        pytest.param("2g", 2_147_483_648, id="g"),
    ],
)
def test_sizes_are_read_as_people_write_them(text: str, expected: int) -> None:
    assert expected == size(text)


@pytest.mark.parametrize("text", ["", "-1", "1.5", "1TiB", "KiB", "1_000", "²", "9" * 5000])
def test_what_is_no_size_is_wrong_usage(text: str) -> None:
    with pytest.raises(click.BadParameter):
        size(text)


@given(st.integers(0, 2**40))
def test_a_size_that_is_written_is_read_as_the_same(octets: int) -> None:
    assert octets == size(written(octets))
