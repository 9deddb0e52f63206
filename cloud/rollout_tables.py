"""What the API says of rollouts, as lines for a terminal.

Rule: pure. A bar is only ever beside its words, and plain characters do for any terminal; what came from a
device or a person is shown on one line, without what would steer a terminal.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

BAR_WIDTH = 24
_DONE, _AT_IT, _FAILED, _LEFT = "#", "=", "!", "."


def list_lines(rollouts: Sequence[Mapping[str, Any]]) -> list[str]:
    """Rollouts, one each line."""
    if not rollouts:
        return ["no rollouts yet; `industrialguard cloud rollout plan --help` shows how to plan one"]
    rows = [
        [
            each["id"],
            f"{each['family']} {each['version']}",
            _state(each),
            _time(each["created_at"]),
            each["why"],
        ]
        for each in rollouts
    ]
    return table(("ID", "RELEASE", "STATE", "CREATED", "WHY"), rows)


def show_lines(rollout: Mapping[str, Any]) -> list[str]:
    """One rollout with its groups."""
    groups = rollout["groups"]
    width = max((len(group["name"]) for group in groups), default=0)
    lines = [
        f"{rollout['id']}  {rollout['family']} {rollout['version']}  {_state(rollout)}",
        f"  {_plain(rollout['why'])}",
    ]
    lines += [f"  {_plain(group['name']):<{width}}  [{bar(group)}]  {group_words(group)}" for group in groups]
    return lines


def device_lines(devices: Sequence[Mapping[str, Any]]) -> list[str]:
    """Devices with their state and why."""
    if not devices:
        return ["no such devices"]
    rows = [
        [
            each["device_id"],
            each["group"],
            _state(each),
            _time(each["since"]),
            "; ".join(filter(None, [each["reason"], "" if each["is_reachable"] else "not heard"])),
        ]
        for each in devices
    ]
    return table(("DEVICE", "GROUP", "STATE", "SINCE", "WHY"), rows)


def audit_lines(events: Sequence[Mapping[str, Any]]) -> list[str]:
    """An audit trail."""
    rows = [
        [_time(each["time"]), each["who"], each["what"], each["device_id"], each["why"]] for each in events
    ]
    return table(("TIME", "WHO", "WHAT", "DEVICE", "WHY"), rows)


def bar(group: Mapping[str, Any], width: int = BAR_WIDTH) -> str:
    """How far a group is; whoever counts has at least one character.

    >>> bar({"members": 8, "confirmed": 4, "under_way": 1, "failed": 1}, 8)
    '####=!..'
    """
    text, total = "", group["members"]
    for mark, name in ((_DONE, "confirmed"), (_AT_IT, "under_way"), (_FAILED, "failed")):
        share = group[name] * width / total if total else 0.0
        text += mark * (max(1, round(share)) if group[name] else 0)
    return text[:width].ljust(width, _LEFT)


def group_words(group: Mapping[str, Any]) -> str:
    """The same in words.

    >>> group_words({"members": 8, "confirmed": 4, "under_way": 1, "failed": 1, "pending": 2, "away": 0,
    ...              "deferred": 0, "is_open": True})
    '4 of 8 confirmed, 1 under way, 1 failed, 2 to be told'
    """
    names = {
        "under_way": "under way",
        "failed": "failed",
        "pending": "to be told",
        "away": "not heard",
        "deferred": "left for later",
    }
    if not group["members"]:
        return "no devices yet"
    words = [f"{group['confirmed']} of {group['members']} confirmed"]
    words += [f"{group[name]} {word}" for name, word in names.items() if group[name]]
    return ", ".join(words) + ("" if group["is_open"] else "; not open yet")


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Columns as wide as they have to be; the last one as long as it is."""
    cells = [list(head), *([_plain(cell) for cell in row] for row in rows)]
    widths = [max(len(row[column]) for row in cells) for column in range(len(head) - 1)]
    return list(_aligned(cells, widths))


def _aligned(cells: Sequence[Sequence[str]], widths: Sequence[int]) -> Iterator[str]:
    for row in cells:
        aligned = [cell.ljust(width) for cell, width in zip(row[:-1], widths, strict=True)]
        yield "  ".join([*aligned, row[-1]]).rstrip()


def _state(item: Mapping[str, Any]) -> str:
    return str(item["state"]).replace("_", " ")


def _time(text: str) -> str:
    return f"{datetime.fromisoformat(text).astimezone(UTC):%Y-%m-%d %H:%M:%SZ}"


def _plain(text: str) -> str:
    return "".join(char if char.isprintable() else " " for char in str(text))
