"""Kubernetes manifests, without a cluster: by schema, and against the code."""

import subprocess
from pathlib import Path
from typing import Any, Final

import pytest
import yaml
from typer.main import get_command

from keyledger.cli.main import app
from keyledger.contract.settings import Settings

ROOT: Final = Path(__file__).parents[2]
FOLDER: Final = ROOT / "deploy/kubernetes"
OTHERS: Final = ("kustomization.yaml", "scaling.yaml")
"""Of kinds that are not Kubernetes' own."""
FILES: Final = sorted(file.name for file in FOLDER.glob("*.yaml"))


def manifests(kind: str) -> list[dict[str, Any]]:
    loaded = [one for file in FILES for one in yaml.safe_load_all((FOLDER / file).read_text())]
    return [one for one in loaded if one["kind"] == kind]


def pods() -> list[dict[str, Any]]:
    return [one["spec"]["template"]["spec"] for kind in ("Deployment", "Job") for one in manifests(kind)]


@pytest.mark.parametrize("file", [name for name in FILES if name not in OTHERS])
def test_a_manifest_keeps_the_schema(file: str) -> None:
    """Strictly: an unknown member is a fault."""
    checked = subprocess.run(
        [ROOT / ".venv/bin/kubernetes-validate", "--strict", "--no-warn", FOLDER / file],
        capture_output=True,
        text=True,
        check=False,
    )
    assert 0 == checked.returncode, checked.stdout + checked.stderr


def test_every_manifest_is_applied() -> None:
    """What stands in the folder and not in the kustomization would be forgotten."""
    (kustomization,) = manifests("Kustomization")
    assert sorted(kustomization["resources"]) == [name for name in FILES if name != "kustomization.yaml"]


def test_every_command_and_setting_exists() -> None:
    """As the image's entry point runs it."""
    known = set(get_command(app).commands)  # type: ignore[attr-defined]
    fields = {f"KEYLEDGER_{name.upper()}" for name in Settings.model_fields} | {"KEYLEDGER_SECRETS_DIR"}
    named = set(manifests("ConfigMap")[0]["data"])
    for pod in pods():
        (container,) = pod["containers"]
        assert container["args"][0] in known
        named |= {variable["name"] for variable in container.get("env", ())}
    assert set() == named - fields


def test_every_pod_has_no_rights_it_does_not_need() -> None:
    """The restricted standard, a read-only file system, no token of the cluster, a limit of memory."""
    for pod in pods():
        (container,) = pod["containers"]
        assert pod["securityContext"]["runAsNonRoot"]
        assert not pod["automountServiceAccountToken"]
        security = container["securityContext"]
        assert (False, True, ["ALL"]) == (
            security["allowPrivilegeEscalation"],
            security["readOnlyRootFilesystem"],
            security["capabilities"]["drop"],
        )
        assert "memory" in container["resources"]["limits"]


def test_what_serves_is_looked_after() -> None:
    """Probes for each, and a budget for each of which there are several; ports by names that exist."""
    budgets = {one["spec"]["selector"]["matchLabels"]["app"] for one in manifests("PodDisruptionBudget")}
    for deployment in manifests("Deployment"):
        (container,) = deployment["spec"]["template"]["spec"]["containers"]
        ports = {port["name"] for port in container["ports"]}
        assert {container[probe]["httpGet"]["port"] for probe in ("startupProbe", "livenessProbe")} <= ports
        if deployment["spec"].get("replicas") != 1:
            assert deployment["metadata"]["name"] in budgets
    (scaled,) = manifests("ScaledObject")
    assert scaled["spec"]["scaleTargetRef"]["name"] in {
        one["metadata"]["name"] for one in manifests("Deployment")
    }
    assert "keyledger_lanes_waiting_commands" in scaled["spec"]["triggers"][0]["metadata"]["query"]


def test_every_network_policy_is_about_pods_that_exist() -> None:
    """By the labels that pods have in the end: kustomize adds its own to pods only when it is told to."""
    (kustomization,) = manifests("Kustomization")
    added: dict[str, str] = {}
    for label in kustomization["labels"]:
        added |= label["pairs"] if label.get("includeTemplates") else {}
    labelled = [
        one["spec"]["template"]["metadata"]["labels"] | added
        for kind in ("Deployment", "Job")
        for one in manifests(kind)
    ]
    serving = [pod for pod in labelled if pod["app"] != "keyledger-migrate"]
    for policy in manifests("NetworkPolicy"):
        wanted = policy["spec"]["podSelector"].get("matchLabels", {})
        assert [] != [pod for pod in serving if wanted.items() <= pod.items()], policy["metadata"]["name"]
