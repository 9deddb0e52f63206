"""What the operations page has a person type exists: services, commands, and the names to fill in."""

from __future__ import annotations

import re
import shlex

from cloud.pki import commands as pki_commands
from tests.conftest import PROJECT_ROOT
from tests.deploy.manifests import DEPLOY, compose

PAGE = (PROJECT_ROOT / "docs" / "operations.md").read_text()
HOUR = PAGE[PAGE.index("## The first hour") : PAGE.index("## What runs")]
OPTIONS = ("--rm", "-T", "-e", "INDUSTRIALGUARD_ROOT_PASSPHRASE")


def typed() -> list[list[str]]:
    """The words of each `pc run`, in the blocks and in the text, without its options."""
    lines = re.findall(r"^pc run .+$", HOUR, flags=re.MULTILINE) + re.findall(r"`(pc run [^`]+)`", HOUR)
    runs = [shlex.split(line.partition(" > ")[0].replace("...", "why")) for line in lines]
    return [[word for word in run[2:] if word not in OPTIONS] for run in runs]


def test_every_run_is_of_a_service_and_a_command_that_there_is() -> None:
    services = compose()["services"]
    for words in typed():
        assert words[0] in services and services[words[0]]["profiles"] == ["pki"]
        if words[0] == "pki":
            arguments = pki_commands.build_parser().parse_args(words[1:])
            out = getattr(arguments, "out", None) or getattr(arguments, "root", None)
            assert out is None or str(out).startswith("/etc/industrialguard/"), "the folder that is mounted"


def test_each_identity_is_made_before_its_process_starts() -> None:
    made = [words[-1] for words in typed() if "service-identity" in words]
    mounted = [compose()["services"][name]["environment"] for name in ("ingest", "sink", "releases")]
    assert made == [each["INDUSTRIALGUARD_IDENTITY"] for each in mounted]
    assert HOUR.index("pc run --rm broker-files") < HOUR.index("pc up")


def test_a_token_goes_into_its_file_alone() -> None:
    """With a terminal, compose would write what is meant for the person into the file, too."""
    (line,) = re.findall(r"^pc run .+ > token$", HOUR, flags=re.MULTILINE)
    assert " -T " in line


def test_the_example_names_everything_that_compose_asks_for() -> None:
    text = (DEPLOY / "compose.yaml").read_text()
    asked = set(re.findall(r"\$\{(\w+):\?", text))
    optional = set(re.findall(r"\$\{(\w+):-", text)) - {"OTEL_EXPORTER_OTLP_ENDPOINT"}
    named = set(re.findall(r"^(\w+)=", (DEPLOY / "example.env").read_text(), flags=re.MULTILINE))
    assert named == asked | optional
