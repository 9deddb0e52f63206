"""What the API takes and answers about cases, as OpenAPI describes it.

Rule: what may be done to a case is judged by `cloud.cases`, and what a finding may say by `cloud.findings`,
once; what stands here only gives it a shape and words.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints

from cloud.cases import CaseState, What
from cloud.findings import Activity, FailureCause, FailureMode, Finding
from cloud.store.cases import StoredCase, StoredEntry
from cloud.triage import Assessment
from contract.labels import ComponentEnd, Verdict

Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=80)]
Text = Annotated[str, StringConstraints(strip_whitespace=True, max_length=2000)]


class _In(BaseModel):
    model_config = ConfigDict(extra="forbid")


class CaseReason(_In):
    """Why it is done."""

    why: Text = Field(default="", description="For whoever reads the case later")


class Assign(CaseReason):
    """Who shall do it."""

    to: Name = Field(description="Name of the person; one's own to claim it", examples=["Jo Brandt"])


class Snooze(CaseReason):
    """Until when it may rest."""

    until: AwareDatetime = Field(description="With a time zone", examples=["2026-03-09T06:00:00Z"])


class Comment(_In):
    """Something worth writing down."""

    text: Text = Field(min_length=1, examples=["Ordered the bearing; it comes on Thursday."])


class FindingIn(_In):
    """What was found, in the codes of ISO 14224:2016, annex B."""

    verdict: Verdict = Field(description="`true` and `early` need mode, cause and activity")
    found_at: AwareDatetime | None = Field(default=None, description="Null: now")
    mode: FailureMode | None = Field(default=None, description="Table B.6", examples=["VIB"])
    cause: FailureCause | None = Field(default=None, description="Table B.3", examples=["3.4"])
    activity: Activity | None = Field(default=None, description="Table B.5", examples=["1"])
    component: str = Field(default="", description="As the maintenance log names it", examples=["bearing"])
    end: ComponentEnd = Field(default=ComponentEnd.RUNS_ON, description="What became of the component")
    note: Text = ""

    def build(self, now: datetime) -> Finding:
        """As the rules know it.

        Raises:
            DataError: it contradicts itself.
        """
        return Finding(
            self.verdict,
            self.found_at or now,
            self.mode,
            self.cause,
            self.activity,
            self.component,
            self.end,
            self.note,
        )


class FindingOut(BaseModel):
    """What was found."""

    model_config = ConfigDict(from_attributes=True)
    verdict: Verdict
    found_at: datetime
    mode: FailureMode | None
    cause: FailureCause | None
    activity: Activity | None
    component: str
    end: ComponentEnd
    note: str


class CaseOut(BaseModel):
    """A case as it stands."""

    id: int = Field(examples=[41])
    version: int = Field(description="Give it as `If-Match` with what you do, so that nobody is overruled")
    device_id: str = Field(examples=["pump-07"])
    symptom: str = Field(
        description="A hint's code, `unknown`, `drift` or `sensor:NAME`", examples=["imbalance"]
    )
    severity: str = Field(description="What a failure would do", examples=["degraded"])
    urgency: str = Field(
        description="How soon somebody must act: `now`, `soon`, `plan`, `watch`", examples=["soon"]
    )
    because: list[str] = Field(description="Why these two, in sentences")
    state: CaseState
    assignee: str = Field(description="Empty: nobody is on it")
    opened_at: datetime = Field(description="By the device's clock")
    snoozed_until: datetime | None
    closed_at: datetime | None
    merged_into: int | None = Field(description="The case that goes on for this one")
    alerts: list[int] = Field(description="What it is about", examples=[[17, 18]])
    finding: FindingOut | None


class CasePage(BaseModel):
    """Cases, newest first."""

    cases: list[CaseOut]
    next_before: int | None = Field(description="Give it as `before` for the next page; null on the last")


class EntryOut(BaseModel):
    """An entry of a case's audit trail."""

    id: int
    what: What
    who: str = Field(description="A person, or `system`")
    when: datetime
    why: str


class EntryPage(BaseModel):
    """A case's audit trail, oldest first."""

    entries: list[EntryOut]
    next_after: int | None = Field(description="Give it as `after` for the next page; null on the last")


def case_out(stored: StoredCase, assessment: Assessment) -> CaseOut:
    """A case as it is answered."""
    case = stored.case
    return CaseOut(
        id=case.id,
        version=stored.version,
        device_id=case.device_id,
        symptom=case.symptom,
        severity=assessment.severity.name.lower(),
        urgency=assessment.urgency.name.lower(),
        because=list(assessment.because),
        state=case.state,
        assignee=case.assignee,
        opened_at=case.opened_at,
        snoozed_until=case.snoozed_until,
        closed_at=case.closed_at,
        merged_into=case.merged_into or None,
        alerts=sorted(case.alerts),
        finding=None if case.finding is None else FindingOut.model_validate(case.finding),
    )


def entry_out(stored: StoredEntry) -> EntryOut:
    """An entry as it is answered."""
    entry = stored.entry
    return EntryOut(id=stored.id, what=entry.what, who=entry.who, when=entry.when, why=entry.why)
