"""The release that a demo shows: asked for through the API, as a person would, and told as it goes.

Rule: what happens is read from the API; a look that finds it away comes again. Nothing here decides about a
machine: rollouts are carried out by `cloud releases`, models judged by the devices.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from simulators.release_plan import ReleasePlan
from simulators.release_words import CANARY, REST, Line, Teller, TrailEntry, join

Ask = Callable[[str, dict[str, Any] | None], dict[str, Any] | None]
"""Path below the API, body of a POST or None; the answer, or None while there is none."""


class ReleaseShow:
    """One rollout, looked at again and again.

    Args:
        plan: What is released to whom.
        versions: The one that machines were born with, and the new one.
        page: Where the cloud's pages are.
        ask: The API.
        say: Told each line for people.
    """

    def __init__(
        self,
        plan: ReleasePlan,
        versions: tuple[str, str],
        page: str,
        ask: Ask,
        say: Callable[[Line], None],
    ) -> None:
        self._plan = plan
        self._versions = versions
        self._page = page
        self._ask, self._say = ask, say
        self._teller = Teller(plan, *versions)
        self._told = 0
        """Newest entry of the audit trail that was told."""
        self.rollout_id = ""
        """Empty: there is none yet."""

    def look(self, machine_s: float) -> None:
        """Ask for what is due, and tell what is new.

        Args:
            machine_s: Machine time so far, in s.
        """
        if machine_s < self._plan.begins_s:
            return
        rollout = self._find()
        if rollout is None:
            return
        is_new = not self.rollout_id
        self.rollout_id = rollout["id"]
        if rollout["state"] == "ready":
            self._do("start")
        self._tell_news()
        if is_new:
            self._say(Line(f"Watch it: {self._page}rollouts/{self.rollout_id}", "bold"))
        if rollout["state"] == "halted":
            self._call_off()

    def _find(self) -> dict[str, Any] | None:
        """The rollout, written down where there is none; None: not yet."""
        if self.rollout_id:
            return self._ask(f"rollouts/{self.rollout_id}", None)
        answer = self._ask("rollouts", None)
        if answer is None:
            return None
        known = [each for each in answer["rollouts"] if each["version"] == self._versions[1]]
        return known[0] if known else self._ask("rollouts", build_rollout(self._plan, *self._versions))

    def _tell_news(self) -> None:
        answer = self._ask(f"rollouts/{self.rollout_id}/audit?after={self._told}", None) or {"events": []}
        entries = [
            TrailEntry(
                event["id"],
                datetime.fromisoformat(event["time"]),
                event["what"],
                event["why"],
                event["device_id"],
            )
            for event in answer["events"]
        ]
        for line in self._teller.tell(entries):
            self._say(line)
        self._told = max([self._told, *(entry.id for entry in entries)])

    def _call_off(self) -> None:
        """End what went badly: a person would look first, and so learn who was told of it."""
        answer = self._ask(f"rollouts/{self.rollout_id}/devices", None)
        if answer is None or self._do("abort", why="it went badly on the first machines") is None:
            return
        self._tell_news()
        tried = [each["device_id"] for each in answer["devices"] if each["attempts"]]
        if spared := len(self._plan.machines) - len(tried):
            self._say(Line(f"Only {join(tried)} ever tried it; the other {spared} were never told of it."))

    def _do(self, what: str, **words: str) -> dict[str, Any] | None:
        return self._ask(f"rollouts/{self.rollout_id}/{what}", dict(words))


def build_rollout(plan: ReleasePlan, old: str, new: str) -> dict[str, Any]:
    """The rollout as the API takes it: first the canaries, all of which must stay healthy, then the rest."""
    canary = {
        "name": CANARY,
        "where": {"device": list(plan.canaries)},
        "success_share": 1.0,
        "error_share": 0.0,
    }
    return {
        "family": plan.family,
        "version": new,
        "back_to": old,
        "where": {"device": list(plan.machines)},
        "groups": [canary, {"name": REST}] if plan.others else [canary],
    }
