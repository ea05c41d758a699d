"""Problems: collected over several steps, raised together."""

from __future__ import annotations

import pytest

from cdnserve.errors import ConfigurationError, Problem, Problems

ERROR = Problem("key-missing", "schema is missing", "manifest.toml:1")
WARNING = Problem("nothing-public", "no rule publishes anything", "manifest.toml:1", warning=True)


def refuse(*problems: Problem) -> None:
    raise ConfigurationError(problems)


def test_what_several_steps_raise_is_raised_together_each_once() -> None:
    problems = Problems([WARNING])
    for _ in range(2):
        with problems.caught():
            refuse(ERROR)
    with pytest.raises(ConfigurationError) as raised:
        problems.raise_errors()
    assert (WARNING, ERROR) == raised.value.problems


def test_a_place_can_be_given_to_all_that_a_step_raises() -> None:
    problems = Problems()
    with problems.caught("page.html"):
        refuse(ERROR, WARNING)
    assert ["page.html", "page.html"] == [problem.where for problem in problems]


def test_warnings_alone_raise_nothing() -> None:
    Problems([WARNING]).raise_errors()
    Problems().raise_errors()


def test_another_exception_goes_through() -> None:
    problems = Problems()
    with pytest.raises(ZeroDivisionError), problems.caught():
        problems.append(ERROR if 1 // 0 else WARNING)
    assert [] == problems
