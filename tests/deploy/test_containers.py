"""What compose and Kubernetes start exists: commands, settings, ports, probes, secrets."""

from __future__ import annotations

import asyncio
import re
import tomllib
from pathlib import Path

import httpx
import pytest

from cloud import __main__ as cloud_main
from cloud import life_commands, places
from cloud.monitor import Monitor
from cloud.monitor_server import ProbeApp
from cloud.pki import commands as pki_commands
from cloud.settings import parse_http_address
from contract.identity import IdentityFolder
from tests.conftest import PROJECT_ROOT
from tests.deploy.manifests import (
    DEPLOY,
    KUBERNETES,
    OURS,
    Workload,
    compose,
    compose_workloads,
    load_all,
    objects,
    pods,
    variables_in,
    workloads,
)

FILES = sorted(path for path in DEPLOY.rglob("*") if path.is_file())
PROCESSES = {"ingest", "sink", "api", "rul", "enrol", "releases"}
SHARING = {"ingest", "sink"}
SPEAKING = {*SHARING, "releases"}
"""To the broker."""
FOLDER = Path("/etc/industrialguard")
every_workload = pytest.mark.parametrize("workload", workloads(), ids=lambda each: each.name)


def known_variables() -> set[str]:
    packages = ("cloud", "contract", "edge_agent", "industrialguard")
    sources = [path.read_text() for name in packages for path in (PROJECT_ROOT / name).rglob("*.py")]
    named = {getattr(places, name) for name in ("DATA", "STREAM", "STORE", "MEMBER", "METRICS")}
    return named | {name for source in sources for name in variables_in(source)}


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(DEPLOY)))
def test_every_variable_exists(path: Path) -> None:
    assert sorted(variables_in(path.read_text()) - known_variables()) == []


@pytest.mark.parametrize(
    "path", sorted(DEPLOY.rglob("*.yaml")), ids=lambda path: str(path.relative_to(DEPLOY))
)
def test_every_yaml_file_parses(path: Path) -> None:
    assert all(isinstance(each, dict) for each in load_all(path))


def test_every_process_is_started_by_both() -> None:
    assert sorted(each.name for each in workloads()) == sorted([*PROCESSES, *PROCESSES])


@every_workload
def test_the_command_is_one_of_ours_and_its_settings_are_right(
    workload: Workload, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Parsed by the very parsers of the command, with addresses in place of what is secret."""
    program, *words = workload.command
    assert (program, words[0]) == ("cloud", workload.name)
    secrets = {
        "INDUSTRIALGUARD_STORE": "postgresql://guard:pw@postgresql:5432/guard",
        "INDUSTRIALGUARD_HOSTS": "localhost",
        "INDUSTRIALGUARD_REPOSITORY": "",
        "INDUSTRIALGUARD_REPOSITORY_ROOT": "",
        "INDUSTRIALGUARD_SIGNING_KEY": "",
        "INDUSTRIALGUARD_BEHIND_TLS": "",
    }
    environment = workload.environment | {
        name: secrets[name] for name in secrets if name in workload.environment
    }
    if workload.name in (*cloud_main.LIFE_COMMANDS, *cloud_main.PKI_COMMANDS):
        parser = life_commands.build_parser if workload.name == "rul" else pki_commands.build_parser
        arguments = parser().parse_args(words)
        assert places.read_metrics(arguments, environment) == ("0.0.0.0", 9100)
        assert places.read_places(arguments, environment)["store"] is not None
        return
    monkeypatch.setattr(IdentityFolder, "require_whole", lambda _: None)
    settings = cloud_main.build_settings(cloud_main.build_parser().parse_args(words), environment)
    assert settings.metrics == ("0.0.0.0", 9100)
    assert settings.kafka is not None
    assert (settings.store is not None) == (workload.name != "ingest")
    if workload.name in SPEAKING:
        assert str(settings.mqtt.broker) == "mqtts://broker:8884"
        assert settings.mqtt.identity == IdentityFolder(FOLDER / workload.name)
    else:
        assert settings.mqtt.identity is None
    if workload.name == "api":
        assert settings.api.port in workload.ports
    if workload.name == "releases":
        (key,) = settings.director_keys
        assert Path(key.removeprefix("file:")).parent in mounts(workload)


def test_the_desk_is_reached_where_it_listens_and_finds_its_key() -> None:
    for workload in (each for each in workloads() if each.name == "enrol"):
        arguments = pki_commands.build_parser().parse_args(workload.command[1:])
        assert parse_http_address(arguments.http) == ("0.0.0.0", 8443) and 8443 in workload.ports
        assert Path(workload.environment[places.DATA]) / "ca" == FOLDER / "ca"
        assert FOLDER / "ca" in mounts(workload)
        assert "INDUSTRIALGUARD_CA_PASSPHRASE" in workload.environment


@every_workload
def test_nobody_has_the_keys_of_another(workload: Workload) -> None:
    others = {
        "enrol": {FOLDER, FOLDER / "ca"},
        "releases": {FOLDER / "releases", FOLDER / "director"},
    }
    own = others.get(workload.name, {FOLDER / workload.name})
    found = {path for path in mounts(workload) if path.is_relative_to(FOLDER)}
    assert found <= own and bool(found) == (workload.name in {*SPEAKING, "enrol"})


def mounts(workload: Workload) -> set[Path]:
    """Where folders are mounted, by either file."""
    found = {Path(each["mountPath"]) for each in workload.raw.get("volumeMounts", [])}
    return found | {Path(each.split(":")[1]) for each in workload.raw.get("volumes", [])}


def test_what_gives_certificates_in_compose_is_taken_by_its_command() -> None:
    given = {each.name: each for each in compose_workloads("pki")}
    assert given.keys() == {"pki", "broker-files"}
    assert given["pki"].raw["entrypoint"] == [OURS, "cloud"]
    assert given["broker-files"].command[:2] == ["cloud", "broker-files"]
    arguments = pki_commands.build_parser().parse_args(given["broker-files"].command[1:])
    assert arguments.out == FOLDER / "broker" and "broker" in arguments.host
    assert parse_http_address(arguments.services) == ("0.0.0.0", 8884)
    ports = compose()["services"]["broker"]["ports"]
    assert ports == [f"{arguments.port}:{arguments.port}"], "the cloud's listener is not for devices"


def test_several_share_the_work_under_names_that_they_keep() -> None:
    for each in objects():
        if "replicas" in each.get("spec", {}) and each["metadata"]["name"] in SHARING:
            assert (each["kind"], each["spec"]["replicas"]) == ("StatefulSet", 2)
            (container,) = each["spec"]["template"]["spec"]["containers"]
            member = next(one for one in container["env"] if one["name"] == places.MEMBER)
            assert member["valueFrom"] == {"fieldRef": {"fieldPath": "metadata.name"}}
    (ingest,) = (each for each in workloads() if each.name == "ingest" and places.MEMBER in each.environment)
    assert ingest.environment["INDUSTRIALGUARD_SHARED"] == "1"


def test_the_probes_of_kubernetes_ask_what_is_answered() -> None:
    asked = {
        (probe["httpGet"]["path"], probe["httpGet"]["port"])
        for each in workloads()
        for name, probe in each.raw.items()
        if name.endswith("Probe")
    }
    assert asked == {("/healthz", "probes"), ("/readyz", "probes")}

    async def statuses() -> set[int]:
        transport = httpx.ASGITransport(ProbeApp(Monitor(), asyncio.Event()))  # type: ignore[arg-type]
        async with httpx.AsyncClient(transport=transport, base_url="http://probes") as client:
            return {(await client.get(path)).status_code for path in [*(p for p, _ in asked), "/metrics"]}

    assert asyncio.run(statuses()) == {200}


def test_metrics_are_looked_for_where_they_are() -> None:
    for name, template in pods():
        if name in PROCESSES:
            notes = template["metadata"]["annotations"]
            assert (notes["prometheus.io/port"], notes["prometheus.io/path"]) == ("9100", "/metrics")
    (scrape,) = load_all(DEPLOY / "prometheus" / "prometheus.yaml")
    always, sometimes = scrape["scrape_configs"]
    targets = always["static_configs"][0]["targets"]
    assert set(targets) == {f"{name}:9100" for name in PROCESSES - {"releases"}}
    assert sometimes["dns_sd_configs"] == [{"names": ["releases"], "type": "A", "port": 9100}]


def test_no_secret_stands_in_a_file() -> None:
    kinds = {each["kind"] for each in objects()}
    assert "Secret" not in kinds
    for workload in workloads():
        for name in ("INDUSTRIALGUARD_STORE", "INDUSTRIALGUARD_CA_PASSPHRASE"):
            value = workload.environment.get(name, "")
            assert value == "" or value.startswith(f"${{{name}:?")
    assert re.findall(r"://[^:/\s]+:(?!PASSWORD)[^@\s.]+@", "".join(map(Path.read_text, FILES))) == []


def test_pods_may_do_nothing_that_they_need_not() -> None:
    for name, template in pods():
        spec = template["spec"]
        assert spec["automountServiceAccountToken"] is False, name
        assert spec["securityContext"]["runAsNonRoot"] is True, name
        assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}, name
        for container in spec["containers"]:
            assert container["securityContext"]["allowPrivilegeEscalation"] is False, name
            assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}, name
            assert {"requests", "limits"} <= container["resources"].keys(), name
            assert "readinessProbe" in container, name
            if container["image"] == OURS:
                assert container["securityContext"]["readOnlyRootFilesystem"] is True, name


def test_services_and_policies_name_pods_that_exist() -> None:
    names = {name for name, _ in pods()}
    for each in objects():
        if each["kind"] == "Service":
            assert each["spec"]["selector"]["app"] in names
        if each["kind"] == "NetworkPolicy":
            chosen = each["spec"]["podSelector"].get("matchLabels", {}).get("app")
            assert chosen is None or chosen in names


def test_kustomize_takes_every_file() -> None:
    (content,) = load_all(KUBERNETES / "kustomization.yaml")
    files = {path.name for path in KUBERNETES.glob("*.yaml")} - {"kustomization.yaml"}
    assert set(content["resources"]) == files | {"../mosquitto", "../nginx"}
    for folder in ("mosquitto", "nginx"):
        (generated,) = load_all(DEPLOY / folder / "kustomization.yaml")
        for name in generated["configMapGenerator"][0]["files"]:
            assert (DEPLOY / folder / name).is_file()


def test_images_and_extras_are_those_of_this_version() -> None:
    project = tomllib.loads((PROJECT_ROOT / "pyproject.toml").read_text())["project"]
    version = project["version"]
    assert compose()["x-cloud"]["image"] == f"{OURS}:{version}"
    (content,) = load_all(KUBERNETES / "kustomization.yaml")
    assert content["images"] == [{"name": OURS, "newTag": version}]
    recipe = (DEPLOY / "Containerfile").read_text()
    (extras,) = re.findall(r'"\.\[([\w,]+)\]"', recipe)
    assert set(extras.split(",")) <= project["optional-dependencies"].keys()
    assert 'ENTRYPOINT ["industrialguard"]' in recipe
    used = re.findall(r"image: ([\w/.-]+:\S+)", "".join(map(Path.read_text, FILES)))
    assert len({image.partition(":")[0] for image in used}) == len(set(used)), "two versions of one image"
