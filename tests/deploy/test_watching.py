"""Alert rules and dashboard ask for metrics that exist, and the dashboard shows every one."""

from __future__ import annotations

import json
import re
from typing import Any

from cloud.metrics import metric_names
from tests.deploy.manifests import DEPLOY, load_all

OURS = {name for name, _ in metric_names()}
PARTS = re.compile(r"_(bucket|count|sum)$")
DOCUMENT = (DEPLOY.parent / "docs" / "operations.md").read_text()


def dashboard() -> dict[str, Any]:
    content: dict[str, Any] = json.loads((DEPLOY / "grafana" / "industrialguard.json").read_text())
    return content


def rules() -> list[dict[str, Any]]:
    (content,) = load_all(DEPLOY / "prometheus" / "alerts.yaml")
    return [rule for group in content["groups"] for rule in group["rules"]]


def metrics_in(expression: str) -> set[str]:
    found = re.findall(r"\bindustrialguard_\w+", expression)
    return {name if name in OURS else PARTS.sub("", name) for name in found}


def shown() -> list[str]:
    return [target["expr"] for panel in dashboard()["panels"] for target in panel.get("targets", [])]


def test_the_dashboard_shows_every_metric_and_no_other() -> None:
    assert {name for expression in shown() for name in metrics_in(expression)} == OURS


def test_panels_have_ids_of_their_own_and_do_not_overlap() -> None:
    panels = dashboard()["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    cells = [
        (x, y)
        for place in (panel["gridPos"] for panel in panels)
        for x in range(place["x"], place["x"] + place["w"])
        for y in range(place["y"], place["y"] + place["h"])
    ]
    assert len(set(cells)) == len(cells)
    assert max(x for x, _ in cells) < 24


def test_alert_rules_ask_for_what_exists() -> None:
    for rule in rules():
        assert metrics_in(rule["expr"]) <= OURS, rule["alert"]
        assert rule["labels"]["severity"] in ("page", "warn"), rule["alert"]
        assert rule["annotations"].keys() == {"summary", "action"}, rule["alert"]


def test_labels_in_rules_are_those_that_are_counted() -> None:
    named = {name for rule in rules() for name in re.findall(r"\$labels\.(\w+)", str(rule["annotations"]))}
    assert named <= {"instance", "link", "error", "kind"}


def test_every_alert_stands_in_the_operations_page() -> None:
    assert [rule["alert"] for rule in rules() if f"`{rule['alert']}`" not in DOCUMENT] == []


def test_brackets_of_every_expression_are_closed() -> None:
    for expression in [*shown(), *(rule["expr"] for rule in rules())]:
        for opening, closing in ("()", "[]", "{}"):
            assert expression.count(opening) == expression.count(closing), expression
