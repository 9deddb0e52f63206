"""Which maintenance systems there are.

Rule: the one place that knows them all; an option that the adapter does not have is refused here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from cloud.eam import maximo, odoo, rt, sap, webhook
from cloud.eam.contract import Eam
from cloud.eam.settings import EamSettings
from contract.errors import ConfigError

_Open = Callable[[EamSettings], Eam]
ADAPTERS: Mapping[str, tuple[_Open, Mapping[str, str]]] = MappingProxyType(
    {
        "odoo": (odoo.open_odoo, odoo.OPTIONS),
        "rt": (rt.open_rt, rt.OPTIONS),
        "maximo": (maximo.open_maximo, maximo.OPTIONS),
        "sap": (sap.open_sap, sap.OPTIONS),
        "webhook": (webhook.open_webhook, webhook.OPTIONS),
    }
)
"""By kind: how it is opened, and its options with what they are when nothing is said."""


def open_eam(settings: EamSettings) -> Eam:
    """The maintenance system that the settings name; nothing is asked of it yet.

    Raises:
        ConfigError: there is no such kind or option.
    """
    if settings.kind not in ADAPTERS:
        raise ConfigError(f"[eam] kind is one of {', '.join(ADAPTERS)}")
    opened, options = ADAPTERS[settings.kind]
    unknown = sorted(set(settings.options) - set(options))
    if unknown:
        known = ", ".join(options) or "none"
        raise ConfigError(f"[eam.options] of {settings.kind}: {unknown[0]!r} is none; there are {known}")
    return opened(settings)
