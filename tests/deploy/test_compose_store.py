"""The Compose file of replicas on a store: three that are alike behind Caddy, and one that publishes before them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import click
import yaml

from cdnserve.cli.main import main
from cdnserve.server.settings import ServerSettings
from tests.deploy import compose

FOLDER = Path(__file__).parents[2] / "deploy"
REPLICAS = ("replica-1", "replica-2", "replica-3")


def services() -> dict[str, dict[str, Any]]:
    """Read the services."""
    text = (FOLDER / "compose-store.yaml").read_text(encoding="utf-8")
    read: dict[str, dict[str, Any]] = yaml.safe_load(text)["services"]
    return read


def test_compose_takes_it() -> None:
    found = compose.read(FOLDER / "compose-store.yaml")
    assert services().keys() == found.keys()
    assert {f"file:///{place}" for place in ("srv/store", "var/lib/cdnserve")} == stores(found)
    bucket = {"CDN_STORE": "s3://releases/cdn", "AWS_REGION": "eu-central-1"}
    found = compose.read(FOLDER / "compose-store.yaml", **bucket)
    assert {"s3://releases/cdn"} == stores(found)
    assert {"eu-central-1"} == {found[name]["environment"]["AWS_REGION"] for name in ("publish", *REPLICAS)}


def stores(found: compose.Services) -> set[str]:
    """Return the stores that services are given."""
    return {found[name]["environment"]["CDNSERVE_STORE"] for name in ("publish", *REPLICAS)}


def test_the_replicas_are_alike_and_caddy_has_all_of_them() -> None:
    first, *others = (services()[name] for name in REPLICAS)
    assert all(first == other for other in others)
    assert [f"{name}:8000" for name in REPLICAS] == services()["caddy"]["environment"]["CDNSERVE"].split()
    assert {name for name, service in services().items() if "ports" in service} == {"caddy"}


def test_none_has_a_right_that_it_does_not_need() -> None:
    for service in services().values():
        assert service["read_only"] is True
        assert service["cap_drop"] == ["ALL"]
        assert service["security_opt"] == ["no-new-privileges:true"]


def test_every_setting_is_one_that_its_command_has() -> None:
    for name, service in services().items():
        if name == "caddy":
            continue
        command = main.get_command(click.Context(main), service.get("command", ["serve"])[0])
        assert command
        own = {variable for variable in service["environment"] if not variable.startswith("AWS_")}
        assert own <= {parameter.envvar for parameter in command.params}


def test_all_share_the_store_and_none_its_cache() -> None:
    published = dict(volume.split(":")[:2] for volume in services()["publish"]["volumes"] if ":-" not in volume)
    (shared, cache) = services()["replica-1"]["volumes"]
    name, place, mode = shared.split(":")
    assert (name, "ro") == ("store", mode)
    assert default(services()["publish"]) == f"file://{published[name]}"
    assert default(services()["replica-1"]) == f"file://{place}"
    assert "/var/lib/cdnserve" == cache
    assert {"publish": {"condition": "service_completed_successfully"}} == services()["replica-1"]["depends_on"]


def default(service: dict[str, Any]) -> str:
    """Return the store where nobody has named another."""
    found = re.fullmatch(r"\$\{CDN_STORE:-(.*)\}", service["environment"]["CDNSERVE_STORE"])
    assert found
    return found[1]


def test_a_download_is_given_the_time_to_end() -> None:
    grace = int(services()["replica-1"]["stop_grace_period"].removesuffix("s"))
    assert ServerSettings(Path(), Path()).drain_seconds < grace
