"""Lives that wear in a known way, under conditions that shift every sensor."""

from dataclasses import replace

import numpy as np

from contract.lives import End, EventKind, Life, LifeEvent, LifeSpec

SPEC = LifeSpec("pump", "cycle", 50.0, ("speed", "load"), ("heat", "noise", "wear_rms"), components=("seal",))
WITH_EVENTS = replace(SPEC, events=("e1", "e2"))
SPEEDS = (1000.0, 1500.0, 3000.0)


def wearing(
    number: int, length: int | None = None, *, n_conditions: int = 3, end: End = End.FAILED, seed: int = 0
) -> Life:
    """A life of 40 to 120 rows; `heat` and `wear_rms` rise towards its end, whatever the condition."""
    random = np.random.default_rng([seed, number])
    n = length or int(random.integers(40, 120))
    code = random.integers(0, n_conditions, n)
    speed = np.array(SPEEDS)[code] + random.normal(0, 2, n)
    worn = (np.arange(n) / n) ** 3
    heat = 20 * code + 5 * worn + random.normal(0, 0.3, n)
    wear = np.exp(2 * worn) * (1 + code) + random.normal(0, 0.05, n)
    sensors = np.stack([heat, random.normal(0, 1, n), wear], axis=1)
    settings = np.stack([speed, np.full(n, 7.0)], axis=1)
    age = np.arange(1.0, n + 1)
    return Life(
        f"m{number}", "seal", 0, age, settings.astype(np.float32), sensors.astype(np.float32), end, float(n)
    )


def fleet(n: int, first: int = 0, **how: int) -> list[Life]:
    """Lives of that many machines."""
    return [wearing(first + number, **how) for number in range(n)]  # type: ignore[arg-type]


def event(age: float, code: str) -> LifeEvent:
    """An error."""
    return LifeEvent(age, EventKind.ERROR, code)
