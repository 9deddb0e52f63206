"""Maintenance by IndustrialGuard, end to end: devices, store, alerts, cases, triage, work orders, findings.

Rule: whatever decides is the shipped code, in the order and over the store in which it runs in a plant.
People are simulated: an engineer who looks at the inbox in the morning of each working day and approves
what triage puts before them, and a technician. Nobody snoozes, nobody is on holiday.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

from cloud.case_desk import CaseDesk
from cloud.cases import SENSOR, Case, CaseState, assign, close
from cloud.findings import Finding
from cloud.settings import sqlite_url
from cloud.store.assessments import assess_cases
from cloud.store.batch import Arrival
from cloud.store.cases import StoredCase, list_cases, look_again, read_case
from cloud.store.database import open_database
from cloud.store.writer import StoreWriter
from cloud.triage import Assessment, Urgency
from cloud.work_orders import Order, OrderState, Place, approve, note_placed, note_status, order_key, suggest
from contract.bundle import load_bundle
from contract.explanation import HintCode
from contract.messages import ScoreSummary
from edge_agent.tflite import ModelRunner
from simulators.degradation import FailureMode
from simulators.technician import Sight, component_replaced, nothing_found, sensor_replaced
from simulators.year.course import Course, Job
from simulators.year.device import YearDevice, plant_time
from simulators.year.on_condition import OnCondition
from simulators.year.plant import PROFILE, Plant
from simulators.year.settings import DAY_H
from simulators.year.workshop import WORKING_DAYS

ENGINEER, TECHNICIAN = "simulated engineer", "simulated technician"
OPEN = (CaseState.NEW, CaseState.ACKNOWLEDGED, CaseState.ASSIGNED)
_MOST = 1000
POINTS_AT: Mapping[str, tuple[FailureMode, ...]] = {
    HintCode.BEARING_OUTER_RACE: (FailureMode.BEARING_OUTER,),
    HintCode.BEARING_INNER_RACE: (FailureMode.BEARING_INNER,),
    HintCode.BEARING_ROLLING_ELEMENT: (FailureMode.BEARING_BALL,),
    HintCode.IMPACTS: (FailureMode.BEARING_OUTER, FailureMode.BEARING_INNER, FailureMode.BEARING_BALL),
    HintCode.IMBALANCE: (FailureMode.IMBALANCE,),
    HintCode.MISALIGNMENT: (FailureMode.MISALIGNMENT,),
    HintCode.LUBRICATION: (FailureMode.LUBRICATION,),
    HintCode.OVERHEATING: (FailureMode.LUBRICATION, FailureMode.WINDING),
    HintCode.CAVITATION: (FailureMode.CAVITATION,),
    HintCode.BLOCKED_FLOW: (FailureMode.CAVITATION,),
    HintCode.MOTOR_ELECTRICAL: (FailureMode.WINDING,),
}
"""Where a technician looks first, by what a case looks like."""


class Ours(OnCondition):
    """The whole of it; use it as a context.

    Args:
        plant: Its machines.
    """

    def __init__(self, plant: Plant) -> None:
        self._plant = plant
        bundle = load_bundle(PROFILE)
        self._clear_below = bundle.profile.alarm.clear_below
        runner = ModelRunner(bundle.model, accelerator="cpu")
        hours = plant.settings.year.hours_per_window
        self._devices = [YearDevice(truth, bundle, runner, hours) for truth in plant.machines]
        self._numbers = {truth.device_id: truth.number for truth in plant.machines}
        self._waiting: list[Arrival] = []
        self._orders: dict[int, Order] = {}
        """Of each case, its newest."""
        self._looked_into: frozenset[int] = frozenset()
        """Alerts for which somebody has looked in vain."""
        self._calm: dict[str, bool] = {}
        """Whether a machine's newest summary was calm, half of it at least."""
        self._hour = 0.0
        self._exits = ExitStack()

    def __enter__(self) -> Self:
        """Open a store of its own."""
        folder = Path(self._exits.enter_context(tempfile.TemporaryDirectory(prefix="fleet-year-")))
        self.database = open_database(sqlite_url(folder / "store.db"))
        self._exits.callback(self.database.close)
        self._writer = StoreWriter(self.database)
        self._desk = CaseDesk(self.database, lambda: plant_time(self._hour))
        self._waiting = [Arrival(each.birth(), plant_time(0.0)) for each in self._devices]
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close and remove it."""
        self._exits.close()

    # -- the policy --------------------

    def look(self, course: Course, step: int) -> None:
        """Devices look at their machines all the time, the engineer at the inbox in the morning."""
        self._hour = course.hour
        now = plant_time(course.hour)
        for device in self._devices:
            messages = device.look(course)
            self._waiting += [Arrival(message, now) for message in messages]
            for body in (message.body for message in messages):
                if isinstance(body, ScoreSummary) and body.scored_count:
                    self._calm[device.device_id] = body.score_p50 < self._clear_below
        in_day = course.hour % DAY_H - course.settings.crew.desk_h
        is_working_day = int(course.hour // DAY_H) % 7 < WORKING_DAYS
        if is_working_day and 0 <= in_day < course.settings.year.hours_per_window:
            self._writer.write(self._waiting)
            self._waiting = []
            with self.database.transaction() as session:
                look_again(session, now)
            self._read_inbox(course)

    def inspected(self, course: Course, job: Job, sight: Sight) -> None:
        """The maintenance system says that somebody is on it."""
        self._hour = course.hour
        self._tell(job.order, OrderState.STARTED)
        super().inspected(course, job, sight)

    def found_nothing(self, course: Course, job: Job) -> None:
        """A false alarm, as far as anybody can see; if that is so again, the device shall learn anew."""
        alerts = self._case(job.order).alerts
        if alerts & self._looked_into:
            self._devices[job.machine].learn_anew()
        self._looked_into |= alerts
        self._close(job.order, nothing_found(plant_time(course.hour)))

    def mended(self, course: Course, job: Job, mode: FailureMode) -> None:
        """The finding that becomes a label."""
        self._hour = course.hour
        self._devices[job.machine].learn_anew()
        if not job.order:
            return
        component = course.settings.components[job.place].name
        has_failed = job.stands_from_h < course.hour
        self._close(job.order, component_replaced(plant_time(course.hour), component, mode, has_failed))

    def instrument_checked(self, course: Course, job: Job, was_faulty: bool) -> None:
        """It was the sensor, or nothing."""
        self._hour = course.hour
        now = plant_time(course.hour)
        self._close(job.order, sensor_replaced(now, job.sensor) if was_faulty else nothing_found(now))

    # -- the engineer --------------------

    def _read_inbox(self, course: Course) -> None:
        with self.database.session() as session:
            found = list_cases(session, OPEN, limit=_MOST)
            known = assess_cases(session, [each.case for each in found], plant_time(course.hour))
        judged = [(each, known[each.case.id]) for each in found]
        judged.sort(key=lambda pair: (-pair[1].urgency, -pair[1].severity, pair[0].case.opened_at))
        for stored, assessment in judged:
            order = self._orders.get(stored.case.id)
            is_under_way = order is not None and not order.is_over
            seems_over = self._calm.get(stored.case.device_id, False) and not _is_about_sensor(stored.case)
            if not is_under_way and not seems_over and assessment.urgency >= Urgency.PLAN:
                self._order(course, stored, assessment)

    def _order(self, course: Course, stored: StoredCase, assessment: Assessment) -> None:
        """Suggestion → approval → the maintenance system, which is the simulated crew."""
        case, now = stored.case, plant_time(course.hour)
        order = Order(
            key=order_key(case.id, 1),
            case_id=case.id,
            device_id=case.device_id,
            site="plant",
            title=f"{case.device_id}: {case.symptom}",
            text=". ".join(assessment.because),
            severity=assessment.severity,
            urgency=assessment.urgency,
            suggested_at=now,
        )
        suggested = suggest(order, ENGINEER, now).order
        approved = approve(suggested, ENGINEER, now).order
        self._orders[case.id] = note_placed(approved, Place("crew", f"WO-{case.id}"), now).order
        self._desk.act(case.id, lambda each, when: assign(each, ENGINEER, TECHNICIAN, when))
        number = self._numbers[case.device_id]
        if _is_about_sensor(case):
            sensor = case.symptom.removeprefix(SENSOR) if case.symptom.startswith(SENSOR) else ""
            course.check_sensor(number, sensor, case.id)
            return
        is_urgent = assessment.urgency is Urgency.NOW
        course.inspect(number, is_urgent, self._places(case), case.id)

    def _places(self, case: Case) -> tuple[int, ...]:
        modes = POINTS_AT.get(case.symptom, ())
        return tuple(
            place
            for place, spec in enumerate(self._plant.settings.components)
            if any(mode in spec.modes for mode in modes)
        )

    def _tell(self, case_id: int, state: OrderState) -> None:
        now = plant_time(self._hour)
        self._orders[case_id] = note_status(self._orders[case_id], state, now, now).order

    def _case(self, case_id: int) -> Case:
        with self.database.session() as session:
            return read_case(session, case_id).case

    def _close(self, case_id: int, finding: Finding) -> None:
        self._tell(case_id, OrderState.DONE)
        case = self._case(case_id)
        if case.merged_into:
            case_id = case.merged_into
        elif not case.is_open:
            return
        self._desk.act(case_id, lambda each, when: close(each, TECHNICIAN, finding, when))


def _is_about_sensor(case: Case) -> bool:
    return case.symptom.startswith(SENSOR) or case.symptom == HintCode.SENSOR_FAULT
