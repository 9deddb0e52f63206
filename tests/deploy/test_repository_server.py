"""The web server of releases as containers run it: a real nginx with our block, and the real client."""

from __future__ import annotations

import http.client
import os
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.conftest import obtain
from tests.deploy.manifests import DEPLOY, compose, objects, pods
from tests.ota.devices import ASSIGNMENT, Site
from tests.ota.fault_server import FaultServer
from tools.servers.process import HOST, Server
from tools.servers.programs import require_program

BLOCK = (DEPLOY / "nginx" / "repository.conf").read_text()
ROOT, API = "/srv/repository", "http://api:8080"
MODEL = bytes(range(256)) * 1000
ASSIGNMENT_PATH = "/api/v1/devices/press-1/assignment"


class Nginx(Server):
    """Our block with another folder, port and API.

    Args:
        folder: See `Server`.
        repository: What it serves.
        api: In place of the API.
    """

    name = "nginx"

    def __init__(self, folder: Path, repository: Path, api: str) -> None:
        self._program = require_program("nginx", how="apt-get install nginx-light")
        super().__init__(folder)
        self._repository, self._api = repository, api

    @property
    def url(self) -> str:
        """`http://HOST:PORT`."""
        return f"http://{HOST}:{self.port}"

    def version(self) -> str:
        """Nobody asks."""
        return ""

    def prepare(self) -> list[str]:
        """Write its configuration."""
        block = BLOCK.replace("listen 8081", f"listen {HOST}:{self.port}")
        block = block.replace(ROOT, str(self._repository)).replace(API, self._api)
        (self.folder / "block.conf").write_text(block)
        kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        temporary = " ".join(f"{kind}_temp_path {self.folder}/{kind};" for kind in kinds)
        user = "user root;" if os.geteuid() == 0 else ""  # the worker reads what this test may read
        (self.folder / "nginx.conf").write_text(
            f"daemon off; {user} pid {self.folder}/pid; events {{}}\n"
            f"http {{ access_log off; {temporary} include {self.folder}/block.conf; }}\n"
        )
        return [self._program, "-c", str(self.folder / "nginx.conf"), "-e", "stderr"]


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    """A repository in a folder; in place of the API the server that serves its assignments."""
    with FaultServer() as server:
        made = Site(server, tmp_path / "device")
        made.release("1", MODEL)
        made.appoint()
        made.assign(1, MODEL, version="1")
        made.write_stick(tmp_path / "repository")
        server.files[ASSIGNMENT_PATH] = server.files[ASSIGNMENT]
        for name in ("proposed/root.json", "policy.toml", "lock"):
            path = tmp_path / "repository" / name
            path.parent.mkdir(exist_ok=True)
            path.write_text("not for devices")
        yield made


@pytest.fixture
def nginx(site: Site, tmp_path: Path) -> Iterator[Nginx]:
    with obtain(lambda: Nginx(tmp_path / "nginx", tmp_path / "repository", site.server.url)) as running:
        yield running


def test_a_device_finds_its_assignment_and_its_model_there(site: Site, nginx: Nginx) -> None:
    site.settings = replace(site.settings, address=nginx.url, api=nginx.url)
    for _ in range(2):
        with site.look() as client:
            assert client.refresh().is_online
            assignment = client.read_assignment()
            assert assignment is not None
            assert client.fetch(client.find_assigned(assignment)).read_bytes() == MODEL
    asked = [each.path for each in site.server.served]
    assert set(asked) == {ASSIGNMENT_PATH}, "nothing else of the API is asked"


def ask(nginx: Nginx, path: str, method: str = "GET", **headers: str) -> http.client.HTTPResponse:
    connection = http.client.HTTPConnection(HOST, nginx.port, timeout=10)
    connection.request(method, path, headers={name.replace("_", "-"): text for name, text in headers.items()})
    answer = connection.getresponse()
    answer.read()
    connection.close()
    return answer


def test_who_has_the_newest_is_told_so_and_a_cut_download_goes_on(site: Site, nginx: Nginx) -> None:
    answer = ask(nginx, "/metadata/timestamp.json")
    assert (answer.status, answer.headers["Cache-Control"]) == (200, "no-cache")
    again = ask(nginx, "/metadata/timestamp.json", If_None_Match=answer.headers["ETag"])
    assert again.status == 304
    (model,) = (path for path in site.server.files if path.endswith("model.igb"))
    part = ask(nginx, model, Range="bytes=1000-")
    assert (part.status, part.headers["Content-Range"]) == (206, f"bytes 1000-{len(MODEL) - 1}/{len(MODEL)}")
    assert "immutable" in part.headers["Cache-Control"]


@pytest.mark.parametrize(
    "path",
    [
        *("/", "/policy.toml", "/lock", "/proposed/root.json", "/metadata/", "/metadata/..%2fpolicy.toml"),
        *("/metadata/99.root.json", "/api/v1/machines", "/api/v1/devices/press-1/updates", "/targets/"),
        "/api/v1/devices/press-1/../../rollouts",
    ],
)
def test_nothing_else_is_served(nginx: Nginx, path: str) -> None:
    answer = ask(nginx, path)
    assert answer.status in (400, 404) and "Cache-Control" not in answer.headers


@pytest.mark.parametrize("path", ["/metadata/timestamp.json", ASSIGNMENT_PATH])
def test_nothing_is_changed_through_it(nginx: Nginx, path: str) -> None:
    assert ask(nginx, path, "PUT").status in (403, 405)
    assert ask(nginx, path, "POST").status in (403, 405)


def test_the_containers_serve_what_the_block_names() -> None:
    service = compose()["services"]["repository"]
    mounted = dict(reversed(each.split(":")[:2]) for each in service["volumes"])
    assert mounted == {
        "/etc/nginx/conf.d/default.conf": "./nginx/repository.conf",
        ROOT: "./repository",
    }
    (listened,) = re.findall(r"listen (\d+);", BLOCK)
    assert service["ports"] == [f"{listened}:{listened}"]
    (spec,) = (template["spec"] for name, template in pods() if name == "repository")
    (container,) = spec["containers"]
    assert container["ports"] == [{"name": "files", "containerPort": int(listened)}]
    assert {"/etc/nginx/conf.d", ROOT} <= {each["mountPath"] for each in container["volumeMounts"]}
    assert container["image"] == service["image"]
    (api,) = (each for each in objects() if each["kind"] == "Service" and each["metadata"]["name"] == "api")
    assert any(f"http://api:{port['port']}" == API for port in api["spec"]["ports"])
