"""The Kubernetes manifests of replicas on an object store: valid as they are applied, and of one mind."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import kubernetes_validate
import pytest
import yaml

from cdnserve.cli.main import main
from cdnserve.cli.serve_options import size
from tests.deploy.test_kubernetes import NAME, as_applied
from tests.deploy.test_kubernetes import load as load_base

FOLDER = Path(__file__).parents[2] / "deploy/kubernetes-store"
GIB = 2**30


def documents(name: str) -> Iterator[dict[str, Any]]:
    """Yield the documents of a file."""
    yield from yaml.safe_load_all((FOLDER / name).read_text(encoding="utf-8"))


def load(name: str) -> dict[str, Any]:
    """Read the one document of a file."""
    (document,) = documents(name)
    return document


def merged(base: Any, patch: Any) -> Any:
    """Return what a strategic merge makes of both: mappings key by key, lists of named things name by name."""
    if isinstance(base, dict) and isinstance(patch, dict):
        return base | {key: merged(base.get(key), value) for key, value in patch.items()}
    if isinstance(patch, list) and all(isinstance(item, dict) and "name" in item for item in patch):
        known = {item["name"]: item for item in base or ()}
        return list((known | {item["name"]: merged(known.get(item["name"], {}), item) for item in patch}).values())
    return patch


def deployment() -> dict[str, Any]:
    """Return the deployment as it is applied."""
    whole: dict[str, Any] = merged(as_applied(load_base("deployment.yaml")), load("deployment.yaml"))
    return whole


def pods() -> dict[str, dict[str, Any]]:
    """Return the pod of each workload."""
    return {
        "serve": deployment()["spec"]["template"]["spec"],
        "gc": load("gc.yaml")["spec"]["jobTemplate"]["spec"]["template"]["spec"],
        "publish": load("publish.yaml")["spec"]["template"]["spec"],
    }


def container(workload: str) -> dict[str, Any]:
    """Return the one container of a workload."""
    (only,) = pods()[workload]["containers"]
    assert isinstance(only, dict)
    return only


def settings(workload: str) -> dict[str, str]:
    """Return the environment of a workload."""
    return {variable["name"]: variable["value"] for variable in container(workload)["env"]}


def applied() -> list[dict[str, Any]]:
    """Return all resources, as they are applied."""
    return [deployment(), load("gc.yaml"), load("publish.yaml"), *documents("secrets.yaml")]


def test_each_resource_is_valid() -> None:
    for document in applied():
        kubernetes_validate.validate(document, kubernetes_validate.latest_version(), strict=True)


def test_a_wrong_patch_is_found() -> None:
    broken = merged(deployment(), {"spec": {"template": {"spec": {"volume": []}}}})
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(broken, kubernetes_validate.latest_version(), strict=True)


def test_the_kustomization_names_every_file_but_the_one_that_is_created_each_time() -> None:
    kustomization = load("kustomization.yaml")
    base, *resources = kustomization["resources"]
    assert (FOLDER / base / "kustomization.yaml").is_file()
    named = {*resources, *(patch["path"] for patch in kustomization["patches"]), "publish.yaml", "kustomization.yaml"}
    assert {path.name for path in FOLDER.iterdir()} == named
    assert "generateName" in load("publish.yaml")["metadata"]


def test_every_image_is_one_that_is_named() -> None:
    renamed = {image["name"]: f"{image['newName']}:{image['newTag']}" for image in load("kustomization.yaml")["images"]}
    (base,) = load_base("kustomization.yaml")["images"]
    assert {base["newName"], container("gc")["image"]} == set(renamed)
    assert f"{base['newName']}:{base['newTag']}" == container("publish")["image"]


def test_all_have_one_store_and_the_rights_that_they_need() -> None:
    assert 1 == len({settings(workload)["CDNSERVE_STORE"] for workload in pods()})
    secrets = {workload: container(workload)["envFrom"][0]["secretRef"]["name"] for workload in pods()}
    assert {"serve": "store-reader", "gc": "store-writer", "publish": "store-writer"} == secrets
    assert set(secrets.values()) == {document["metadata"]["name"] for document in documents("secrets.yaml")}


def test_a_pod_has_no_claim_but_a_cache_with_room_for_what_it_keeps() -> None:
    serving = pods()["serve"]
    (volume,) = serving["volumes"]
    assert {"name", "emptyDir"} == set(volume)
    (mount,) = container("serve")["volumeMounts"]
    assert (volume["name"], settings("serve")["CDNSERVE_STATE"]) == (mount["name"], mount["mountPath"])
    kept, room = size(settings("serve")["CDNSERVE_CACHE_SIZE"]), size(volume["emptyDir"]["sizeLimit"])
    assert kept + GIB <= room <= size(container("serve")["resources"]["limits"]["ephemeral-storage"])


@pytest.mark.parametrize("workload", ["serve", "gc", "publish"])
def test_a_pod_has_no_right_that_it_does_not_need(workload: str) -> None:
    pod, security = pods()[workload], container(workload)["securityContext"]
    assert (10001, True) == (pod["securityContext"]["runAsUser"], pod["securityContext"]["runAsNonRoot"])
    assert pod["automountServiceAccountToken"] is False
    assert (False, {"drop": ["ALL"]}) == (security["allowPrivilegeEscalation"], security["capabilities"])
    assert security.get("readOnlyRootFilesystem", False) is (workload != "publish")


def test_the_jobs_pods_are_none_of_the_service() -> None:
    """What selects by the name alone would send requests to them."""
    assert "labels" not in load("publish.yaml")["spec"]["template"].get("metadata", {})
    assert NAME.keys().isdisjoint(load("gc.yaml")["spec"]["jobTemplate"]["spec"]["template"]["metadata"]["labels"])


@pytest.mark.parametrize("workload", ["serve", "gc", "publish"])
def test_every_setting_and_option_is_one_that_its_command_has(workload: str) -> None:
    program = click.Context(main, **main.context_settings)
    command = main.get_command(program, workload)
    assert command
    assert set(settings(workload)) <= {parameter.envvar for parameter in command.params}
    name, *arguments = container(workload).get("args", [workload])
    assert workload == name
    command.make_context(name, arguments, parent=program)
