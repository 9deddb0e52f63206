"""When a machine type's forecast is trained again, and when it is left alone.

Rule: pure. A run needs a cause that a person can read, a snapshot that no finished run was made of, and a
cool-down since the last run, however that ended. The model that comes of it replaces nothing by itself: only
the pipeline's evaluation does.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from enum import StrEnum
from pathlib import Path

from contract.errors import ConfigError
from contract.toml_tables import build, parse_toml

MAX_REASON = 200
"""Characters; as long as the pipeline takes."""


@dataclass(frozen=True, slots=True)
class Policy:
    """When to train again; a limit of 0 switches its trigger off.

    Raises:
        ConfigError: numbers that make no sense.
    """

    max_age_days: float = 30.0
    """Schedule: since the model in charge was published."""
    new_failures: int = 20
    """New labels: failures in the newest snapshot, beyond those in the model's own."""
    drifted_columns: int = 1
    """Drift: columns of the last accepted span that went further than the schema allows."""
    live_error_factor: float = 1.5
    """Live error: of the model's forecasts, as a multiple of its own evaluation's error."""
    live_failures: int = 5
    """Fewest failures by which the live error is judged."""
    live_window_days: float = 90.0
    """How far back forecasts are judged."""
    cool_down_h: float = 24.0
    """From the end of any run to the next one's beginning."""
    period_s: float = 3600.0
    """Between two looks, where the command stays."""

    def __post_init__(self) -> None:
        numbers = {each.name: getattr(self, each.name) for each in fields(self)}
        for name, value in numbers.items():
            if not (math.isfinite(value) and value >= 0):
                raise ConfigError(f"policy: {name} must be a number from 0, not {value}")
        for name in ("live_failures", "live_window_days", "cool_down_h", "period_s"):
            if not numbers[name]:
                raise ConfigError(f"policy: {name} must be larger than 0")
        if 0 < self.live_error_factor < 1:
            raise ConfigError("policy: live_error_factor must be 1 or more, or 0 for off")

    @property
    def cool_down(self) -> timedelta:
        """As a length of time."""
        return timedelta(hours=self.cool_down_h)


def read_policy(path: Path) -> Policy:
    """Read a policy's TOML file: keys are `Policy`'s fields; those that are absent keep their defaults.

    Raises:
        ConfigError: it cannot be read, or is none; names the file.
    """
    try:
        return build(Policy, parse_toml(path.read_text("utf-8")), "policy")
    except (OSError, UnicodeDecodeError, ConfigError) as error:
        raise ConfigError(f"{path}: {error}") from error


@dataclass(frozen=True, slots=True)
class InCharge:
    """What is known of the model in charge."""

    version: str
    """In the registry."""
    published: datetime
    """Aware UTC."""
    snapshot: str = ""
    """Name of the one that it was trained on; empty: not known."""
    failures: int | None = None
    """In that snapshot; None: not known any more."""
    rmse: float | None = None
    """Of its evaluation, in the type's time unit; None: not known."""


@dataclass(frozen=True, slots=True)
class Newest:
    """The newest snapshot."""

    name: str
    failures: int
    """Lives in it that ended in a failure."""


@dataclass(frozen=True, slots=True)
class Live:
    """How good the forecasts of the model in charge turned out to be."""

    rmse: float
    """In the type's time unit."""
    failures: int
    """By which it is judged."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """What speaks for training again."""

    snapshot: Newest | None = None
    """None: there is none."""
    in_charge: InCharge | None = None
    """None: no model is."""
    drifted: Sequence[str] = ()
    """Columns of the last accepted span that went too far, unless the model in charge has learned them."""
    live: Live | None = None
    """None: nothing has failed since, or nobody asked."""


class Cause(StrEnum):
    """Why a run begins; the first that holds is told."""

    FIRST = "first model"
    LIVE_ERROR = "live error"
    DRIFT = "drift"
    NEW_LABELS = "new labels"
    SCHEDULE = "schedule"


class Result(StrEnum):
    """How a run ended."""

    BLESSED = "blessed"
    """Its model is in charge."""
    NOT_BLESSED = "not blessed"
    """Its model was judged, and the one before stays."""
    REFUSED = "refused"
    """Its data were."""
    FAILED = "failed"
    """It broke for another reason."""
    LOST = "lost"
    """Its process died."""


USED_UP = (Result.BLESSED, Result.NOT_BLESSED, Result.REFUSED)
"""After these the same snapshot would come to the same end."""


@dataclass(frozen=True, slots=True)
class PastRun:
    """A run that began."""

    began: datetime
    """Aware UTC."""
    who: str
    """On whose behalf, and where."""
    cause: Cause
    reason: str
    snapshot: str
    """Its name."""
    ended: datetime | None = None
    """None: it is under way, or its process died and nobody has looked since."""
    result: Result | None = None
    detail: str = ""
    """The version, or why there is none."""


@dataclass(frozen=True, slots=True)
class Trigger:
    """Train now."""

    cause: Cause
    reason: str
    """One sentence with the numbers, for the history; up to `MAX_REASON` characters with the cause."""

    def __str__(self) -> str:
        return f"{self.cause}: {self.reason}"[:MAX_REASON]


@dataclass(frozen=True, slots=True)
class Wait:
    """Do nothing now."""

    reason: str


def decide(policy: Policy, evidence: Evidence, past: Sequence[PastRun], now: datetime) -> Trigger | Wait:
    """Whether to train now, and why.

    Args:
        policy: The limits.
        evidence: What is known.
        past: All runs, the last one last.
        now: Aware UTC.
    """
    snapshot, last = evidence.snapshot, past[-1] if past else None
    if snapshot is None:
        return Wait("there is no snapshot to train on")
    if last is not None and last.ended is None:
        return Wait(f"a run is under way since {last.began.isoformat(timespec='seconds')}")
    if last is not None and last.ended is not None and now < last.ended + policy.cool_down:
        until = (last.ended + policy.cool_down).isoformat(timespec="seconds")
        return Wait(f"the last run was {last.result}; the cool-down lasts until {until}")
    ends = [run.result for run in past if run.snapshot == snapshot.name and run.result in USED_UP]
    if evidence.in_charge is not None and evidence.in_charge.snapshot == snapshot.name:
        ends.append(Result.BLESSED)
    if ends:
        return Wait(f"snapshot {snapshot.name} was trained on ({ends[-1]}); take a newer one")
    return next(find_triggers(policy, evidence, snapshot, now), Wait("nothing asks for it"))


def find_triggers(policy: Policy, evidence: Evidence, snapshot: Newest, now: datetime) -> Iterator[Trigger]:
    """Everything that asks for a run, in the order of `Cause`."""
    champion = evidence.in_charge
    if champion is None:
        yield Trigger(Cause.FIRST, "no model is in charge")
        return
    live, factor = evidence.live, policy.live_error_factor
    if factor and live and champion.rmse and live.failures >= policy.live_failures:
        ratio = live.rmse / champion.rmse
        if ratio > factor:
            seen = f"{live.rmse:.3g} over {live.failures} failures"
            yield Trigger(Cause.LIVE_ERROR, f"{seen}, {ratio:.3g} times what {champion.version} had")
    if 0 < policy.drifted_columns <= len(evidence.drifted):
        named = ", ".join(evidence.drifted[:3])
        yield Trigger(Cause.DRIFT, f"{len(evidence.drifted)} columns went too far, first of all {named}")
    if policy.new_failures and champion.failures is not None:
        more = snapshot.failures - champion.failures
        if more >= policy.new_failures:
            yield Trigger(Cause.NEW_LABELS, f"{more} more failures than {champion.version} learned from")
    age_days = (now - champion.published).total_seconds() / 86_400
    if 0 < policy.max_age_days <= age_days:
        yield Trigger(Cause.SCHEDULE, f"{champion.version} is {age_days:.1f} days old")
