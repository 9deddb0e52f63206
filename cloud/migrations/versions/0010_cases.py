"""Cases, the alerts that they are about, and their audit trail; alerts are no longer acknowledged themselves.

Rule: as released; never edited. The database itself keeps a machine from having two open cases of a symptom,
and the audit trail from being changed. An alert that is open gets its case here; who had acknowledged it is
the first entry of that case.
"""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

BIG_KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
TIME = sa.BigInteger  # microseconds since the Unix epoch, UTC
STANDS = sa.text("taken_back_at IS NULL")
IS_OPEN = sa.text("state <> 'closed'")
_CASE = ("version", "device_id", "symptom", "state", "assignee", "opened_at", "merged_into")
SAID = "the audit trail of a case is only ever added to"


def upgrade() -> None:
    """Create the tables."""
    op.create_table(
        "machine_case",
        sa.Column("id", BIG_KEY, primary_key=True),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("device_id", sa.String(64), sa.ForeignKey("machine.device_id"), nullable=False),
        sa.Column("symptom", sa.String(96), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("assignee", sa.String(80), nullable=False),
        sa.Column("opened_at", TIME(), nullable=False),
        sa.Column("snoozed_until", TIME()),
        sa.Column("closed_at", TIME()),
        sa.Column("merged_into", sa.BigInteger(), nullable=False),
    )
    op.create_index(
        "ix_machine_case_open_symptom",
        "machine_case",
        ["device_id", "symptom"],
        unique=True,
        sqlite_where=IS_OPEN,
        postgresql_where=IS_OPEN,
    )
    _create_what_belongs_to_cases()
    _guard_audit()
    _take_over_alerts()
    op.execute("UPDATE alert SET status = 'open' WHERE status = 'acknowledged'")
    op.drop_column("alert", "acknowledged_by")
    op.drop_column("alert", "acknowledged_at")


def _create_what_belongs_to_cases() -> None:
    op.create_index("ix_machine_case_state_id", "machine_case", ["state", "id"])
    op.create_index("ix_machine_case_device_id_id", "machine_case", ["device_id", "id"])
    op.create_table(
        "case_alert",
        sa.Column("case_id", sa.BigInteger(), sa.ForeignKey("machine_case.id"), nullable=False),
        sa.Column("alert_id", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("case_id", "alert_id"),
    )
    op.create_index("ix_case_alert_alert_id", "case_alert", ["alert_id"])
    op.create_table(
        "case_finding",
        sa.Column("id", BIG_KEY, primary_key=True),
        sa.Column("case_id", sa.BigInteger(), sa.ForeignKey("machine_case.id"), nullable=False),
        sa.Column("noted_at", TIME(), nullable=False),
        sa.Column("taken_back_at", TIME()),
        sa.Column("finding", sa.JSON(), nullable=False),
    )
    op.create_index(
        "ix_case_finding_case_id",
        "case_finding",
        ["case_id"],
        unique=True,
        sqlite_where=STANDS,
        postgresql_where=STANDS,
    )
    op.create_table(
        "case_entry",
        sa.Column("id", BIG_KEY, primary_key=True),
        sa.Column("case_id", sa.BigInteger(), sa.ForeignKey("machine_case.id"), nullable=False),
        sa.Column("time", TIME(), nullable=False),
        sa.Column("who", sa.String(80), nullable=False),
        sa.Column("what", sa.String(24), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
    )
    op.create_index("ix_case_entry_case_id_id", "case_entry", ["case_id", "id"])


def downgrade() -> None:
    """Drop them; alerts stay, and nobody has seen them."""
    op.add_column("alert", sa.Column("acknowledged_at", TIME()))
    op.add_column("alert", sa.Column("acknowledged_by", sa.String(80), nullable=False, server_default=""))
    for table in ("case_entry", "case_finding", "case_alert", "machine_case"):
        op.drop_table(table)
    if op.get_bind().dialect.name == "postgresql":
        op.execute("DROP FUNCTION refuse_change_of_case_entry")


def _take_over_alerts() -> None:
    """A case for each thing that is wrong with a machine now, as alerts of today would have made it."""
    connection = op.get_bind()
    alerts = connection.execute(
        sa.text(
            "SELECT id, device_id, kind, sensor, opened_at, opened_ingest_time, acknowledged_at,"
            " acknowledged_by FROM alert WHERE cleared_at IS NULL ORDER BY id"
        )
    )
    case = sa.table("machine_case", *map(sa.column, (*_CASE, "id")))
    for alert in alerts.all():
        symptom = {"sensor_fault": f"sensor:{alert.sensor}", "drift": "drift"}.get(alert.kind, "unknown")
        is_seen = alert.acknowledged_at is not None
        values = (1, alert.device_id, symptom, "acknowledged" if is_seen else "new", "", alert.opened_at, 0)
        made = connection.execute(case.insert().returning(case.c.id), dict(zip(_CASE, values, strict=True)))
        case_id = made.scalar_one()
        _insert("case_alert", case_id=case_id, alert_id=alert.id)
        entries = [(alert.opened_ingest_time, "system", "opened")]
        if is_seen:
            entries.append((alert.acknowledged_at, alert.acknowledged_by or "unknown", "acknowledged"))
        for time, who, what in entries:
            _insert("case_entry", case_id=case_id, time=time, who=who, what=what, why="")


def _insert(table: str, **values: object) -> None:
    op.get_bind().execute(sa.table(table, *map(sa.column, values)).insert(), values)


def _guard_audit() -> None:
    if op.get_bind().dialect.name == "sqlite":
        for act in ("UPDATE", "DELETE"):
            op.execute(
                f"CREATE TRIGGER case_entry_no_{act.lower()} BEFORE {act} ON case_entry"
                f" BEGIN SELECT RAISE(ABORT, '{SAID}'); END"
            )
        return
    op.execute(
        "CREATE FUNCTION refuse_change_of_case_entry() RETURNS trigger LANGUAGE plpgsql AS"
        f" $$ BEGIN RAISE EXCEPTION '{SAID}'; END $$"
    )
    op.execute(
        "CREATE TRIGGER case_entry_no_change BEFORE UPDATE OR DELETE OR TRUNCATE ON case_entry"
        " FOR EACH STATEMENT EXECUTE FUNCTION refuse_change_of_case_entry()"
    )
