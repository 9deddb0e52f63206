"""`bench ota --modes bytes`: what a device's questions cost, and what answering them costs.

Rule: a real client asks a real web server, and what passes between them is counted there; a figure that
nobody counted is not in the tables.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Protocol

from industrialguard.bench.ota.assignments import bench_assignments
from industrialguard.bench.ota.counting import Clock, Costs, counted
from industrialguard.bench.ota.flat import FlatRepository
from industrialguard.bench.ota.plan import Plan
from industrialguard.bench.ota.publisher import FAMILIES, LongLists, Publisher, list_entries
from industrialguard.bench.ota.static_web import served
from industrialguard.bench.report import Metric, Report, Role, Row, Run
from ota.releases import Release
from ota.roles import Policy

OURS, FLAT = "a list for each family, deltas", "one list, python-tuf's own client, whole files"
OWN, OTHER = FAMILIES[:2]
PROTOCOL = (
    "A device with `ota.client` before a static web server (ETag, ranges, kept connections) on this machine, "
    "with a counter between them. *_bytes: bodies of answers. *_wire_bytes: requests and answers with their "
    "heads, without TLS and TCP. *_s: until the client is through, its own syncs of the disk included.",
    "first: a new device's first look, with its family's list. idle: a look when nothing has changed. "
    "change: a look after a release of its family; change_elsewhere: of another one. bundle and delta: the "
    "file, whole or from the version before; none of the others has it in.",
    "Bundles are the shipped pump's under the families' names; from each version to the next half of the "
    "weights move by one int8 step, as fine-tuning leaves them (mode delta). The baseline lists the same "
    "without facts, and knows no deltas.",
    "vs_flat_pct: change_bytes in % of the baseline's; bundle_vs_flat_pct: the cheapest way to the file.",
)


class Session(Protocol):
    """One look of a device."""

    def look(self, release: Release | None = None) -> None:
        """See what is new, and what is said of a release."""

    def fetch(self, release: Release, held: Path | None = None) -> None:
        """Bring its file, by a delta where that can be."""


class Contender(Protocol):
    """A repository and the client that goes with it."""

    has_deltas: bool
    folder: Path
    """To be served."""

    def publish(self, family: str, number: int) -> Release:
        """Publish a version."""

    def session(self, home: Path, url: str) -> AbstractContextManager[Session]:
        """A look of the device that keeps what it knows in that folder."""


def measure(plan: Plan, folder: Path) -> Iterator[Report]:
    """The repository as the policy has it, with ever more listed at once, and the cloud's part."""
    yield bench_policy(plan, folder / "policy")
    for size in plan.sizes:
        yield bench_listed(plan, folder / f"listed-{size}", size)
    for size in plan.sizes:
        yield bench_assignments(plan, folder / f"devices-{size}", size)


def bench_policy(plan: Plan, folder: Path) -> Report:
    """As many versions as the policy lists, with their deltas."""
    started, policy, publishing_s = datetime.now(UTC), Policy(), list[float]()
    publisher = Publisher(folder / "ours")
    newest = policy.keep_versions + policy.deltas_from  # from here on lists grow no more
    for number in range(1, newest + 1):
        for family in FAMILIES:
            began_s = time.perf_counter()
            publisher.publish(family, number)
            publishing_s.append(time.perf_counter() - began_s)
    listed = policy.keep_versions * len(FAMILIES)
    ours = ask(publisher, folder / "devices", plan.repeats, newest)
    flat = ask_flat(folder, plan.repeats, listed)
    ours |= {"publish_s": Metric(tuple(publishing_s))}
    sentence = (
        f"Any number of devices, and of bundles ever published: {len(FAMILIES)} families, of each the newest "
        f"{policy.keep_versions} versions with deltas from {policy.deltas_from} before, the default of "
        f"policy.toml; {listed} bundles. publish_s: one release, with deltas, signatures and disk syncs."
    )
    return make_report("ota/bytes/as the policy lists", sentence, ours, flat, plan, started)


def bench_listed(plan: Plan, folder: Path, size: int) -> Report:
    """So many bundles listed at once, which the policy does not allow."""
    started = datetime.now(UTC)
    lists = LongLists(folder / "ours", size)
    ours = ask(lists, folder / "devices", plan.repeats, 0)
    flat = ask_flat(folder, plan.repeats, size)
    sentence = (
        f"{size} bundles listed at once over {len(FAMILIES)} families, to compare: no policy lists more than "
        "20 versions of a family. Without deltas."
    )
    return make_report(f"ota/bytes/{size} listed at once", sentence, ours, flat, plan, started)


def ask_flat(folder: Path, repeats: int, listed: int) -> dict[str, Metric]:
    """The baseline with so many bundles."""
    flat = FlatRepository(folder / "flat")
    flat.list_all(list_entries(listed))
    return ask(flat, folder / "flat-devices", repeats, 0)


def ask(contender: Contender, homes: Path, repeats: int, newest: int) -> dict[str, Metric]:
    """Everything a device asks, as often as wanted.

    Args:
        contender: With its repository.
        homes: For what devices keep.
        repeats: Devices, one after the other.
        newest: Number of the newest version of a family with a file.
    """
    costs, numbers = Costs(), iter(range(newest + 1, newest + 3 * repeats + 2))
    homes.mkdir(parents=True)
    with served(contender.folder) as port, counted(port) as (url, meter):
        clock, held = Clock(meter, costs), contender.publish(OWN, next(numbers))
        for repeat in range(repeats):
            open_session = partial(contender.session, homes / f"{repeat}", url)
            with open_session() as session:
                clock.note("first", partial(session.look, held))
                clock.note("bundle", partial(session.fetch, held))
            with open_session() as session:
                clock.note("idle", session.look)
            contender.publish(OTHER, next(numbers))
            with open_session() as session:
                clock.note("change_elsewhere", session.look)
            old, path = held, homes / "held.igb"
            path.write_bytes(old.bundle)
            held = contender.publish(OWN, next(numbers))
            with open_session() as session:
                clock.note("change", partial(session.look, held))
                if contender.has_deltas:
                    clock.note("delta", partial(session.fetch, held, path))
    return costs.metrics()


def make_report(
    dataset: str,
    sentence: str,
    ours: dict[str, Metric],
    flat: dict[str, Metric],
    plan: Plan,
    started: datetime,
) -> Report:
    """Both side by side."""
    ways = {"vs_flat_pct": "change_bytes", "bundle_vs_flat_pct": "bundle_bytes"}
    for name, figure in ways.items():
        cheapest = "delta_bytes" if name.startswith("bundle") and "delta_bytes" in ours else figure
        own, theirs = ours[cheapest].mean, flat[figure].mean
        if own is not None and theirs:
            ours[name] = Metric((100 * own / theirs,))
    rows = (Row(OURS, Role.OURS, ours, is_main=True), Row(FLAT, Role.BASELINE, flat))
    return Report("ota", dataset, (sentence, *PROTOCOL), tuple(range(plan.repeats)), rows, Run.since(started))
