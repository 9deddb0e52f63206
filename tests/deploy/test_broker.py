"""The broker as the containers start it: a real Mosquitto, with the files of `broker-files`."""

from __future__ import annotations

import getpass
import shutil
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from cloud.certificates import IssuedCertificate
from cloud.pki.broker_files import CONFIG_FILE, REVOKED_FILE
from contract.identity import IdentityFolder
from edge_agent.errors import LinkError
from tests.conftest import obtain
from tests.deploy.manifests import DEPLOY, compose, load_all, pods
from tests.edge_agent.wire import wait_until
from tests.secured_broker import SecuredMosquitto, give_identity, make_fleet_authority, open_link

RUN = DEPLOY / "mosquitto" / "run.sh"
pytestmark = [
    pytest.mark.slow,
    # After a refused handshake paho leaves its socket to the garbage collector.
    pytest.mark.filterwarnings("ignore:unclosed <ssl.SSLSocket:ResourceWarning"),
]


class DeployedBroker(SecuredMosquitto):
    """Started by the script of the containers, as whoever runs the tests; nobody tells it to reload."""

    def command(self, files: Path) -> list[str]:
        """See `Server.prepare`."""
        with (files / CONFIG_FILE).open("a") as config:
            config.write(f"user {getpass.getuser()}\n")
        return ["sh", str(RUN), str(files)]

    def hang_up(self) -> None:
        """The script's work."""


@pytest.fixture
def deployed(tmp_path: Path, mosquitto: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[DeployedBroker]:
    monkeypatch.setenv("PATH", str(Path(mosquitto).parent), prepend=":")
    authority = make_fleet_authority(tmp_path / "fleet")
    with obtain(lambda: DeployedBroker(tmp_path / "broker", authority)) as running:
        yield running


def is_let_in(broker: DeployedBroker, identity: IdentityFolder) -> bool:
    try:
        open_link(broker.port, identity, "press-1").close()
    except LinkError:
        return False
    return True


def issue(broker: DeployedBroker, folder: Path) -> tuple[IdentityFolder, IssuedCertificate]:
    return give_identity(broker.authority, folder, "press-1")


def test_what_is_written_again_counts_without_anybody_saying_so(
    deployed: DeployedBroker, tmp_path: Path
) -> None:
    identity, issued = issue(deployed, tmp_path / "one")
    assert is_let_in(deployed, identity)
    deployed.known = [replace(issued, revoked_at=datetime.now(UTC))]
    deployed.reload()
    wait_until(lambda: not is_let_in(deployed, identity), "the revocation counts")
    again, _ = issue(deployed, tmp_path / "two")
    assert is_let_in(deployed, again)


def test_files_behind_links_as_kubernetes_mounts_them_count_too(
    deployed: DeployedBroker, tmp_path: Path
) -> None:
    """A mounted secret is a folder of links through `..data`, which is exchanged as a whole."""
    identity, issued = issue(deployed, tmp_path / "one")
    deployed.stop()
    files, first, second = (deployed.folder / name for name in ("files", "first", "second"))
    files.rename(first)
    files.mkdir()
    (files / "..data").symlink_to(first)
    for file in first.iterdir():
        (files / file.name).symlink_to(Path("..data") / file.name)
    deployed.prepare = lambda: ["sh", str(RUN), str(files)]  # type: ignore[method-assign]
    deployed.start()
    assert is_let_in(deployed, identity)

    shutil.copytree(first, second)
    listed = deployed.authority.sign_revocations(
        [replace(issued, revoked_at=datetime.now(UTC))],
        (first / REVOKED_FILE).read_bytes(),
        datetime.now(UTC),
    )
    (second / REVOKED_FILE).write_bytes(listed)
    (files / "..next").symlink_to(second)
    (files / "..next").rename(files / "..data")
    wait_until(lambda: not is_let_in(deployed, identity), "the revocation counts")


def test_told_to_stop_it_takes_its_broker_with_it(deployed: DeployedBroker, tmp_path: Path) -> None:
    identity, _ = issue(deployed, tmp_path / "one")
    deployed.stop()
    assert not is_let_in(deployed, identity)


def test_containers_run_this_script_with_the_folder_that_they_mount() -> None:
    service = compose()["services"]["broker"]
    script, folder = service["command"][1:]
    mounted = dict(reversed(each.split(":")[:2]) for each in service["volumes"])
    assert mounted == {script: "./mosquitto/run.sh", folder: "./secrets/broker"}
    (spec,) = (template["spec"] for name, template in pods() if name == "broker")
    (container,) = spec["containers"]
    script, pod_folder = container["command"][1:]
    mounts = {each["mountPath"]: each["name"] for each in container["volumeMounts"]}
    volumes = {each["name"]: each for each in spec["volumes"]}
    assert volumes[mounts[pod_folder]]["secret"]["secretName"] == "broker" and pod_folder == folder
    name = volumes[mounts[str(Path(script).parent)]]["configMap"]["name"]
    (kustomization,) = load_all(DEPLOY / "mosquitto" / "kustomization.yaml")
    assert kustomization["configMapGenerator"] == [{"name": name, "files": [RUN.name]}]
    assert service["user"] == "10001:10001" and spec["securityContext"]["runAsUser"] == 10001
