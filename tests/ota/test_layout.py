from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tuf.api.metadata import DelegatedRole

from ota.errors import RepositoryError
from ota.layout import (
    DIRECTOR,
    TargetName,
    bundle_target,
    delta_target,
    family_pattern,
    family_role,
    parse_target,
)

families = st.from_regex(r"[a-z][a-z0-9_-]{0,39}", fullmatch=True)
versions = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._-]{0,39}", fullmatch=True)


def role_of(family: str) -> DelegatedRole:
    return DelegatedRole(family_role(family), [], 1, True, [family_pattern(family)])


@given(families, versions, versions)
def test_every_name_is_read_as_it_was_written(family: str, version: str, old: str) -> None:
    assert parse_target(bundle_target(family, version)) == TargetName(family, version)
    assert parse_target(delta_target(family, version, old)) == TargetName(family, version, old)


@given(families, families, versions, versions)
def test_a_familys_role_covers_its_own_targets_and_no_others(
    family: str, other: str, version: str, old: str
) -> None:
    for target in (bundle_target(family, version), delta_target(family, version, old)):
        assert role_of(family).is_delegated_path(target)
        assert role_of(other).is_delegated_path(target) is (family == other)
    assert not role_of(family).is_delegated_path(DIRECTOR)


@given(st.text(max_size=80))
def test_any_text_is_a_target_or_refused(path: str) -> None:
    with suppress(RepositoryError):
        assert str(parse_target(path)) == path


@pytest.mark.parametrize(
    "path",
    [
        "",
        "pump",
        "pump/1/other.igb",
        "pump/../model.igb",
        "../1/model.igb",
        "/pump/1/model.igb",
        "pump/1/x/model.igb",
        "Pump/1/model.igb",
        "pump/1/from-.bsdiff",
        "pump/1/model.igb\n",
        DIRECTOR,
    ],
)
def test_what_is_no_release_is_refused(path: str) -> None:
    with pytest.raises(RepositoryError, match="not a release's path"):
        parse_target(path)


@pytest.mark.parametrize("name", ["", "Pump", "a/b", "a*", "p" * 41, "püm"])
def test_names_that_would_reach_beyond_are_refused(name: str) -> None:
    for make in (family_role, family_pattern, lambda each: bundle_target(each, "1")):
        with pytest.raises(RepositoryError):
            make(name)
    with pytest.raises(RepositoryError):
        bundle_target("pump", f"../{name}")
