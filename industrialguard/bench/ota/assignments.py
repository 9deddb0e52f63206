"""The cloud's part: assignments for a fleet, made by the real scheduler over a real store, and fetched.

Rule: keys, signatures, transactions and the API are those that ship; devices are nothing but their messages.
"""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import TypeVar

from cloud.api.app import create_app
from cloud.api.server import ApiServer
from cloud.api.settings import ApiSettings
from cloud.releases import Releases, Scheduler
from cloud.releases_process import DirectorSigner
from cloud.store.batch import Arrival
from cloud.store.database import Database, open_database
from cloud.store.rollouts import read_rollout
from cloud.store.writer import StoreWriter
from contract.messages import Birth, Message
from contract.profiles import format_profile, load_profile
from contract.updates import UpdateReport, UpdateState
from industrialguard.bench.errors import NothingToJudgeError
from industrialguard.bench.ota.counting import Clock, Costs, counted
from industrialguard.bench.ota.plan import Plan
from industrialguard.bench.ota.publisher import Publisher
from industrialguard.bench.ota.static_web import served
from industrialguard.bench.report import Metric, Report, Role, Row, Run
from ota.assignment import Assignment
from ota.client import open_web
from ota.rollout import RolloutState
from ota.rollout_plan import Group, ReleaseRef
from ota.rollout_plan import Plan as Rollout
from ota.sources import ClientSettings

T = TypeVar("T")
FAMILY = "pump"
RELEASE = ReleaseRef(FAMILY, "7-0a1b2c3d4e5f", "a" * 64, 34_000)
BEFORE = "6-112233445566"
BATCH = 1000
"""Messages that are written at once."""
PROTOCOL = (
    "`cloud.releases.Scheduler` over SQLite with the director's Ed25519 key in a file; the store syncs as it "
    "ships. assign_s: the rounds in which every device of the rollout is given its assignment, from reading "
    "the store to the end of the transaction; assignments_per_s follows from it. complete_s: the round after "
    "every device has reported that it is confirmed. report_s: writing these reports, as the sink does.",
    "sign_s: one assignment, the key's part alone.",
    "fetch: `UpdateClient.read_assignment` of a device from the real API over HTTP, counted as in the other "
    "tables; idle: the same again, when nothing has changed.",
)


def bench_assignments(plan: Plan, folder: Path, devices: int) -> Report:
    """One rollout over so many devices.

    Raises:
        NothingToJudgeError: the rollout does not end as it must.
    """
    started = datetime.now(UTC)
    publisher, names = Publisher(folder / "ours"), [f"pump-{number:05}" for number in range(devices)]
    with closing(open_database(f"sqlite:///{folder / 'cloud.db'}")) as database:
        metrics = roll_out(database, publisher.director_key, names)
        metrics |= fetch_assignments(database, publisher, folder, names[: plan.repeats])
    sentence = f"{devices} devices of one family in one rollout of a single group."
    row = Row("scheduler, store and API", Role.OURS, metrics, is_main=True)
    dataset = f"ota/assignments/{devices} devices"
    return Report("ota", dataset, (sentence, *PROTOCOL), (0,), (row,), Run.since(started))


def roll_out(database: Database, director_key: str, names: list[str]) -> dict[str, Metric]:
    """From births to a rollout that is complete; what each step took."""
    writer, people, signer = StoreWriter(database), Releases(database), DirectorSigner([director_key])
    scheduler = Scheduler(database, signer, _NoBroker())
    birth = Birth("1.0", format_profile(load_profile(FAMILY)))
    _write(writer, [_message(name, 0, birth) for name in names])
    rollout = people.create(_plan())
    people.start(rollout.id, "The bench")
    rounds = list[float]()
    given = 0
    while given < len(names):
        seconds, more = _timed(scheduler.go_round)
        if not more:
            raise NothingToJudgeError(f"{given} of {len(names)} devices were given an assignment")
        rounds.append(seconds)
        given += more
    told = [_message(name, 1, _confirmed(rollout.id)) for name in names]
    report_s, _ = _timed(partial(_write, writer, told))
    complete_s, _ = _timed(scheduler.go_round)
    with database.session() as session:
        state = read_rollout(session, rollout.id).rollout.state
    if state is not RolloutState.COMPLETED:
        raise NothingToJudgeError(f"the rollout is {state} after everybody has confirmed it")
    figures = {
        "assign_rounds": len(rounds),
        "assign_s": sum(rounds),
        "assignments_per_s": given / sum(rounds),
        "sign_s": _timed(lambda: [signer.sign(_assignment(name)) for name in names])[0] / len(names),
        "report_s": report_s,
        "complete_s": complete_s,
    }
    return {name: Metric((value,)) for name, value in figures.items()}


def fetch_assignments(
    database: Database, publisher: Publisher, folder: Path, names: list[str]
) -> dict[str, Metric]:
    """Some devices ask for theirs, and ask again."""
    costs = Costs()
    with (
        served(publisher.folder) as port,
        answering(database) as api_port,
        counted(api_port) as (api, meter),
    ):
        clock = Clock(meter, costs)
        for name in names:
            address = f"http://127.0.0.1:{port}/"
            settings = ClientSettings(folder / name, publisher.root, name, address, api)
            for question in ("fetch", "idle"):
                with open_web(settings, datetime.now(UTC), threading.Event()) as client:
                    client.refresh()
                    clock.note(question, client.read_assignment)
    return costs.metrics()


@contextmanager
def answering(database: Database) -> Iterator[int]:
    """The API over a store, in a thread; yields its port on this machine."""
    settings = ApiSettings(port=0)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = ApiServer(create_app(settings, database), settings, takes_signals=False)
        thread = threading.Thread(target=lambda: asyncio.run(server.serve(sockets=[listener])))
        thread.start()
        try:
            yield listener.getsockname()[1]
        finally:
            server.stop()
            thread.join()


class _NoBroker:
    """Hints go nowhere."""

    def publish(self, topic: str, payload: bytes) -> None:
        """Say nothing."""


def _plan() -> Rollout:
    return Rollout(RELEASE, (Group("everybody"),), "The bench")


def _confirmed(rollout_id: str) -> UpdateReport:
    state, version = UpdateState.CONFIRMED, RELEASE.version
    return UpdateReport(1, rollout_id, state, version, version, BEFORE, datetime.now(UTC))


def _assignment(device: str) -> Assignment:
    now = datetime.now(UTC)
    said = (RELEASE.family, RELEASE.version, RELEASE.sha256, RELEASE.length)
    return Assignment(device, 1, *said, "r-bench", None, now, now + timedelta(days=1))


def _message(device: str, sequence: int, body: Birth | UpdateReport) -> Message:
    return Message(device, 1, sequence, datetime.now(UTC), body, BEFORE)


def _write(writer: StoreWriter, messages: Sequence[Message]) -> None:
    for first in range(0, len(messages), BATCH):
        now = datetime.now(UTC)
        writer.write([Arrival(message, now) for message in messages[first : first + BATCH]])


def _timed(work: Callable[[], T]) -> tuple[float, T]:
    """Seconds that it took, and what came of it."""
    started_s = time.perf_counter()
    result = work()
    return time.perf_counter() - started_s, result
