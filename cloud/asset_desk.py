"""Takes a list of the plant's machines over, or says what that would change.

Rule: one transaction; a list with a fault changes nothing.
"""

from __future__ import annotations

from cloud.asset_import import ImportPlan, Plant, plan_import, read_list
from cloud.store.assets import Sites, assets_of_devices, find_assets, known_devices, save_assets
from cloud.store.database import Database


def import_assets(database: Database, text: str, is_dry: bool, sites: Sites = None) -> ImportPlan:
    """Take a list over.

    Args:
        database: The store.
        text: CSV, see `cloud.asset_import`.
        is_dry: Change nothing, and say what would change.
        sites: Those that whoever has the list belongs to; None: all.

    Returns:
        What was changed, or would be; where it has faults, nothing was.
    """
    listed = read_list(text)
    opened = database.session() if is_dry else database.transaction()
    with opened as session:
        tags = [line.tag for line in listed.lines]
        devices = [line.device for line in listed.lines if line.device]
        watching = assets_of_devices(session, devices)
        assets = find_assets(session, tags) | {asset.tag: asset for asset in watching.values()}
        plan = plan_import(listed, Plant(assets, known_devices(session, devices), sites))
        if not is_dry and not plan.faults:
            save_assets(session, plan.assets)
    return plan


def plan_words(plan: ImportPlan, is_dry: bool) -> str:
    """What became of a list, in one line.

    >>> plan_words(ImportPlan(n_same=3), is_dry=True)
    'nothing would change: 3 assets are as the list says'
    """
    if plan.faults:
        n_faults = len(plan.faults)
        return f"nothing was changed: {n_faults} line{'' if n_faults == 1 else 's'} cannot be right"
    if not plan.assets:
        verb = "would change" if is_dry else "changed"
        return f"nothing {verb}: {plan.n_same} assets are as the list says"
    verb = "would be " if is_dry else ""
    return f"{len(plan.new)} {verb}added, {len(plan.changed)} {verb}changed, {plan.n_same} as before"
