"""Reads what `deploy/` says, for the tests that hold it against the code."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from tests.conftest import PROJECT_ROOT

DEPLOY = PROJECT_ROOT / "deploy"
KUBERNETES = DEPLOY / "kubernetes"
OURS = "industrialguard"
"""Name of our image, and of the secret."""


@dataclass(frozen=True)
class Workload:
    """A container of ours, however it is started."""

    name: str
    command: list[str]
    environment: dict[str, str]
    """Values, empty where a secret or the pod gives them."""
    ports: frozenset[int]
    raw: dict[str, Any] = field(repr=False)


def load_all(path: Path) -> list[dict[str, Any]]:
    """Every document of a YAML file."""
    return [each for each in yaml.safe_load_all(path.read_text()) if each is not None]


def compose() -> dict[str, Any]:
    """The compose file."""
    (content,) = load_all(DEPLOY / "compose.yaml")
    return content


def compose_workloads(profile: str = "") -> Iterator[Workload]:
    """Its containers of ours: those that always run, or those of a profile."""
    for name, service in compose()["services"].items():
        is_ours = service["image"].partition(":")[0] == OURS
        if is_ours and service.get("profiles", [""]) == [profile]:
            ports = frozenset(int(each.rpartition(":")[2]) for each in service.get("ports", []))
            yield Workload(name, service["command"], service["environment"], ports, service)


def objects() -> list[dict[str, Any]]:
    """Every object of the Kubernetes manifests."""
    return [each for path in sorted(KUBERNETES.glob("*.yaml")) for each in load_all(path)]


def pods() -> Iterator[tuple[str, dict[str, Any]]]:
    """Each workload's name and its pod template."""
    for each in objects():
        if each["kind"] in ("Deployment", "StatefulSet"):
            yield each["metadata"]["name"], each["spec"]["template"]


def kubernetes_workloads() -> Iterator[Workload]:
    """Its containers of ours."""
    (told,) = (each["data"] for each in objects() if each["kind"] == "ConfigMap")
    for name, template in pods():
        for container in template["spec"]["containers"]:
            if container["image"] == OURS:
                own = {each["name"]: each.get("value", "") for each in container["env"]}
                ports = frozenset(int(port["containerPort"]) for port in container["ports"])
                yield Workload(name, container["args"], {**told, **own}, ports, container)


def workloads() -> list[Workload]:
    """All of them."""
    return [*compose_workloads(), *compose_workloads("releases"), *kubernetes_workloads()]


def variables_in(text: str) -> set[str]:
    """Names of our environment variables in a text."""
    return set(re.findall(r"\bINDUSTRIALGUARD_[A-Z_]+\b", text))
