"""From a few words to the plan that the API takes."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud.api.rollout_schemas import PlanIn
from cloud.rollout_plans import PlanWords, build_plan, parse_share, parse_span, read_plan
from contract.errors import ConfigError
from ota.rollout_plan import ReleaseRef

WORDS = PlanWords("pump", "7-a")


def find(family: str, *versions: str) -> list[ReleaseRef]:
    return [ReleaseRef(family, version, "a" * 64, 9) for version in versions]


def test_the_common_case_in_flags_is_a_plan_that_can_be_carried_out() -> None:
    words = PlanWords(
        *("pump", "7-a", "5%", ("25%", "rest"), ("site=north", "site=east"), "24h"),
        *(("Europe/Berlin 22:00-04:00",), "7d", "6-b", True),
    )
    plan = PlanIn.model_validate(build_plan(words)).build("Aylin Kaya", find)
    assert [(group.name, group.share, group.soak_s) for group in plan.groups] == [
        ("canary", 0.05, 86_400.0),
        ("group 2", 0.25, 86_400.0),
        ("rest", 1.0, 0.0),
    ]
    assert (plan.groups[0].success_share, plan.groups[0].error_share) == (1.0, 0.0)
    assert all(group.windows[0].zone == "Europe/Berlin" for group in plan.groups)
    assert plan.where.where == {"site": ("north", "east")}
    assert (plan.back_to and plan.back_to.version, plan.needs_approval) == ("6-b", True)
    assert (plan.deadline_s, plan.author) == (7 * 86_400.0, "Aylin Kaya")


def test_two_words_are_enough() -> None:
    plan = PlanIn.model_validate(build_plan(WORDS)).build("A", find)
    assert [group.name for group in plan.groups] == ["canary", "rest"] and plan.back_to is None


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"canary": "five"}, "--canary .* such as 5%, not 'five'"),
        ({"canary": "0%"}, "--canary"),
        ({"then": ("25%",)}, "--then rest"),
        ({"then": ("120%", "rest")}, "--then"),
        ({"soak": "long"}, "--soak .* 24h"),
        ({"where": ("north",)}, "site=north"),
        ({"hours": ("at night",)}, "--hours"),
    ],
    ids=["canary", "zero", "no rest", "then", "soak", "where", "hours"],
)
def test_a_word_that_cannot_be_read_is_refused_with_one_that_can(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        build_plan(replace(WORDS, **changes))


@given(st.text(max_size=12))
def test_whatever_is_typed_is_read_or_refused(text: str) -> None:
    for parse in (parse_share, parse_span):
        try:
            assert parse(text, "--flag") >= 0
        except ConfigError as error:
            assert "--flag" in str(error)


PLAN = {"family": "pump", "version": "7-a", "groups": [{"name": "all"}]}


def test_a_plan_in_a_file_is_the_apis_own(tmp_path: Path) -> None:
    (tmp_path / "plan.json").write_text(json.dumps(PLAN))
    (tmp_path / "plan.toml").write_text(
        'family = "pump"\nversion = "7-a"\n[[groups]]\nname = "all"\n'
        '[[groups.windows]]\nzone = "UTC"\nstart = 22:00:00\nend = 04:00:00\n'
    )
    assert read_plan(tmp_path / "plan.json") == PLAN
    plan = PlanIn.model_validate(json.loads(json.dumps(read_plan(tmp_path / "plan.toml"), default=str)))
    assert plan.build("Jo", find).groups[0].windows[0].start.hour == 22


@pytest.mark.parametrize("text", ["{", "[1]", "\xff"], ids=["cut", "list", "bytes"])
def test_a_file_that_is_no_plan_is_one_sentence(tmp_path: Path, text: str) -> None:
    path = tmp_path / "plan.json"
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(ConfigError, match="is no plan"):
        read_plan(path)
    with pytest.raises(ConfigError, match="cannot be read"):
        read_plan(tmp_path / "none.toml")
