"""The slots on disk: a record of where things stand, and the bundle files it speaks of.

Rule: the record alone says what is in charge; it is replaced at once or not at all. A slot's file is believed
only as far as its SHA-256 is the record's, and is read once: what was checked is what runs.

    STATE/model/record.json        `edge_agent.slot_state.SlotState`
    STATE/model/a.igb, b.igb       bundles
    STATE/model/a.json, b.json     what was learned with them (`edge_agent.state`)
    STATE/model/take-back          a person asks for the previous model
"""

from __future__ import annotations

import hashlib
import json
import logging
import time
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from contract.bundle import MAX_BUNDLE_BYTES
from contract.errors import BundleError, StateError
from edge_agent.slot_disk import Disk, write_whole
from edge_agent.slot_state import Offer, Outcome, Reason, Refusal, Release, Result, Slot, SlotState, Stage

FORMAT = 1
"""Version of the record's layout."""
_RECORD, _REQUEST = "record.json", "take-back"
_LOG = logging.getLogger(__name__)


class SlotStore:
    """One folder with two slots.

    Args:
        folder: Made when something is first written.
        disk: What reaches it.
    """

    def __init__(self, folder: Path, disk: Disk) -> None:
        self.folder = folder
        self._disk = disk

    def bundle_path(self, slot: Slot) -> Path:
        """A slot's file."""
        return self.folder / f"{slot}.igb"

    def learned_path(self, slot: Slot) -> Path:
        """What was learned with a slot's model; the factory's lies where it always did."""
        return self.folder.parent / "state.json" if slot is Slot.FACTORY else self.folder / f"{slot}.json"

    def load(self, factory: Release) -> SlotState:
        """The state that was saved last; without one, the factory's bundle is in charge.

        A record that cannot be read is set aside: then the factory's bundle is in charge, too.
        """
        fresh = SlotState({Slot.FACTORY: factory})
        try:
            return self.peek() or fresh
        except StateError as error:
            self._set_aside(str(error))
            return fresh

    def peek(self) -> SlotState | None:
        """The state that was saved last; None when there is none.

        Raises:
            StateError: it cannot be read.
        """
        try:
            record = json.loads((self.folder / _RECORD).read_text("utf-8"))
            content = record["content"]
            if record["format"] != FORMAT or record["digest"] != _digest(_canonical(content)):
                raise StateError(f"{self.folder / _RECORD}: its digest or format does not fit")
            return parse_state(content)
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise StateError(f"{self.folder / _RECORD} cannot be read: {error!r}") from error

    def save(self, state: SlotState) -> None:
        """Replace the record, durably.

        Raises:
            OSError: the old one is still there.
        """
        content = format_state(state)
        record = {"format": FORMAT, "digest": _digest(_canonical(content)), "content": content}
        self._disk.make_folder(self.folder)
        write_whole(self._disk, self.folder / _RECORD, json.dumps(record, indent=1).encode() + b"\n")

    def read(self, slot: Slot, release: Release) -> bytes:
        """A slot's bundle, byte for byte what was signed.

        Raises:
            BundleError: it cannot be read, or is anything else.
        """
        return read_release(self.bundle_path(slot), release)

    def intact(self, state: SlotState) -> frozenset[Slot]:
        """Which of the slots hold what the record says."""
        return frozenset(slot for slot, release in state.held.items() if self._is_intact(slot, release))

    def stage(self, offer: Offer, slot: Slot) -> None:
        """Copy what was handed over into a slot, durably, unless it is there already.

        Raises:
            BundleError: the file that was handed over is gone, or is not what was signed.
            OSError: the disk did not take it.
        """
        if self._is_intact(slot, offer.release):
            self._disk.sync_folder(self.folder)  # its name may not have been durable when the power went
            return
        data = read_release(Path(offer.path), offer.release)
        write_whole(self._disk, self.bundle_path(slot), data)
        self.read(slot, offer.release)

    def clean_up(self, state: SlotState) -> None:
        """Delete every bundle, learned state and torn file that no slot needs; what cannot go stays."""
        kept = {_RECORD, _REQUEST}
        kept |= {
            path.name for slot in state.held for path in (self.bundle_path(slot), self.learned_path(slot))
        }
        try:
            for path in sorted(self.folder.iterdir()):
                if path.name not in kept and ".damaged-" not in path.name:
                    self._disk.unlink(path)
        except FileNotFoundError:
            return
        except OSError as error:
            _LOG.warning("old bundles could not be deleted", extra={"reason": str(error)})

    def request_take_back(self, sha256: str) -> None:
        """Leave word for the agent that a release is to be taken back; another one is left alone.

        Raises:
            OSError: it could not be written.
        """
        self._disk.make_folder(self.folder)
        write_whole(self._disk, self.folder / _REQUEST, sha256.encode())

    def requested(self) -> str | None:
        """The SHA-256 of the release that a person wants taken back."""
        try:
            return (self.folder / _REQUEST).read_text("ascii")
        except (OSError, UnicodeDecodeError):
            return None

    def drop_request(self) -> None:
        """Forget what a person asked for, because it was done."""
        try:
            self._disk.unlink(self.folder / _REQUEST)
            self._disk.sync_folder(self.folder)
        except OSError as error:
            _LOG.warning("a request could not be deleted", extra={"reason": str(error)})

    def _is_intact(self, slot: Slot, release: Release) -> bool:
        if slot is Slot.FACTORY:
            return True
        try:
            self.read(slot, release)
        except BundleError:
            return False
        return True

    def _set_aside(self, reason: str) -> None:
        kept = self.folder / f"{_RECORD}.damaged-{time.time_ns()}"
        _LOG.error(
            "the record of the model slots cannot be used; the model the agent was started with is in charge",
            extra={"reason": reason, "kept_as": str(kept)},
        )
        try:
            self._disk.rename(self.folder / _RECORD, kept)
        except OSError as error:
            _LOG.warning("it could not be moved aside", extra={"reason": str(error)})


def read_release(path: Path, release: Release) -> bytes:
    """A file's bytes, if they are what was signed.

    Raises:
        BundleError: it cannot be read, or is anything else.
    """
    try:
        with path.open("rb") as file:
            data = file.read(min(release.length, MAX_BUNDLE_BYTES) + 1)
    except OSError as error:
        raise BundleError(f"bundle {path} cannot be read: {error.strerror}") from error
    if len(data) != release.length or _digest(data) != release.sha256:
        raise BundleError(f"bundle {path} is not what was signed: its SHA-256 or length differs")
    return data


def format_state(state: SlotState) -> dict[str, Any]:
    """A state as plain JSON; `parse_state` reads back an equal one."""
    return {**asdict(state), "held": {str(slot): asdict(held) for slot, held in state.held.items()}}


def parse_state(content: Mapping[str, Any]) -> SlotState:
    """Read what `format_state` made.

    Raises:
        KeyError, TypeError, ValueError, AttributeError: it is something else.
    """
    offer, outcome, fallback = content["offer"], content["outcome"], content["fallback"]
    state = SlotState(
        held={Slot(slot): _release(held) for slot, held in content["held"].items()},
        in_charge=Slot(content["in_charge"]),
        fallback=None if fallback is None else Slot(fallback),
        attempt=int(content["attempt"]),
        rollout=str(content.get("rollout", "")),
        stage=Stage(content["stage"]),
        offer=None if offer is None else replace(Offer(**offer), release=_release(offer["release"])),
        starts=int(content["starts"]),
        outcome=replace(
            Outcome(**outcome), result=Result(outcome["result"]), reason=Reason(outcome["reason"])
        ),
        refusals=tuple(replace(Refusal(**one), reason=Reason(one["reason"])) for one in content["refusals"]),
        since_s=float(content["since_s"]),
        is_reported=bool(content["is_reported"]),
    )
    is_whole = state.in_charge in state.held and state.way_back in state.held
    if not is_whole or (state.offer is None) != (state.stage is Stage.IDLE):
        raise ValueError("its parts do not fit together")
    return state


def _release(content: Mapping[str, Any]) -> Release:
    return Release(
        str(content["family"]), str(content["version"]), str(content["sha256"]), int(content["length"])
    )


def _canonical(content: Any) -> bytes:
    return json.dumps(content, sort_keys=True).encode()


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
