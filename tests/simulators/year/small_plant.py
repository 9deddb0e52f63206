"""A plant that is small enough for a test."""

from __future__ import annotations

from dataclasses import replace

from simulators.year.plant import Plant
from simulators.year.settings import Settings, read_settings


def small_settings(machines: int = 2, days: int = 30, burn_in_days: int = 0, haste: float = 20.0) -> Settings:
    """Few machines that fail so much more often."""
    settings = read_settings()
    year = replace(settings.year, machines=machines, days=days, burn_in_days=burn_in_days)
    components = tuple(
        replace(each, scale_h=each.scale_h / haste, pf_h=(100.0, 400.0)) for each in settings.components
    )
    return replace(settings, year=year, components=components)


def small_plant(
    seed: int = 1, machines: int = 2, days: int = 30, burn_in_days: int = 0, haste: float = 20.0
) -> Plant:
    """One of its plants."""
    settings = small_settings(machines, days, burn_in_days, haste)
    return Plant(settings, settings.tuning, seed)
