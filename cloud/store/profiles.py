"""Machine profiles as the devices told them.

Rule: what the cloud knows of a machine, its units, sensors and bearing, comes from the machine's own Birth
and never from a profile that happens to ship under the same name.
"""

from __future__ import annotations

from contract.errors import ConfigError
from contract.profiles import MachineProfile, parse_profile


def stored_profile(text: str) -> MachineProfile | None:
    """The profile of a machine; cheap, because `parse_profile` keeps what it has read.

    Args:
        text: TOML as stored.

    Returns:
        None before the machine's first Birth, and for a text that was valid once but is not to this version
        of the code; the machine is then shown by its own names until its next Birth.
    """
    try:
        return parse_profile(text) if text else None
    except ConfigError:
        return None
