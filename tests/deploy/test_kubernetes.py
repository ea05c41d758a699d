"""The Kubernetes manifests: valid by Kubernetes' own schemas, and of one mind with each other and with the image."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

FOLDER = Path(__file__).parents[2] / "deploy/kubernetes"
RESOURCES = sorted(path.name for path in FOLDER.glob("*.yaml") if path.name != "kustomization.yaml")
NAME = {"app.kubernetes.io/name": "cdnserve"}


def load(name: str) -> dict[str, Any]:
    """Read the one document of a file."""
    (document,) = yaml.safe_load_all((FOLDER / name).read_text(encoding="utf-8"))
    assert isinstance(document, dict)
    return document


def pod() -> dict[str, Any]:
    """Return the pod that the deployment makes."""
    specification: dict[str, Any] = load("deployment.yaml")["spec"]["template"]["spec"]
    return specification


def container() -> dict[str, Any]:
    """Return its one container."""
    (only,) = pod()["containers"]
    assert isinstance(only, dict)
    return only


def settings() -> dict[str, str]:
    """Return the environment of the container."""
    return {variable["name"]: variable["value"] for variable in container()["env"]}


def as_applied(document: dict[str, Any]) -> dict[str, Any]:
    """Add what the kustomization adds."""
    if document["kind"] == "Deployment":
        document["spec"]["selector"] = {"matchLabels": NAME}
        document["spec"]["template"]["metadata"]["labels"] = NAME
    return document


@pytest.mark.parametrize("name", RESOURCES)
def test_each_resource_is_valid(name: str) -> None:
    kubernetes_validate.validate(as_applied(load(name)), kubernetes_validate.latest_version(), strict=True)


def test_the_validation_can_fail() -> None:
    broken = as_applied(load("deployment.yaml"))
    broken["spec"]["replica"] = 2
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(broken, kubernetes_validate.latest_version(), strict=True)


def test_the_kustomization_names_every_file() -> None:
    kustomization = load("kustomization.yaml")
    assert sorted(kustomization["resources"]) == RESOURCES
    assert kustomization["labels"] == [{"pairs": NAME, "includeSelectors": True}]
    assert [image["name"] for image in kustomization["images"]] == [container()["image"]]


def test_all_of_them_mean_the_same_pods() -> None:
    assert load("disruption-budget.yaml")["spec"]["selector"]["matchLabels"] == NAME
    (spread,) = pod()["topologySpreadConstraints"]
    assert spread["labelSelector"]["matchLabels"] == NAME
    deployment, target = load("deployment.yaml"), load("autoscaler.yaml")["spec"]["scaleTargetRef"]
    assert (target["kind"], target["name"]) == (deployment["kind"], deployment["metadata"]["name"])
    (rule,) = load("ingress.yaml")["spec"]["rules"]
    (path,) = rule["http"]["paths"]
    service = load("service.yaml")
    assert path["backend"]["service"]["name"] == service["metadata"]["name"]
    assert service["spec"]["ports"][0]["targetPort"] in {port["name"] for port in container()["ports"]}


def test_a_pod_is_given_the_time_that_it_takes_to_leave() -> None:
    """It is told to end, stays ready to serve for a while, then drains: all before it is killed."""
    delay, drain = int(settings()["CDNSERVE_SHUTDOWN_DELAY"]), int(settings()["CDNSERVE_DRAIN_SECONDS"])
    readiness = container()["readinessProbe"]
    noticed = readiness["periodSeconds"] * readiness["failureThreshold"]
    assert noticed < delay
    assert delay + drain < pod()["terminationGracePeriodSeconds"]
    assert load("deployment.yaml")["spec"]["strategy"]["rollingUpdate"]["maxUnavailable"] == 0


def test_a_pod_has_the_rights_of_the_image_and_no_more() -> None:
    assert pod()["securityContext"]["runAsUser"] == 10001
    assert pod()["securityContext"]["runAsNonRoot"] is True
    assert pod()["automountServiceAccountToken"] is False
    security = container()["securityContext"]
    assert security["readOnlyRootFilesystem"] is True
    assert security["allowPrivilegeEscalation"] is False
    assert security["capabilities"] == {"drop": ["ALL"]}
    assert "volumes" not in pod()


def test_metrics_are_not_on_the_public_port() -> None:
    ports = {port["name"]: port["containerPort"] for port in container()["ports"]}
    assert str(ports["admin"]) == settings()["CDNSERVE_ADMIN_PORT"]
    assert ports["admin"] not in {port["targetPort"] for port in load("service.yaml")["spec"]["ports"]}
    assert "admin" not in {port["targetPort"] for port in load("service.yaml")["spec"]["ports"]}
    annotations = load("deployment.yaml")["spec"]["template"]["metadata"]["annotations"]
    assert annotations["prometheus.io/port"] == settings()["CDNSERVE_ADMIN_PORT"]


def test_the_probes_ask_what_is_there() -> None:
    asked = {name: container()[name]["httpGet"]["path"] for name in ("startupProbe", "readinessProbe", "livenessProbe")}
    assert asked == {"startupProbe": "/-/ready", "readinessProbe": "/-/ready", "livenessProbe": "/-/health"}


def test_every_setting_is_one_that_serve_has() -> None:
    from cdnserve.cli.serve import command  # noqa: PLC0415

    known = {parameter.envvar for parameter in command.params}
    assert set(settings()) <= known
