"""A store that is full before the load begins.

Rule: rows like those of real messages, written by the database itself; they count as nobody's messages.
"""

from __future__ import annotations

from industrialguard.bench.ingest.reader import StoreReader

FILLER = "filler"
STEP_ROWS = 250_000
MACHINES = 1000
INTERVAL_US = 10_000_000


def fill_store(url: str, rows: int) -> int:
    """Copy the summaries that are there, under other keys, until there are `rows` of filler.

    Returns:
        How many rows were written.
    """
    with StoreReader(url) as reader:
        if reader.is_sqlite:
            return 0
        columns = [name for (name,) in reader.ask(_COLUMNS)]
    import psycopg

    keys = {
        "device_id": f"'{FILLER}-' || g.n %% {MACHINES}",
        "event_time": f"s.event_time - (g.n / {MACHINES}) * {INTERVAL_US}",
        "sequence": "g.n",
    }
    chosen = ", ".join(keys.get(name, f"s.{name}") for name in columns)
    statement = (
        f"INSERT INTO summary ({', '.join(columns)}) SELECT {chosen} "  # noqa: S608
        "FROM generate_series(%s::bigint, %s::bigint) AS g(n) "
        "CROSS JOIN LATERAL (SELECT * FROM sample OFFSET g.n %% (SELECT count(*) FROM sample) LIMIT 1) AS s"
    )
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("CREATE TEMPORARY TABLE sample AS SELECT * FROM summary LIMIT 20")
        written = 0
        while written < rows:
            until = min(written + STEP_ROWS, rows)
            written += connection.execute(statement, (written + 1, until)).rowcount
        connection.execute("ANALYZE summary")
    return written


_COLUMNS = """
SELECT column_name FROM information_schema.columns
WHERE table_name = 'summary' AND table_schema = current_schema() ORDER BY ordinal_position
"""
