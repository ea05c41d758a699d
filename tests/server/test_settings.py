"""Settings of the application that has no options: the environment, else the defaults."""

from __future__ import annotations

from pathlib import Path

import pytest

from cdnserve.errors import ConfigurationError
from cdnserve.server.settings import Settings, read_settings, state_folder


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        pytest.param({}, ("public", "public/.cdnserve", "127.0.0.1", 8000), id="nothing"),
        pytest.param(
            {"CDNSERVE_ROOT": "", "CDNSERVE_PORT": ""}, ("public", "public/.cdnserve", "127.0.0.1", 8000), id="empty"
        ),
        pytest.param({"CDNSERVE_ROOT": "/a"}, ("/a", "/a/.cdnserve", "127.0.0.1", 8000), id="a root"),
        pytest.param({"CDNSERVE_STATE": "/s"}, ("public", "/s", "127.0.0.1", 8000), id="a state"),
        pytest.param(
            {"CDNSERVE_HOST": "::", "CDNSERVE_PORT": "0"}, ("public", "public/.cdnserve", "::", 0), id="an address"
        ),
        pytest.param(
            {"CDNSERVE_PORT": "65535", "PORT": "1"}, ("public", "public/.cdnserve", "127.0.0.1", 65_535), id="a port"
        ),
    ],
)
def test_the_environment_is_read(environment: dict[str, str], expected: tuple[str, str, str, int]) -> None:
    settings = read_settings(environment)
    assert expected == (str(settings.root), str(settings.state), settings.host, settings.port)


def test_what_has_no_variable_has_its_default() -> None:
    defaults = Settings(Path("public"), Path("public/.cdnserve"))
    assert defaults == read_settings({})


@pytest.mark.parametrize("port", ["65536", "-1", "+1", "8_000", " 80", "8000\n", "http", "٨", "1e3", "9" * 5000])
def test_what_is_no_port_is_refused(port: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        read_settings({"CDNSERVE_PORT": port})
    (problem,) = caught.value.problems
    assert ("port-invalid", "CDNSERVE_PORT", port) == (problem.reference, problem.where, problem.value)


@pytest.mark.parametrize(("chosen", "expected"), [(None, "r/.cdnserve"), ("", "r/.cdnserve"), ("s", "s")])
def test_the_state_lies_in_the_root_unless_told(chosen: str | None, expected: str) -> None:
    assert Path(expected) == state_folder(Path("r"), chosen)
