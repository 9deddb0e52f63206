"""requirements.lock pins all that pyproject.toml asks for, with hashes and without saying where from."""

import re
import tomllib

import pytest
from packaging.markers import Marker
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from tests.conftest import PROJECT_ROOT

LOCK = (PROJECT_ROOT / "requirements.lock").read_text()
PIN = re.compile(
    r"^(?P<name>[A-Za-z0-9._-]+)(?:\[[^]]*\])?==(?P<version>[^ ;\\]+)(?: ; (?P<marker>[^\\]+))?", re.MULTILINE
)
MACHINES = ("x86_64", "armv7l")
"""As far as pyproject.toml tells machines apart."""


def holds(marker: str | Marker | None, machine: str) -> bool:
    """Whether a marker holds on a machine."""
    return marker is None or Marker(str(marker)).evaluate({"platform_machine": machine})


def pinned_versions(machine: str) -> dict[str, list[Version]]:
    """Collect every version that is pinned for a machine."""
    pins: dict[str, list[Version]] = {}
    for found in PIN.finditer(LOCK):
        if not holds(found["marker"], machine):
            continue
        pins.setdefault(canonicalize_name(found["name"]), []).append(Version(found["version"]))
    return pins


def declared_requirements() -> list[str]:
    """List every requirement of every extra and group of pyproject.toml but the project's own extras."""
    pyproject = tomllib.loads((PROJECT_ROOT / "pyproject.toml").read_text())
    project = pyproject["project"]
    groups = [
        project["dependencies"],
        *project["optional-dependencies"].values(),
        *pyproject["dependency-groups"].values(),
    ]
    return sorted({line for group in groups for line in group if Requirement(line).name != project["name"]})


@pytest.mark.parametrize("line", declared_requirements())
def test_each_requirement_has_a_pin_that_satisfies_it(line: str) -> None:
    requirement = Requirement(line)
    for machine in MACHINES:
        if holds(requirement.marker, machine):
            versions = pinned_versions(machine).get(canonicalize_name(requirement.name), [])
            assert versions, f"{requirement.name} is not pinned: run `make lock`"
            assert all(version in requirement.specifier for version in versions), (
                "out of date: run `make lock`"
            )


def test_each_pin_has_hashes() -> None:
    entries = re.split(r"^(?=[A-Za-z0-9])", LOCK, flags=re.MULTILINE)
    pins = [entry for entry in entries if PIN.match(entry)]
    assert len(pins) > 50
    assert [entry.splitlines()[0] for entry in pins if "--hash=sha256:" not in entry] == []


def test_the_lock_says_what_but_not_where_from() -> None:
    assert not re.search(r"://|--(extra-)?index-url|--find-links| @ ", LOCK)


def test_the_header_is_the_command_of_make_lock() -> None:
    command = re.search(r"uv (pip compile .+)$", LOCK, flags=re.MULTILINE)
    assert command is not None
    recipe = re.sub(r"\s*\\\n\s*", " ", (PROJECT_ROOT / "Makefile").read_text())
    assert command[1].split(" -q")[0] in recipe
