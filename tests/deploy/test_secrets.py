"""What Kubernetes is given to keep: the real commands, with a `kubectl` that runs them here."""

from __future__ import annotations

import os
import stat
import subprocess
import sys

import pytest

from cloud.pki import commands as pki_commands
from tests.conftest import PROJECT_ROOT
from tests.deploy.manifests import KUBERNETES, objects

SCRIPT = KUBERNETES / "secrets.sh"
HEAD = (KUBERNETES / "kustomization.yaml").read_text()
KUBECTL = """\
#!/bin/sh
# Runs what it would run in the pod, and lists what it would keep.
set -eu
[ "$1" = apply ] && exec cat "$3"
shift 2
case $1 in
  exec)
    shift 3
    for word; do shift; set -- "$@" "$(echo "$word" | sed "s:/etc/industrialguard:$POD:")"; done
    exec "$@" ;;
  create)
    echo "$4"; ls "${5#--from-file=}" ;;
esac
"""


def lines_of_the_head(name: str) -> list[list[str]]:
    """The words after a program's name, for each line of instruction that runs it."""
    return [line.split()[3:] for line in HEAD.splitlines() if line.startswith(f"#   sh {name} ")]


@pytest.fixture(scope="module")
def pod(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """An environment in which `kubectl` and `industrialguard` are found, and an authority lies in the pod."""
    folder = tmp_path_factory.mktemp("kubernetes")
    programs = folder / "bin"
    programs.mkdir()
    ours = f'#!/bin/sh\nexec {sys.executable} -m industrialguard "$@"\n'
    for name, text in {"kubectl": KUBECTL, "industrialguard": ours}.items():
        (programs / name).write_text(text)
        (programs / name).chmod(stat.S_IRWXU)
    environment = {
        **os.environ,
        "PATH": f"{programs}:{os.environ['PATH']}",
        "PYTHONPATH": str(PROJECT_ROOT),
        "POD": str(folder / "pod"),
        "INDUSTRIALGUARD_CLOUD_DATA": str(folder / "pod"),
    }
    line = ["industrialguard", "cloud", "make-ca", "--root", str(folder / "root")]
    subprocess.run(line, env=environment, check=True, capture_output=True)
    return environment


@pytest.mark.slow
@pytest.mark.parametrize("words", lines_of_the_head("deploy/kubernetes/secrets.sh"), ids=lambda each: each[0])
def test_what_the_head_says_makes_a_secret_of_what_was_written(words: list[str], pod: dict[str, str]) -> None:
    done = subprocess.run(["sh", str(SCRIPT), *words], env=pod, check=True, capture_output=True, text=True)
    files = {"identity.pem", "ca.pem"}
    if words[0] == "broker":
        files |= {"mosquitto.conf", "acl", "revoked.pem"}
    said = done.stdout.split()
    assert words[0] in said and files <= set(said)


@pytest.mark.slow
def test_where_nothing_was_written_nothing_is_kept(pod: dict[str, str]) -> None:
    line = ["sh", str(SCRIPT), "broker", "broker-files", "--host", "b", "--services", "b"]
    done = subprocess.run(line, env=pod, check=False, capture_output=True, text=True)
    assert done.returncode != 0 and "mosquitto.conf" not in done.stdout


def test_every_secret_that_is_mounted_is_made() -> None:
    named = {words[0] for words in lines_of_the_head("deploy/kubernetes/secrets.sh")}
    mounted = {
        volume["secret"]["secretName"]
        for each in objects()
        for volume in each.get("spec", {}).get("template", {}).get("spec", {}).get("volumes", [])
        if "secret" in volume
    }
    assert mounted == named | {"ca", "director"}
    for name in ("ca", "director"):
        assert f"create secret generic {name} --from-file" in HEAD
    for words in lines_of_the_head("deploy/kubernetes/secrets.sh"):
        pki_commands.build_parser().parse_args([*words[1:], "--out", words[0]])
