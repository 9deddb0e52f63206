"""The agent: one machine's readings in, messages for the cloud out.

Rule: what goes into the outbox depends on the readings alone, their event times and values; the wall clock
and the network only decide when it is delivered; reports of updates alone follow these. One thread scores,
another one sends; they meet in the outbox.
"""

from __future__ import annotations

import logging
import threading
import time
from dataclasses import dataclass, field, replace
from datetime import datetime
from os import environ

from contract.bundle import Bundle
from contract.extract import FeatureExtractor
from contract.features import FeatureVector, feature_specs
from contract.messages import (
    Alarm,
    AlarmKind,
    AlarmTransition,
    DeviceStatus,
    MachineState,
    ScoreSummary,
)
from contract.signals import QualityFlag
from contract.updates import UpdateReport
from edge_agent.aggregate import Aggregator
from edge_agent.health import ServiceNotifier, read_rss_bytes
from edge_agent.late_hint import LateHint
from edge_agent.model_slot import open_slots
from edge_agent.outbox import Outbox, OutboxLimits
from edge_agent.outgoing import Outgoing
from edge_agent.repair import RepairNote
from edge_agent.reports import (
    AlarmContext,
    agent_version,
    build_alarm,
    build_birth,
    one_line,
    pick_spectrum,
    to_datetime,
)
from edge_agent.running_model import RunningModel
from edge_agent.schedule import LIVE_S
from edge_agent.scorer import Evidence, Verdict
from edge_agent.sensors import SensorSource
from edge_agent.settings import AgentSettings
from edge_agent.supervised import start_supervised
from edge_agent.symptoms import SymptomLog, drift_evidence
from edge_agent.update_thread import UpdateThread
from edge_agent.uplink import Presence, Uplink
from edge_agent.watch import AlarmWatch, Announcement

_LOG = logging.getLogger(__name__)
IDLE_S = 0.05
"""Pause of `run` after a source that had nothing, so that one that returns at once burns no processor."""
_SAME_TIME = 1e-3
"""Share of a hop by which rounding may put a window's end before the time at which a status is due."""


@dataclass(slots=True)
class AgentCounters:
    """What the agent did since its start."""

    samples: int = 0
    windows: int = 0
    scored: int = 0
    messages: dict[str, int] = field(default_factory=dict)
    """Put into the outbox, by kind."""
    dropped: dict[str, int] = field(default_factory=dict)
    """Given up by the outbox, by kind."""
    acknowledged: int = 0
    rejected: int = 0
    scoring_s: float = 0.0
    """From samples to decision, all windows together."""


@dataclass(frozen=True, slots=True)
class StepResult:
    """What one step did."""

    event_time_s: float | None
    """Stamp of the reading; None when the source had none."""
    windows_scored: int
    is_exhausted: bool


class Agent:
    """A device's whole program but for its command line; several fit into one process.

    Args:
        settings: This device.
        source: Its sensors; closed by `close`.
        bundle: Model, profile and priors; a release that came later and is in charge takes its place.

    Raises:
        ModelError: the model does not load here, fails its self-test or does not fit the profile.
        InvalidMessageError: the profile is too long to be told to the cloud.
    """

    def __init__(self, settings: AgentSettings, source: SensorSource, bundle: Bundle) -> None:
        self.slots = open_slots(settings.state_dir / "model", bundle, settings.accelerator)
        """Which model scores; takes releases."""
        self._updates = UpdateThread(settings, self.slots, self._send_update)
        self._model = self.slots.model
        self._profile = profile = self._model.bundle.profile
        self._settings = settings
        self._source = source
        build_birth(profile)  # refuses one that the cloud could not be told of
        self._extractor = FeatureExtractor(profile)
        self._watch = AlarmWatch(profile)
        self._symptoms = SymptomLog(profile)
        self._late_hint: LateHint | None = None
        self._repair = RepairNote(settings.state_dir)
        self._aggregator = Aggregator(profile, feature_specs(profile))
        self._outgoing = Outgoing(settings.device_id)
        self._since_s: float | None = None
        """When the first window began; summaries and statuses are due in whole intervals from then."""
        self._last_s: float | None = None
        self._next_status_s = 0.0
        self._quality_flags = QualityFlag.NONE
        self._uplink: Uplink | None = None
        self._uplink_thread: threading.Thread | None = None
        self._stop_uplink = threading.Event()
        self._is_closed = False
        self._counters = AgentCounters()

    @property
    def boot_id(self) -> int:
        """Random, new at every start."""
        return self._outgoing.boot_id

    @property
    def counters(self) -> AgentCounters:
        """What has been done since the start; a snapshot that later steps do not change."""
        now = self._counters
        uplink = self._uplink.counters if self._uplink else None
        return AgentCounters(
            samples=now.samples,
            windows=now.windows,
            scored=now.scored,
            messages=dict(self._outgoing.counts),
            dropped=self._outgoing.dropped,
            acknowledged=uplink.acknowledged if uplink else 0,
            rejected=uplink.rejected if uplink else 0,
            scoring_s=now.scoring_s,
        )

    def start(self) -> None:
        """Open outbox and learned state, and begin to connect (unless offline) and to look for updates.

        Raises:
            ConfigError: an address of updates that cannot be right.
            StateFolderError: the state folder cannot be used.
        """
        settings = self._settings
        live_s = max(LIVE_S, 2 * self._profile.summary_interval_s)  # how the machine is now is in it
        limits = OutboxLimits(settings.outbox_max_bytes, settings.outbox_max_age_s, live_s=live_s)
        outbox = Outbox(settings.state_dir / "outbox.sqlite", limits)
        self._outgoing.open(outbox)
        self._watch, self._symptoms = self._model.restore()
        self.slots.restore_other()
        on_hint = self._updates.start()
        if settings.mqtt is not None:
            self._uplink = Uplink(settings, settings.mqtt, outbox, self._presence(), on_hint)
            self._uplink_thread = start_supervised(
                f"uplink-{settings.device_id}", self._uplink.run, self._stop_uplink, settings.max_backoff_s
            )

    def step(self) -> StepResult:
        """Take one reading the whole road: sample → window → features → score → alarm → summary → outbox."""
        self._updates.drain()
        reading = self._source.read()
        if reading is None:
            self.slots.poll()
            self._follow_slots()
            return StepResult(None, 0, self._source.is_exhausted)
        started = time.perf_counter()
        self._counters.samples += len(reading.values)
        scored = 0
        for vector in self._extractor.add(reading):
            scored += self._judge(vector)
        self._counters.scoring_s += time.perf_counter() - started
        return StepResult(reading.event_time_s, scored, self._source.is_exhausted)

    def run(self, stop: threading.Event) -> None:
        """Step until told to stop or the source ends, at the source's pace, feeding the systemd watchdog."""
        notifier = ServiceNotifier.from_environment(environ)
        notifier.ready()
        try:
            while not stop.is_set():
                result = self.step()
                notifier.ping()
                if result.is_exhausted:
                    break
                if result.event_time_s is None:
                    stop.wait(IDLE_S)
        finally:
            notifier.stopping()
            notifier.close()

    def close(self) -> None:
        """Flush summary and learned state; what is not acknowledged in time stays in the outbox.

        A second call does nothing.
        """
        if self._is_closed:
            return
        self._is_closed = True
        self._source.close()
        self.slots.close()
        if not self._outgoing.is_open:
            return
        self._updates.close()
        for timed in self._aggregator.flush():
            self._send(timed.event_time_s, timed.summary)
        self._outgoing.store()
        self._save_state()
        self._stop_uplink.set()
        if self._uplink_thread is not None:
            self._uplink_thread.join()
        self._outgoing.outbox.close()

    # -- the road --------------------

    def _judge(self, vector: FeatureVector) -> bool:
        """One window's features → score → alarms → summary → status; whether it was scored."""
        if self._repair.is_there:
            self._begin_anew(vector)
        vector, said = self._watch.inspect(vector)
        was_alarming = self._watch.is_alarming
        verdict = self.slots.score(vector, was_alarming)
        self._follow_slots()
        if not was_alarming or self._late_hint is not None:
            self._symptoms.note(vector, verdict, self._extractor.last_burst, was_alarming)
        said += self._watch.judge(verdict)
        self._look_again(vector, verdict)
        for announcement in said:
            self._announce(announcement, vector, verdict)
        state = MachineState.ALARMING if self._watch.is_alarming else verdict.state
        summaries = self._aggregator.add(verdict, state, vector)
        for timed in summaries:
            self._send(timed.event_time_s, timed.summary)
        self._note(vector, verdict)
        self._report_status(vector)
        self._outgoing.store()  # before the state that says so: an alarm may be raised twice, but never lost
        if said or self._counters.windows % self._settings.state_every_windows == 0:
            self._save_state()
        self.slots.after_window(self._watch.is_alarming, bool(summaries), self._save_model)
        self._follow_slots()
        return verdict.score is not None

    def _begin_anew(self, vector: FeatureVector) -> None:
        """The machine was repaired: what stood is over, and what was learned is another machine's."""
        context = AlarmContext(self._settings.device_id, self._profile, vector.regime)
        for said in self._watch.end(vector.event_time_s):
            self._send(said.edge.event_time_s, build_alarm(said, context))
        for model in self.slots.saved_models:
            model.scorer.forget()
        self._symptoms, self._late_hint = SymptomLog(self._profile), None
        self._outgoing.store()
        self._save_state()
        self._repair.remove()  # last: done twice it does no harm
        _LOG.info("repaired: the machine is learned anew", extra={"device": self._settings.device_id})

    def _note(self, vector: FeatureVector, verdict: Verdict) -> None:
        self._counters.windows += 1
        self._counters.scored += verdict.score is not None
        for flags in vector.flags.values():
            if flags:
                self._quality_flags |= flags
        if self._since_s is None:
            self._since_s = vector.event_time_s - self._profile.window.hop_s
            self._next_status_s = self._since_s + self._settings.status_interval_s
        self._last_s = vector.event_time_s

    def _announce(self, said: Announcement, vector: FeatureVector, verdict: Verdict) -> None:
        """Send an alarm's edge; the beginning of one about the machine with its evidence."""
        edge, device_id, profile = said.edge, self._settings.device_id, self._profile
        is_raised = edge.transition is AlarmTransition.RAISED
        level = logging.WARNING if is_raised else logging.INFO
        facts = {"device": device_id, "sensor": said.sensor, "score": edge.score, "regime": vector.regime}
        kind, transition = (word.name.lower() for word in (said.kind, edge.transition))
        _LOG.log(level, "%s alarm %s", kind, transition, extra=facts)
        context = AlarmContext(device_id, profile, vector.regime)
        if is_raised and said.kind is not AlarmKind.SENSOR_FAULT and verdict.score is not None:
            evidence = self._model.scorer.explain()
            if said.kind is AlarmKind.DRIFT:
                evidence = drift_evidence(profile, evidence)
            context = self._explain(evidence, vector)
            if said.kind is AlarmKind.ANOMALY:
                self._late_hint = LateHint(said, context.hints)
        self._send(edge.event_time_s, build_alarm(said, context))

    def _look_again(self, vector: FeatureVector, verdict: Verdict) -> None:
        """Send the machine's alarm once more when it looks like more than it did when it was raised."""
        late = self._late_hint
        if late is None or verdict.score is None:
            return
        if late.is_over or not self._watch.is_alarming:
            self._late_hint = None
            return
        evidence = self._model.scorer.explain()
        hints = self._symptoms.find_hints(evidence, vector)
        if not late.take(hints):
            return
        facts = {"device": self._settings.device_id, "hint": hints[0].code}
        _LOG.info("the alarm's cause shows", extra=facts)
        edge = replace(late.alarm.edge, event_time_s=vector.event_time_s, score=verdict.score)
        alarm = build_alarm(replace(late.alarm, edge=edge), self._explain(evidence, vector))
        self._send(edge.event_time_s, alarm)

    def _explain(self, evidence: Evidence, vector: FeatureVector) -> AlarmContext:
        """Everything that is told of an alarm's cause."""
        device_id, profile = self._settings.device_id, self._profile
        spectrum = pick_spectrum(evidence, self._extractor.last_burst, profile)
        hints = self._symptoms.find_hints(evidence, vector)
        return AlarmContext(device_id, profile, vector.regime, evidence, spectrum, hints)

    def _report_status(self, vector: FeatureVector) -> None:
        late_s = vector.event_time_s - self._next_status_s + _SAME_TIME * self._profile.window.hop_s
        if self._since_s is None or late_s < 0:
            return
        interval_s = self._settings.status_interval_s
        self._next_status_s += interval_s * (1 + late_s // interval_s)
        counters, accelerator = self.counters, self._model.runner.accelerator
        status = DeviceStatus(
            agent_version=agent_version(),
            uptime_s=vector.event_time_s - self._since_s,
            samples=counters.samples,
            windows=counters.windows,
            outbox_messages=self._outgoing.depth,
            outbox_bytes=self._outgoing.size_bytes,
            dropped=counters.dropped,
            rejected=counters.rejected,
            window_cost_us=1e6 * counters.scoring_s / counters.windows,
            rss_bytes=read_rss_bytes(),
            quality_flags=self._quality_flags,
            accelerator=accelerator.kind,
            accelerator_reason=one_line(accelerator.reason),
        )
        self._quality_flags = QualityFlag.NONE
        self._send(vector.event_time_s, status)

    def _send(self, event_time_s: float, body: ScoreSummary | Alarm | DeviceStatus) -> None:
        self._outgoing.send(to_datetime(event_time_s), body, self._model.version)

    def _send_update(self, report: UpdateReport) -> None:
        self._outgoing.send(self._now(), report, self._model.version)
        self._outgoing.store()

    # -- state and presence --------------------

    def _save_state(self) -> None:
        for model in self.slots.saved_models:
            self._save_model(model)

    def _save_model(self, model: RunningModel) -> bool:
        return model.save(self._watch, self._symptoms)

    def _follow_slots(self) -> None:
        """Go on with the model that is in charge now; open alarms stay open."""
        model = self.slots.model
        if model is self._model:
            return
        self._model, profile = model, model.bundle.profile
        if profile != self._profile:  # another alarm rule or warm-up: the slots take nothing else
            watch, symptoms = AlarmWatch(profile), SymptomLog(profile)
            watch.restore(self._watch.to_state())
            symptoms.restore(self._symptoms.to_state())
            self._profile, self._watch, self._symptoms = profile, watch, symptoms
        if self._uplink is not None:
            self._uplink.introduce(self._presence())

    def _presence(self) -> Presence:
        birth = build_birth(self._profile)
        return Presence(self._settings.device_id, self.boot_id, birth, self._model.version, self._now)

    def _now(self) -> datetime:
        """The device's clock: the newest window's event time; before the first window, the wall's."""
        last_s = self._last_s
        return to_datetime(time.time() if last_s is None else last_s)
