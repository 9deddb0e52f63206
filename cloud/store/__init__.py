"""The store: tables, the one writer, and the questions that the API and the page ask.

Rule: SQLModel, SQLAlchemy and Alembic are imported here and in `cloud.migrations`, nowhere else.
"""
