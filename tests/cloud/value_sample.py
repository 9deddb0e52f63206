"""A small report of the benchmark of policies, in the shape that it is written in."""

from __future__ import annotations

from typing import Any


def value_report(name: str = "IndustrialGuard") -> dict[str, Any]:
    """Two policies on three plants."""
    compared = {"vs_time_based_pct": -60.0, "ci_low": -75.0, "ci_high": -40.0}

    def metrics(scale: float, extra: dict[str, float]) -> dict[str, Any]:
        figures = {"downtime_h": 100.0, "cost": 90_000.0, "life_used_pct": 40.0, "false_orders": 3.0}
        return {
            key: {"mean": value * scale, "std": 0.0, "values": [value * scale] * 3} | extra
            for key, value in figures.items()
        }

    return {
        "bench": "fleet",
        "dataset": "fleet-year/held-out",
        "protocol": ["Hidden truth first.", "The clock is shortened."],
        "commit": "0a1b2c3d4e5f6a7b8c9d",
        "machine": {"cpu": "a", "cores": 2, "python": "3.11"},
        "started": "2026-11-23T05:00:00Z",
        "duration_s": 1.0,
        "seeds": [1, 2, 3],
        "rows": [
            {"name": name, "role": "ours", "main": True, "metrics": metrics(0.4, compared)},
            {"name": "time-based", "role": "baseline", "metrics": metrics(1.0, {})},
        ],
    }
