"""The Compose file: cdnserve on an inner network, Caddy with TLS before it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from cdnserve.server.settings import ServerSettings
from tests.deploy import compose

FOLDER = Path(__file__).parents[2] / "deploy"


def services() -> dict[str, dict[str, Any]]:
    """Read the services."""
    read: dict[str, dict[str, Any]] = yaml.safe_load((FOLDER / "compose.yaml").read_text(encoding="utf-8"))["services"]
    return read


def test_compose_takes_it() -> None:
    found = compose.read(FOLDER / "compose.yaml", CDN_HOST="cdn.example.com")
    assert services().keys() == found.keys()
    assert found["caddy"]["environment"]["CDN_HOST"] == "cdn.example.com"


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        pytest.param("read_only:", "readonly:", id="a key that there is not"),
        pytest.param("networks: [inner]", "networks: [inmer]", id="a network that there is not"),
        pytest.param("condition: service_healthy", "condition: healthy", id="a value that there is not"),
    ],
)
def test_what_compose_does_not_take_is_found(tmp_path: Path, right: str, wrong: str) -> None:
    text = (FOLDER / "compose.yaml").read_text(encoding="utf-8")
    assert right in text
    (tmp_path / "compose.yaml").write_text(text.replace(right, wrong))
    with pytest.raises(compose.ComposeError):
        compose.read(tmp_path / "compose.yaml")


def test_only_caddy_can_be_reached() -> None:
    assert "ports" not in services()["cdnserve"]
    assert services()["cdnserve"]["networks"] == ["inner"]
    assert services()["caddy"]["ports"] == ["80:80", "443:443", "443:443/udp"]


def test_it_has_no_right_that_it_does_not_need() -> None:
    for service in services().values():
        assert service["read_only"] is True
        assert service["cap_drop"] == ["ALL"]
        assert service["security_opt"] == ["no-new-privileges:true"]


def test_every_setting_is_one_that_serve_has() -> None:
    from cdnserve.cli.serve import command  # noqa: PLC0415

    assert set(services()["cdnserve"]["environment"]) <= {parameter.envvar for parameter in command.params}


def test_a_download_is_given_the_time_to_end() -> None:
    grace = int(services()["cdnserve"]["stop_grace_period"].removesuffix("s"))
    assert ServerSettings(Path(), Path()).drain_seconds < grace


def test_caddy_has_the_configuration_that_is_tested() -> None:
    caddy = services()["caddy"]
    (mounted,) = (volume for volume in caddy["volumes"] if volume.startswith("./"))
    source, target, mode = mounted.split(":")
    assert (FOLDER / source).samefile(FOLDER / "edges/Caddyfile")
    assert (target, mode) == ("/etc/caddy/Caddyfile", "ro")
    read = set(re.findall(r"\{\$([A-Z_]+)", (FOLDER / source).read_text(encoding="utf-8")))
    assert set(caddy["environment"]) <= read
