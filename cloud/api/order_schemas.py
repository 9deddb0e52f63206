"""What the API takes and answers about work orders, as OpenAPI describes it.

Rule: what may be done to an order is judged by `cloud.work_orders`, once; what stands here only gives it a
shape and words.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints

from cloud.store.eam_boxes import Act, Connection, Errand, InboxItem
from cloud.store.orders import StoredEntry, StoredOrder
from cloud.work_orders import OrderState, What

Text = Annotated[str, StringConstraints(strip_whitespace=True, max_length=2000)]
Name = Annotated[str, StringConstraints(min_length=1, max_length=120)]


class _In(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Suggest(_In):
    """For which case."""

    case_id: int = Field(ge=1, le=2**63 - 1, examples=[41])


class OrderReason(_In):
    """Why."""

    why: Text = Field(default="", description="For whoever reads the order later", examples=["done in May"])


class StatusIn(_In):
    """What a maintenance system calls in with."""

    id: Name = Field(description="Of this call, the same when it is made again", examples=["evt-7001"])
    key: Name = Field(description="Ours, as it was sent", examples=["ig-41-1"])
    order_id: Name = Field(description="What it calls the order", examples=["WO-1001"])
    status: Literal["placed", "started", "done", "cancelled"]
    said_at: AwareDatetime = Field(description="When it came to be so", examples=["2026-03-09T06:00:00Z"])
    url: str = Field(default="", max_length=400, description="Where people see it")


class Received(BaseModel):
    """It is kept."""

    is_new: bool = Field(description="False: it was said before")


class OrderOut(BaseModel):
    """A work order as it stands."""

    model_config = ConfigDict(from_attributes=True)
    id: int = Field(examples=[7])
    version: int = Field(description="Give it as `If-Match` with what you do, so that nobody is overruled")
    key: str = Field(description="The maintenance system keeps it", examples=["ig-41-1"])
    case_id: int = Field(examples=[41])
    device_id: str = Field(examples=["pump-07"])
    site: str = Field(description="Empty: the machine belongs to none", examples=["north"])
    title: str
    text: str
    severity: str = Field(examples=["critical"])
    urgency: str = Field(examples=["soon"])
    state: OrderState
    is_automatic: bool = Field(description="Nobody approved it: the policy allowed it")
    suggested_at: datetime
    approved_at: datetime | None
    due: datetime | None = Field(description="Latest date at a risk of one in ten; null: nobody can say")
    eam: str = Field(description="The maintenance system that has it; empty: none yet", examples=["odoo"])
    eam_id: str = Field(description="What that calls it", examples=["1001"])
    eam_url: str = Field(description="Where people see it there; may be empty")
    said_at: datetime | None = Field(description="When its state came to be so, by that system's clock")
    why: str = Field(description="It was declined or refused")


class OrderPage(BaseModel):
    """Orders, newest first."""

    orders: list[OrderOut]
    next_before: int | None = Field(description="Give it as `before` for the next page; null on the last")


class OrderEntryOut(BaseModel):
    """An entry of an order's audit trail."""

    id: int
    what: What
    who: str = Field(description="A person, `system`, or `eam`: the maintenance system")
    when: datetime
    why: str


class OrderEntryPage(BaseModel):
    """An order's audit trail, oldest first."""

    entries: list[OrderEntryOut]
    next_after: int | None = Field(description="Give it as `after` for the next page; null on the last")


class ErrandOut(BaseModel):
    """Something that the maintenance system has to be told."""

    model_config = ConfigDict(from_attributes=True)
    key: str
    act: Act
    created_at: datetime
    due_at: datetime = Field(description="It is not tried before")
    attempts: int
    is_dead: bool = Field(description="It was refused; a person has to look")
    problem: str


class LetterOut(BaseModel):
    """Something that the maintenance system said and that could not be taken."""

    id: int
    eam: str
    key: str
    eam_id: str
    status: str
    said_at: datetime
    problem: str


class ConnectionOut(BaseModel):
    """A maintenance system."""

    model_config = ConfigDict(from_attributes=True)
    eam: str
    answered_at: datetime | None
    problem: str = Field(description="Why it cannot be used now; empty: it can")
    reconciled_at: datetime | None
    report: dict[str, Any] = Field(description="Of the last reconciliation: keys missing, doubled, unknown")


class EamOut(BaseModel):
    """How it stands between us and the maintenance system."""

    connections: list[ConnectionOut]
    waiting: list[ErrandOut]
    letters: list[LetterOut]


def order_out(stored: StoredOrder) -> OrderOut:
    """An order as it is answered."""
    order = stored.order
    names = OrderOut.model_fields.keys() - {"version", "severity", "urgency"}
    return OrderOut(
        version=stored.version,
        severity=order.severity.name.lower(),
        urgency=order.urgency.name.lower(),
        **{name: getattr(order, name) for name in names},
    )


def order_entry_out(stored: StoredEntry) -> OrderEntryOut:
    """An entry as it is answered."""
    entry = stored.entry
    return OrderEntryOut(id=stored.id, what=entry.what, who=entry.who, when=entry.when, why=entry.why)


def eam_out(connections: list[Connection], errands: list[Errand], letters: list[InboxItem]) -> EamOut:
    """How it stands, as it is answered."""
    return EamOut(
        connections=[ConnectionOut.model_validate(each) for each in connections],
        waiting=[ErrandOut.model_validate(each) for each in errands],
        letters=[
            LetterOut(
                id=each.id,
                eam=each.eam,
                key=each.said.key,
                eam_id=each.said.eam_id,
                status=str(each.said.state),
                said_at=each.said.said_at,
                problem=each.problem,
            )
            for each in letters
        ],
    )
