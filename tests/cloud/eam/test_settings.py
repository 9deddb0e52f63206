"""What the operator says of the maintenance system, and what of it nobody sees."""

from __future__ import annotations

from pathlib import Path

import pytest

from cloud.eam.adapters import ADAPTERS, open_eam
from cloud.eam.settings import EamSettings, read_settings
from cloud.triage import Severity, Urgency
from cloud.work_orders import Policy
from contract.errors import ConfigError

GOOD = """
[eam]
kind = "odoo"
url = "https://odoo.plant"
user = "guard"
secret = "env:KEY"
options = { database = "plant" }
"""


def read(tmp_path: Path, text: str, **environment: str) -> EamSettings:
    file = tmp_path / "eam.toml"
    file.write_text(text)
    return read_settings(file, {"KEY": "7f3a-secret", **environment})


def test_they_are_read_and_the_secret_is_not_shown(tmp_path: Path) -> None:
    settings = read(tmp_path, GOOD)
    assert (settings.name, settings.secret, settings.options) == (
        "odoo",
        "7f3a-secret",
        {"database": "plant"},
    )
    assert "7f3a" not in repr(settings)
    assert settings.policy == Policy(), "nothing is ordered without a person"


def test_a_policy_is_said_in_words(tmp_path: Path) -> None:
    policy = '[policy]\nseverity = "critical"\nurgency = "now"\nper_site_and_day = 2'
    assert read(tmp_path, GOOD + policy).policy == Policy(Severity.CRITICAL, Urgency.NOW, 2)


@pytest.mark.parametrize("mode, is_good", [(0o600, True), (0o400, True), (0o640, False), (0o604, False)])
def test_a_secret_in_a_file_is_its_owners_alone(tmp_path: Path, mode: int, is_good: bool) -> None:
    key = tmp_path / "key"
    key.write_text("from-a-file\n")
    key.chmod(mode)
    text = GOOD.replace("env:KEY", "file:key")
    if is_good:
        assert read(tmp_path, text).secret == "from-a-file"
    else:
        with pytest.raises(ConfigError, match="chmod 600"):
            read(tmp_path, text)


@pytest.mark.parametrize(
    "old, new, said",
    [
        ("env:KEY", "7f3a-secret", "does not stand in this file"),
        ("env:KEY", "env:NOTHING", "NOTHING is not set"),
        ("env:KEY", "file:nowhere", "cannot be read"),
        ("user =", "usr =", "no 'usr'"),
        ("https://odoo.plant", "http://odoo.plant", "private = true"),
        ('"guard"', "7", "user is a text"),
        ("[eam]", "[eam", "cannot be read"),
        ("[eam]", '[policy]\nseverity = "huge"\n[eam]', "none of"),
    ],
)
def test_what_cannot_be_right_is_refused_with_its_place(
    tmp_path: Path, old: str, new: str, said: str
) -> None:
    with pytest.raises(ConfigError, match=said) as caught:
        read(tmp_path, GOOD.replace(old, new, 1))
    assert "7f3a" not in str(caught.value) and "eam.toml" in str(caught.value)


@pytest.mark.parametrize("kind", ADAPTERS)
def test_an_option_of_another_system_is_refused(tmp_path: Path, kind: str) -> None:
    text = GOOD.replace('"odoo"', f'"{kind}"').replace("database", "nothing")
    with pytest.raises(ConfigError, match="'nothing' is none"):
        open_eam(read(tmp_path, text))


def test_a_system_that_nobody_knows_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="odoo, rt, maximo"):
        open_eam(read(tmp_path, GOOD.replace('"odoo"', '"excel"')))
