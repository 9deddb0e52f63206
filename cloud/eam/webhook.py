"""Any other system: orders are posted to it, signed, and it calls back.

Rule: the receiver makes one order of a key however often it is told, which is said in `Idempotency-Key` and
in the body; it answers with its own number. It tells what becomes of the order by calling in, signed the
same way. It is neither searched nor asked.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

from cloud.eam.contract import Capabilities, Placement
from cloud.eam.http import Web, require_done
from cloud.eam.settings import EamSettings
from cloud.eam.signing import HEADER, sign
from cloud.errors import EamRefusedError
from cloud.work_orders import OrderState, Said
from contract.errors import ConfigError

OPTIONS: dict[str, str] = {}


class Webhook:
    """A maintenance system.

    Args:
        web: Where orders are posted.
        secret: Signs them.
        clock: Our time.
    """

    def __init__(self, web: Web, secret: str, clock: Callable[[], datetime]) -> None:
        self._web = web
        self._secret = secret
        self._clock = clock

    def capabilities(self) -> Capabilities:
        """See `Eam`."""
        return Capabilities(is_keyed=True, can_find=False, can_list=False)

    def upsert(self, order: Placement) -> Said:
        """See `Eam`."""
        answer = self._post(
            order.key,
            {
                "event": "order",
                "key": order.key,
                "title": order.title,
                "text": order.text,
                "asset": order.asset,
                "urgency": order.urgency.name.lower(),
                "due": order.due and order.due.isoformat(),
            },
        )
        eam_id = answer.get("id") if isinstance(answer, dict) else None
        url = answer.get("url") if isinstance(answer, dict) else None
        if not isinstance(eam_id, str | int) or not str(eam_id):
            raise EamRefusedError('the receiver must answer {"id": "…"} with its own number of the order')
        return Said(order.key, str(eam_id), OrderState.PLACED, self._clock(), str(url or ""))

    def find(self, key: str) -> Sequence[Said]:
        """Never asked; see `capabilities`."""
        return ()

    def changes_since(self, time: datetime | None) -> Sequence[Said]:
        """Never asked; see `capabilities`."""
        return ()

    def close(self, eam_id: str, note: str) -> None:
        """See `Eam`."""
        self._post(f"close-{eam_id}", {"event": "close", "id": eam_id, "note": note})

    def _post(self, key: str, content: dict[str, Any]) -> Any:
        body = json.dumps(content).encode()
        headers = {
            "Content-Type": "application/json",
            "Idempotency-Key": key,
            HEADER: sign(self._secret, body, self._clock()),
        }
        answer = self._web.ask("POST", "", None, body, headers)
        return require_done(answer, answer.body.decode("utf-8", "replace")).json()


def open_webhook(settings: EamSettings) -> Webhook:
    """As the settings say.

    Raises:
        ConfigError: there is no secret to sign with.
    """
    if not settings.secret:
        raise ConfigError("a webhook needs a secret, with which orders are signed")
    return Webhook(Web(settings.address, {}), settings.secret, lambda: datetime.now(UTC))
