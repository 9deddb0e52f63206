"""A plant's year, step by step: machines run and wear, fail, and are worked on; a policy watches.

Rule: a policy sees what people see (calendars, load counters, sensors, what technicians say) and asks for
work; it never sees a part's life. Work takes technicians' time, parts take theirs to come, and the ledger
is kept here alone, so that it is kept alike for every policy.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

import numpy as np

from simulators.degradation import FailureMode
from simulators.machine import Strain
from simulators.technician import Sight, inspect
from simulators.year.ledger import Cost, Ledger
from simulators.year.plant import Hours, Part, Plant
from simulators.year.settings import DAY_H
from simulators.year.workshop import Booking, Crew, Stops

_LUCK = 0xB1


class Why(StrEnum):
    """What work is for."""

    BREAKDOWN = "breakdown"
    AGE = "age"
    """A part has reached the age at which it is replaced."""
    FOUND = "found"
    """A technician has found wear."""
    INSPECTION = "inspection"
    INSTRUMENT = "instrument"
    """A sensor is looked at."""


@dataclass(frozen=True, slots=True)
class Job:
    """Work that is booked."""

    why: Why
    machine: int
    place: int
    """Of the component; -1: none in particular."""
    booking: Booking
    is_in_stop: bool = False
    """In a planned stop of its line."""
    stands_from_h: float = math.inf
    """Since when the machine stands; infinity: it stands for the work alone, or not at all."""
    hinted: tuple[int, ...] = ()
    """Where the technician is told to look."""
    order: int = 0
    """The case that it is for; 0: none."""
    sensor: str = ""


class Policy(Protocol):
    """How a plant is maintained."""

    def look(self, course: Course, step: int) -> None:
        """See what there is to see at the beginning of a step, and ask for work."""

    def inspected(self, course: Course, job: Job, sight: Sight) -> None:
        """A technician has looked."""

    def mended(self, course: Course, job: Job, mode: FailureMode) -> None:
        """A component is new; it wore in that way."""

    def instrument_checked(self, course: Course, job: Job, was_faulty: bool) -> None:
        """A sensor was looked at, and replaced where it was faulty."""


class Course:
    """One plant under one policy.

    Args:
        plant: The hidden truth.
        burn_in: The policy of the years before, which nobody counts.
    """

    def __init__(self, plant: Plant, burn_in: Policy) -> None:
        settings = plant.settings
        self.plant = plant
        self.settings = settings
        self.crew = Crew(settings.crew)
        self.stops = Stops(settings.stops, settings.year.lines)
        self.ledger = Ledger()
        self.hour = -settings.year.burn_in_days * DAY_H
        self.end_h = settings.year.days * DAY_H
        n_machines, n_places = len(plant.machines), len(settings.components)
        self._numbers = np.zeros((n_machines, n_places), int)
        self._parts = [[plant.part(m, p, 0) for p in range(n_places)] for m in range(n_machines)]
        self._lives = np.array([[part.life_h for part in row] for row in self._parts])
        self._ages = np.array([[plant.first_age_h(m, p) for p in range(n_places)] for m in range(n_machines)])
        self._down_until = np.full(n_machines, -math.inf)
        self._loads = plant.loads()
        self._jobs: list[Job] = []
        self._mended_sensors: dict[tuple[int, float], float] = {}
        self._n_luck = 0
        self._policy = burn_in

    # -- the story --------------------

    def run(self, policy: Policy) -> Ledger:
        """Live through the burn-in and the year."""
        year = self.settings.year
        usual = self._loads.mean(axis=0)
        for _ in range(year.burn_in_steps):
            self._step(usual, -1)
        self._policy, self.ledger = policy, Ledger()
        for step in range(year.steps):
            self._step(self._loads[step], step)
        for job in self._jobs:
            if job.why is Why.BREAKDOWN:
                self._pay(job)
        return self.ledger

    def _step(self, loads: Hours, step: int) -> None:
        self._work()
        self._policy.look(self, step)
        running = self._down_until <= self.hour
        self._ages += np.where(running, loads, 0.0)[:, None]
        self.hour += self.settings.year.hours_per_window
        for machine, place in np.argwhere((self._ages >= self._lives) & running[:, None]):
            if self._down_until[machine] <= self.hour:  # of two parts at once the first one stops it
                self._break_down(int(machine), int(place))

    # -- what a policy may see --------------------

    def age_h(self, machine: int, place: int) -> float:
        """By the load counter, since the part was fitted."""
        return float(self._ages[machine, place])

    def is_running(self, machine: int) -> bool:
        """Whether it is switched on."""
        return bool(self._down_until[machine] <= self.hour)

    def jobs_of(self, machine: int) -> list[Job]:
        """What is booked for it."""
        return [job for job in self._jobs if job.machine == machine]

    def lead_h(self, machine: int, place: int) -> float:
        """Until there is a part, when it is ordered."""
        return self.plant.lead_h(self.settings.components[place], self._parts[machine][place])

    # -- what only sensors may see --------------------

    def strain(self, machine: int) -> Strain:
        """What acts on a machine now."""
        ambient_c = self.plant.ambient_c(self.hour)
        wears = self._wears(machine)
        place = max(wears, key=lambda each: wears[each])
        mode = self._parts[machine][place].mode if wears[place] > 0 else None
        return self.plant.machines[machine].strain(Strain(mode, wears[place], ambient_c), self.hour)

    def mended_h(self, machine: int, start_h: float) -> float:
        """When the sensor trouble of a machine that began then was ended by a technician."""
        return self._mended_sensors.get((machine, start_h), math.inf)

    # -- what a policy may ask for --------------------

    def inspect(self, machine: int, is_urgent: bool, hinted: tuple[int, ...] = (), order: int = 0) -> None:
        """Have somebody look; the machine runs on."""
        hours = self.settings.technician.inspection_h
        windows = self.crew.any_time(self.hour) if is_urgent else self.crew.shifts(self.hour)
        booking = self.crew.book(machine, windows, hours)
        if booking is not None:
            self._jobs.append(Job(Why.INSPECTION, machine, -1, booking, hinted=hinted, order=order))

    def check_sensor(self, machine: int, sensor: str, order: int) -> None:
        """Have somebody look at a sensor; empty: at all of them."""
        hours = self.settings.technician.inspection_h
        booking = self.crew.book(machine, self.crew.shifts(self.hour), hours)
        if booking is not None:
            self._jobs.append(Job(Why.INSTRUMENT, machine, -1, booking, order=order, sensor=sensor))

    def replace_in_stop(self, machine: int, place: int, why: Why, latest_h: float, order: int = 0) -> bool:
        """Book a replacement into a planned stop of its line that is over by then, if one has room."""
        earliest_h = self.hour + self.lead_h(machine, place)
        for window in self.stops.of(self.plant.machines[machine].line, earliest_h):
            if window.end_h > latest_h:
                return False
            booking = self.crew.book(machine, [window], self.settings.components[place].repair_h)
            if booking is not None:
                self._jobs.append(Job(why, machine, place, booking, is_in_stop=True, order=order))
                return True
        return False

    def replace_soon(self, machine: int, place: int, is_urgent: bool, order: int = 0) -> None:
        """Book a replacement in a stop of its own, as soon as part and crew are there."""
        earliest_h = self.hour + self.lead_h(machine, place)
        windows = self.crew.any_time(earliest_h) if is_urgent else self.crew.shifts(earliest_h)
        booking = self.crew.book(machine, windows, self.settings.components[place].repair_h)
        if booking is not None:
            self._jobs.append(Job(Why.FOUND, machine, place, booking, order=order))

    # -- what happens --------------------

    def _work(self) -> None:
        """Begin and end what is booked."""
        for job in [j for j in self._jobs if j.booking.end_h <= self.hour]:
            self._jobs.remove(job)
            self._finish(job)
        for job in self._jobs:
            if job.booking.start_h <= self.hour and job.place >= 0:
                self._down_until[job.machine] = max(self._down_until[job.machine], job.booking.end_h)

    def _finish(self, job: Job) -> None:
        self._pay(job)
        if job.why is Why.INSPECTION:
            self._look_at(job)
        elif job.why is Why.INSTRUMENT:
            self._policy.instrument_checked(self, job, self._mend_sensor(job))
        else:
            mode = self._parts[job.machine][job.place].mode
            self._fit(job.machine, job.place)
            self._policy.mended(self, job, mode)

    def _look_at(self, job: Job) -> None:
        wears = self._wears(job.machine)
        sight = inspect(wears, job.hinted, self.settings.technician, self._luck(job.machine))
        self.ledger.orders += 1
        self.ledger.false_orders += max(wears.values()) <= 0
        self.ledger.missed += max(wears.values()) > 0 and sight.place is None
        self._policy.inspected(self, job, sight)

    def _mend_sensor(self, job: Job) -> bool:
        self.ledger.orders += 1
        found = False
        for trouble in self.plant.machines[job.machine].troubles:
            is_there = (
                trouble.start_h <= self.hour < min(trouble.end_h, self.mended_h(job.machine, trouble.start_h))
            )
            if is_there and job.sensor in ("", trouble.sensor):
                self._mended_sensors[job.machine, trouble.start_h] = self.hour
                found = True
        self.ledger.false_orders += not found
        return found

    def _fit(self, machine: int, place: int) -> None:
        """A new part."""
        self.ledger.retire(self.age_h(machine, place), float(self._lives[machine, place]))
        self._numbers[machine, place] += 1
        part = self.plant.part(machine, place, int(self._numbers[machine, place]))
        self._parts[machine][place] = part
        self._lives[machine, place] = part.life_h
        self._ages[machine, place] = 0.0

    def _break_down(self, machine: int, place: int) -> None:
        spec, part = self.settings.components[place], self._parts[machine][place]
        self.ledger.failures += 1
        self.ledger.sudden += part.pf_h <= 0
        self.ledger.announced += any(job.order for job in self.jobs_of(machine))
        order = self._call_off(machine, place)
        wait_h = max(
            self.settings.crew.call_out_h, self.lead_h(machine, place) * self.settings.parts.express_share
        )
        hours = spec.repair_h + spec.damage_h
        booking = self.crew.book(machine, self.crew.any_time(self.hour + wait_h), hours)
        if booking is None:
            raise RuntimeError("a crew has time some day")
        job = Job(Why.BREAKDOWN, machine, place, booking, stands_from_h=self.hour, order=order)
        self._jobs.append(job)
        self._down_until[machine] = booking.end_h
        self._note(f"{self.hour:7.0f} h {machine:3d} {spec.name} fails, P-F {part.pf_h:.0f} h, {part.mode}")

    def _call_off(self, machine: int, place: int) -> int:
        """Cancel what a breakdown makes pointless; returns the case that it was for."""
        order = 0
        for job in self.jobs_of(machine):
            if job.place == place or job.why is Why.INSPECTION:
                self._jobs.remove(job)
                self.crew.cancel(job.booking)
                order = job.order or order
        return order

    def _pay(self, job: Job) -> None:
        """Whatever a job cost, when it is done."""
        ledger, money, booking = self.ledger, self.settings.money, job.booking
        rate = money.labour_per_h
        if not self.crew.is_working(booking.start_h):
            rate *= self.settings.crew.overtime_factor
        ledger.pay(Cost.LABOUR, rate * booking.hours)
        if job.place < 0:
            return
        spec = self.settings.components[job.place]
        per_h = self.plant.circumstances.downtime_per_h
        if job.why is Why.BREAKDOWN:
            stands_h = min(booking.end_h, self.end_h) - max(job.stands_from_h, 0.0)
            ledger.unplanned_h += stands_h
            ledger.pay(Cost.UNPLANNED, stands_h * per_h)
            is_flown_in = not self._parts[job.machine][job.place].is_in_stock
            price = spec.part * (money.express_factor if is_flown_in else 1.0)
            ledger.pay(Cost.PARTS, price + spec.part * spec.damage_factor)
            return
        ledger.pay(Cost.PARTS, spec.part)
        if not job.is_in_stop:
            ledger.planned_h += booking.hours
            ledger.pay(Cost.PLANNED, booking.hours * per_h * money.planned_share)

    def _wears(self, machine: int) -> dict[int, float]:
        return {
            place: part.wear(float(self._ages[machine, place]))
            for place, part in enumerate(self._parts[machine])
        }

    def _luck(self, machine: int) -> np.random.Generator:
        self._n_luck += 1
        return np.random.default_rng(np.random.SeedSequence([self.plant.seed, _LUCK, machine, self._n_luck]))

    def _note(self, text: str) -> None:
        self.ledger.notes.append(text)

    def part_of(self, machine: int, place: int) -> Part:
        """The part that is fitted; for whoever looks why, never for a policy."""
        return self._parts[machine][place]
