"""Messages for what is measured without a fleet: the very bytes that a fleet would send.

Rule: made by the load fleet's own script. The same prefix gives the same devices and numbers in every
process; boot and time are new, so that no store has seen them before.
"""

from __future__ import annotations

import random
import time
from typing import NamedTuple

from contract.messages import Kind
from contract.profiles import load_profile
from simulators.load.script import Script
from simulators.load.summaries import make_head

PROFILE = "pump"
MACHINES = 200


class BareMessage(NamedTuple):
    """One message, encoded."""

    device_id: str
    kind: Kind
    payload: bytes

    def topic(self, root: str) -> str:
        """Where it goes below a root, which is `ig/v1` for the cloud."""
        return f"{root}/{self.device_id}/up/{self.kind}"


def make_messages(prefix: str, count: int, machines: int = MACHINES) -> list[BareMessage]:
    """Messages of devices in turn.

    >>> [message.topic("ig/v1") for message in make_messages("a", 3, machines=2)]
    ['ig/v1/a-00000/up/alarm', 'ig/v1/a-00001/up/summary', 'ig/v1/a-00000/up/summary']
    """
    script = Script(load_profile(PROFILE), 1)
    heads = [make_head(name, random.getrandbits(62) | 1) for name in device_names(prefix, machines)]
    started_us = time.time_ns() // 1000 - count
    messages = []
    for place in range(count):
        number = place % machines
        kind, payload = script.write(heads[number], number, 1 + place // machines, started_us + place)
        messages.append(BareMessage(heads[number].device_id, kind, payload))
    return messages


def device_names(prefix: str, machines: int = MACHINES) -> list[str]:
    """Who sends them."""
    return [f"{prefix}-{number:05d}" for number in range(machines)]
