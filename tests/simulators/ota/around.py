"""A little world for one part of a device, with time that is moved by hand."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from contract.codec import decode
from contract.messages import Message
from contract.profiles import format_profile, load_profile
from simulators.ota.agenda import Agenda
from simulators.ota.ledger import Ledger
from simulators.ota.link import Reply, Server
from simulators.ota.models import Behaviour


class Nobody:
    """A server that has nothing."""

    def reply(self, path: str, tag: str) -> Reply:
        return Reply(404)


@dataclass
class Around:
    """What a device finds around it."""

    ledger: Ledger = field(default_factory=Ledger)
    root: bytes = b""
    profile: str = field(default_factory=lambda: format_profile(load_profile("pump")))
    start: datetime = datetime(2026, 3, 2, 12, tzinfo=UTC)
    agenda: Agenda = field(default_factory=Agenda)
    came: list[bytes] = field(default_factory=list)

    @property
    def behaviours(self) -> Mapping[str, Behaviour]:
        return {}

    @property
    def server(self) -> Server:
        return Nobody()

    @property
    def now_s(self) -> float:
        return self.agenda.now_s

    def at(self, time_s: float, work: Callable[[], None]) -> None:
        self.agenda.at(time_s, work)

    def take_in(self, data: bytes) -> None:
        self.came.append(data)

    def may_be_news(self, device: str) -> tuple[int, int]:
        return 0, 0

    def heard(self) -> list[Message]:
        return [decode(data) for data in self.came]
