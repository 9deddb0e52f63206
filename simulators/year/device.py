"""A machine's device on the shortened clock: the agent's own parts in the agent's own order.

Rule: everything from a reading to the bytes of a message is the shipped code. Only the times in a message are
stretched afterwards, from the machine's clock to the plant's.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from contract.bundle import Bundle
from contract.codec import decode, encode
from contract.extract import FeatureExtractor
from contract.features import FeatureVector, feature_specs
from contract.messages import Alarm, AlarmKind, AlarmTransition, MachineState, Message, ScoreSummary
from edge_agent.aggregate import Aggregator
from edge_agent.late_hint import LateHint
from edge_agent.reports import AlarmContext, build_alarm, build_birth, pick_spectrum, to_datetime
from edge_agent.scorer import Evidence, Scorer, Verdict
from edge_agent.symptoms import SymptomLog, drift_evidence
from edge_agent.tflite import ModelRunner
from edge_agent.watch import AlarmWatch, Announcement
from simulators.year.course import Course
from simulators.year.plant import MachineTruth
from simulators.year.sensing import SensedMachine

YEAR_START = datetime(2026, 1, 5, tzinfo=UTC)
"""A Monday; hour 0 of a plant's year."""
_SECOND_H = 3600.0
_BOOT = 1


class YearDevice:
    """One device.

    Args:
        truth: Its machine.
        bundle: What it runs.
        runner: The bundle's model, loaded; several devices may share one, it remembers nothing.
        hours_per_window: Of the plant, in one of its windows.
    """

    def __init__(
        self, truth: MachineTruth, bundle: Bundle, runner: ModelRunner, hours_per_window: float
    ) -> None:
        profile = bundle.profile
        self.device_id = truth.device_id
        self._stretch = hours_per_window * _SECOND_H / profile.window.hop_s
        self._profile = profile
        self._version = bundle.manifest.version
        self._machine = SensedMachine(truth, profile, hours_per_window, YEAR_START.timestamp())
        self._extractor = FeatureExtractor(profile)
        self._scorer = Scorer(bundle, runner)
        self._watch = AlarmWatch(profile)
        self._symptoms = SymptomLog(profile)
        self._aggregator = Aggregator(profile, feature_specs(profile))
        self._late: LateHint | None = None
        self._must_learn = False
        self._sequence = 0
        self._said: list[bytes] = []

    def birth(self) -> Message:
        """Who it is and what it watches."""
        return Message(self.device_id, _BOOT, 0, YEAR_START, build_birth(self._profile), self._version)

    def look(self, course: Course) -> list[Message]:
        """Take the window that begins now; returns what there is to tell, on the plant's clock."""
        for reading in self._machine.readings(course):
            for vector in self._extractor.add(reading):
                self._judge(vector)
        said, self._said = self._said, []
        return [self._stretched(decode(each)) for each in said]

    def learn_anew(self) -> None:
        """What `industrialguard agent repaired` does: alarms are over, and the machine is another one."""
        self._must_learn = True

    def _judge(self, vector: FeatureVector) -> None:
        if self._must_learn:
            self._must_learn = False
            ended = self._watch.end(vector.event_time_s)
            self._scorer.forget()
            self._symptoms, self._late = SymptomLog(self._profile), None
            context = AlarmContext(self.device_id, self._profile, vector.regime)
            for over in ended:
                self._say(to_datetime(over.edge.event_time_s), build_alarm(over, context))
        vector, said = self._watch.inspect(vector)
        was_alarming = self._watch.is_alarming
        verdict = self._scorer.score(vector, was_alarming)
        if not was_alarming or self._late is not None:
            self._symptoms.note(vector, verdict, self._extractor.last_burst, was_alarming)
        said = [*said, *self._watch.judge(verdict)]
        self._look_again(vector, verdict)
        for announcement in said:
            self._announce(announcement, vector, verdict)
        state = MachineState.ALARMING if self._watch.is_alarming else verdict.state
        for timed in self._aggregator.add(verdict, state, vector):
            self._say(to_datetime(timed.event_time_s), timed.summary)

    def _announce(self, said: Announcement, vector: FeatureVector, verdict: Verdict) -> None:
        context = AlarmContext(self.device_id, self._profile, vector.regime)
        is_raised = said.edge.transition is AlarmTransition.RAISED
        if is_raised and said.kind is not AlarmKind.SENSOR_FAULT and verdict.score is not None:
            evidence = self._scorer.explain()
            if said.kind is AlarmKind.DRIFT:
                evidence = drift_evidence(self._profile, evidence)
            context = self._explain(evidence, vector)
            if said.kind is AlarmKind.ANOMALY:
                self._late = LateHint(said, context.hints)
        self._say(to_datetime(said.edge.event_time_s), build_alarm(said, context))

    def _look_again(self, vector: FeatureVector, verdict: Verdict) -> None:
        late = self._late
        if late is None or verdict.score is None:
            return
        if late.is_over or not self._watch.is_alarming:
            self._late = None
            return
        evidence = self._scorer.explain()
        if late.take(self._symptoms.find_hints(evidence, vector)):
            edge = replace(late.alarm.edge, event_time_s=vector.event_time_s, score=verdict.score)
            alarm = build_alarm(replace(late.alarm, edge=edge), self._explain(evidence, vector))
            self._say(to_datetime(edge.event_time_s), alarm)

    def _explain(self, evidence: Evidence, vector: FeatureVector) -> AlarmContext:
        spectrum = pick_spectrum(evidence, self._extractor.last_burst, self._profile)
        hints = self._symptoms.find_hints(evidence, vector)
        return AlarmContext(self.device_id, self._profile, vector.regime, evidence, spectrum, hints)

    def _say(self, event_time: datetime, body: Alarm | ScoreSummary) -> None:
        self._said.append(encode(self._message(event_time, body)))

    def _message(self, event_time: datetime, body: Alarm | ScoreSummary) -> Message:
        self._sequence += 1
        return Message(self.device_id, _BOOT, self._sequence, event_time, body, self._version)

    def _stretched(self, message: Message) -> Message:
        body = message.body
        if isinstance(body, Alarm):
            body = replace(body, since=self._plant_time(body.since))
        elif isinstance(body, ScoreSummary):
            body = replace(body, interval_s=min(body.interval_s * self._stretch, 86_400.0))
        return replace(message, event_time=self._plant_time(message.event_time), body=body)

    def _plant_time(self, moment: datetime) -> datetime:
        return YEAR_START + (moment - YEAR_START) * self._stretch


def plant_time(hour: float) -> datetime:
    """An hour of the year as a moment."""
    return YEAR_START + timedelta(hours=hour)
