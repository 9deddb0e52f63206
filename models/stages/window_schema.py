"""The curated schema of a profile's windows.

Rule: a profile is what people agreed on about a kind of machine: its channels, their units and ranges, its
features. The schema says that in the words of validation and holds the profile itself, so that all stages
take it from here alone. Where data are at hand, ranges may be drafted closer.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from tensorflow_metadata.proto.v0 import schema_pb2

from contract.errors import ConfigError
from contract.features import feature_specs
from contract.profiles import (
    TRANSITION_REGIME,
    UNKNOWN_REGIME,
    MachineProfile,
    format_profile,
    parse_profile,
)
from contract.signals import SensorSpec
from models.recorded import (
    END,
    GAP,
    HIGH,
    LOW,
    MACHINE,
    PROFILE,
    REGIME,
    TIME,
    Recorded,
    channel_columns,
    feature_columns,
    fingerprint,
)
from models.stages.schema import UNIT_TAG, add_comparators, set_range

_TEXTS, _NUMBERS, _WHOLES = schema_pb2.BYTES, schema_pb2.FLOAT, schema_pb2.INT


def draft_window_schema(profile: MachineProfile, machines: Sequence[Recorded] = ()) -> Any:
    """A schema for a person to edit.

    Args:
        profile: The machines'.
        machines: Their ranges are drafted around what these delivered, where that is closer than the
            profile's; none: the profile's own.

    Returns:
        A `tensorflow_metadata` Schema.
    """
    schema = schema_pb2.Schema(represent_variable_length_as_ragged=True)
    schema.annotation.comment.append(format_profile(profile))
    for name, kind in ((MACHINE, _TEXTS), (PROFILE, _TEXTS), (TIME, _WHOLES), (GAP, _WHOLES)):
        _add(schema, name, kind)
    _only(schema.feature[1], [fingerprint(profile)])
    for single in schema.feature[:2]:
        single.value_count.max = 1
    end = schema.feature.add(name=END, type=_WHOLES)
    end.presence.min_fraction, end.value_count.max = 0.0, 1
    regime = _add(schema, REGIME, _TEXTS)
    if profile.regime is not None:
        _only(regime, [*profile.regime.names, UNKNOWN_REGIME, TRANSITION_REGIME])
    _add_channels(schema, profile, machines)
    for column, spec in zip(feature_columns(profile), feature_specs(profile), strict=True):
        feature = _add(schema, column, _NUMBERS)
        feature.annotation.tag.append(f"{UNIT_TAG}={spec.unit}")
        add_comparators(feature)
    return schema


def profile_of(schema: Any) -> MachineProfile:
    """The profile that a schema describes.

    Raises:
        ConfigError: it holds none, or lacks a column of it.
    """
    if not schema.annotation.comment:
        raise ConfigError("schema: holds no profile of an edge model; draft one from the profile")
    profile = parse_profile(schema.annotation.comment[0], "schema")
    names = {feature.name for feature in schema.feature}
    wanted = [MACHINE, PROFILE, TIME, GAP, REGIME, *channel_columns(profile), *feature_columns(profile)]
    lacking = [name for name in wanted if name not in names]
    if lacking:
        raise ConfigError(f"schema: feature {lacking[0]} is missing; every machine of {profile.name} has it")
    return profile


def _add(schema: Any, name: str, kind: Any) -> Any:
    feature = schema.feature.add(name=name, type=kind)
    feature.presence.min_fraction, feature.presence.min_count = 1.0, 1
    feature.value_count.min = 1
    return feature


def _only(feature: Any, words: Sequence[str]) -> None:
    feature.string_domain.name = feature.name
    feature.string_domain.value.extend(words)


def _add_channels(schema: Any, profile: MachineProfile, machines: Sequence[Recorded]) -> None:
    for spec in profile.sensors:
        seen = [machine.channels[spec.name].ravel() for machine in machines]
        for prefix in (LOW, HIGH):
            feature = _add(schema, f"{prefix}{spec.name}", _NUMBERS)
            feature.annotation.tag.append(f"{UNIT_TAG}={spec.unit}")
            if seen:
                set_range(feature, np.concatenate(seen))
            _bound(feature.float_domain, spec)


def _bound(domain: Any, spec: SensorSpec) -> None:
    """Keep a range within what the sensor can truly deliver."""
    low, high = spec.range_min, spec.range_max
    if math.isfinite(low) and not (domain.HasField("min") and domain.min > low):
        domain.min = low
    if math.isfinite(high) and not (domain.HasField("max") and domain.max < high):
        domain.max = high
