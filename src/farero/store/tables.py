"""Every table of the state database. Names carry a prefix because a PostgreSQL database is often shared with other programs."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Double,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from farero.store.moments import Day, Moment

# SQLite gives numbers by itself only to a column of exactly the type INTEGER.
_SERIAL = BigInteger().with_variant(Integer, "sqlite")

metadata = MetaData(
    naming_convention={
        "ix": "%(table_name)s_%(column_0_N_name)s_ix",
        "uq": "%(table_name)s_%(column_0_N_name)s_uq",
        "ck": "%(table_name)s_%(constraint_name)s_ck",
        "pk": "%(table_name)s_pk",
    }
)

versions = Table(
    "farero_versions",
    metadata,
    Column("model", Text, primary_key=True),
    Column("number", Text, primary_key=True),
    Column("state", Text, nullable=False),
    Column("digest", Text, nullable=False),
    Column("size_bytes", BigInteger, nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("trained_until", Moment),
    Column("trained_rows", BigInteger, nullable=False),
    Column("data_fingerprint", Text, nullable=False),
    Column("schema_digest", Text, nullable=False),
    Column("origin", Text, nullable=False),
    Column("because", Text, nullable=False),
    Column("metrics", LargeBinary, nullable=False),
    Column("environment", LargeBinary, nullable=False),
    Column("tags", LargeBinary, nullable=False),
    Column("git_commit", Text),
    # A deleted version keeps its row: its number must never be given to another one.
    Column("deleted_at", Moment),
    Column("deleted_because", Text),
    UniqueConstraint("model", "origin"),
    CheckConstraint("state IN ('candidate', 'staging', 'production', 'archived', 'rejected')", name="state"),
    CheckConstraint("deleted_at IS NULL OR state <> 'production'", name="deleted"),
)
Index(
    "farero_versions_one_production",
    versions.c.model,
    unique=True,
    sqlite_where=text("state = 'production'"),
    postgresql_where=text("state = 'production'"),
)

# What is in production, with a number that grows at every change: cheap to poll, and going back to an earlier version is seen too.
production = Table(
    "farero_production",
    metadata,
    Column("model", Text, primary_key=True),
    Column("number", Text),
    Column("revision", BigInteger, nullable=False),
)

moves = Table(
    "farero_moves",
    metadata,
    Column("id", _SERIAL, primary_key=True),
    Column("model", Text, nullable=False),
    Column("number", Text, nullable=False),
    Column("source", Text),
    Column("target", Text, nullable=False),
    Column("at", Moment, nullable=False),
    Column("by", Text, nullable=False),
    Column("because", Text, nullable=False),
    Index(None, "model", "id"),
)

steps = Table(
    "farero_steps",
    metadata,
    Column("model", Text, primary_key=True),
    Column("step", Text, primary_key=True),
    Column("window_end", Moment, primary_key=True),
    Column("window_start", Moment, primary_key=True),
    Column("value", LargeBinary, nullable=False),
    Column("at", Moment, nullable=False),
)

observations = Table(
    "farero_observations",
    metadata,
    Column("model", Text, primary_key=True),
    Column("window_start", Moment, primary_key=True),
    Column("window_end", Moment, primary_key=True),
    Column("version", Text, nullable=False),
    Column("body", LargeBinary, nullable=False),
)

profiles = Table(
    "farero_profiles",
    metadata,
    Column("model", Text, primary_key=True),
    Column("version", Text, primary_key=True),
    Column("window_start", Moment, primary_key=True),
    Column("window_end", Moment, primary_key=True),
    Column("body", LargeBinary, nullable=False),
)

detectors = Table(
    "farero_detectors",
    metadata,
    Column("model", Text, primary_key=True),
    Column("version", Text, primary_key=True),
    Column("name", Text, primary_key=True),
    Column("baseline", LargeBinary, nullable=False),
    Column("watch", LargeBinary, nullable=False),
)

# How requests reach versions. The revision grows at every change, so that a process sees cheaply whether there was one.
endpoints = Table(
    "farero_endpoints",
    metadata,
    Column("name", Text, primary_key=True),
    Column("model", Text, nullable=False),
    Column("revision", BigInteger, nullable=False),
    Column("changed_at", Moment, nullable=False),
    Column("body", LargeBinary, nullable=False),
)

# A deleted endpoint's last change has no body.
endpoint_changes = Table(
    "farero_endpoint_changes",
    metadata,
    Column("id", _SERIAL, primary_key=True),
    Column("name", Text, nullable=False),
    Column("revision", BigInteger, nullable=False),
    Column("at", Moment, nullable=False),
    Column("by", Text, nullable=False),
    Column("because", Text, nullable=False),
    Column("body", LargeBinary),
    Index(None, "name", "id"),
)

rollouts = Table(
    "farero_rollouts",
    metadata,
    Column("id", _SERIAL, primary_key=True),
    Column("model", Text, nullable=False),
    Column("number", Text, nullable=False),
    Column("against", Text),
    Column("status", Text, nullable=False),
    Column("started", Moment, nullable=False),
    Column("finished", Moment),
    Column("body", LargeBinary, nullable=False),
    CheckConstraint("status IN ('waiting', 'running', 'promoted', 'rolled-back', 'stopped')", name="status"),
    Index(None, "model", "id"),
)
Index(
    "farero_rollouts_one_open",
    rollouts.c.model,
    unique=True,
    sqlite_where=text("status IN ('waiting', 'running')"),
    postgresql_where=text("status IN ('waiting', 'running')"),
)

approvals = Table(
    "farero_approvals",
    metadata,
    Column("id", _SERIAL, primary_key=True),
    Column("model", Text, nullable=False),
    Column("number", Text, nullable=False),
    Column("by", Text, nullable=False),
    Column("role", Text, nullable=False),
    Column("approved", Boolean, nullable=False),
    Column("at", Moment, nullable=False),
    Column("because", Text, nullable=False),
    Index(None, "model", "number"),
)

# While a row is here, nothing moves into production by itself.
buckets = Table(
    "farero_buckets",
    metadata,
    Column("model", Text, primary_key=True),
    Column("start", Moment, primary_key=True),
    Column("requests", BigInteger, nullable=False),
    Column("failed", BigInteger, nullable=False),
    Column("slow", BigInteger, nullable=False),
)

freezes = Table(
    "farero_freezes",
    metadata,
    Column("model", Text, primary_key=True),
    Column("at", Moment, nullable=False),
    Column("by", Text, nullable=False),
    Column("because", Text, nullable=False),
)

incidents = Table(
    "farero_incidents",
    metadata,
    Column("id", Text, primary_key=True),
    Column("model", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("severity", Text, nullable=False),
    Column("opened", Moment, nullable=False),
    Column("resolved", Moment),
    Column("body", LargeBinary, nullable=False),
    Index(None, "model", "opened"),
)

decisions = Table(
    "farero_decisions",
    metadata,
    Column("id", _SERIAL, primary_key=True),
    Column("model", Text, nullable=False),
    Column("window_start", Moment, nullable=False),
    Column("window_end", Moment, nullable=False),
    Column("policy", Text, nullable=False),
    Column("action", Text, nullable=False),
    Column("at", Moment, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("candidate", Text),
    Column("verdict", LargeBinary),
    UniqueConstraint("model", "window_end", "window_start", "policy"),
)

verdicts = Table(
    "farero_verdicts",
    metadata,
    Column("id", _SERIAL, primary_key=True),
    Column("model", Text, nullable=False),
    Column("number", Text, nullable=False),
    Column("at", Moment, nullable=False),
    Column("accepted", Boolean, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Index(None, "model", "number"),
)

runs = Table(
    "farero_runs",
    metadata,
    Column("id", Text, primary_key=True),
    Column("model", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("started", Moment, nullable=False),
    Column("because", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("finished", Moment),
    Column("version", Text),
    Column("error", Text),
    # What is known of the run beyond its end: its steps, its candidates, what it printed.
    Column("body", LargeBinary),
    Index(None, "model", "started"),
    CheckConstraint("status IN ('running', 'succeeded', 'failed', 'rejected')", name="status"),
)

# How each way to train did in one retraining: a retraining that is cut off trains none of them twice.
heats = Table(
    "farero_heats",
    metadata,
    Column("model", Text, primary_key=True),
    Column("origin", Text, primary_key=True),
    Column("entrant", Text, primary_key=True),
    Column("at", Moment, nullable=False),
    Column("body", LargeBinary, nullable=False),
)

outbox = Table(
    "farero_outbox",
    metadata,
    Column("id", _SERIAL, primary_key=True),
    Column("channel", Text, nullable=False),
    Column("message_id", Text, nullable=False),
    Column("message", LargeBinary, nullable=False),
    Column("status", Text, nullable=False),
    Column("attempts", Integer, nullable=False),
    # Waiting messages are due from here on; a claimed one becomes due again when its lease ends.
    Column("due_at", Moment, nullable=False),
    Column("finished_at", Moment),
    Column("error", Text),
    UniqueConstraint("channel", "message_id"),
    CheckConstraint("status IN ('waiting', 'delivered', 'failed')", name="status"),
    Index(None, "status", "due_at"),
)

labels = Table(
    "farero_labels",
    metadata,
    Column("model", Text, primary_key=True),
    Column("request_id", Text, primary_key=True),
    Column("row", Integer, primary_key=True),
    Column("value", Double, nullable=False),
    Column("predicted_at", BigInteger, nullable=False),
    Column("known_at", BigInteger, nullable=False),
    Column("received_at", BigInteger, nullable=False),
    # The later of known_at and received_at: from then on the label can change what is measured.
    Column("usable_at", BigInteger, nullable=False),
    Column("key", Text),
    # Counting known labels of a span, once a window, must not touch the rows themselves.
    Index(None, "model", "predicted_at", "known_at"),
    Index(None, "model", "usable_at", "predicted_at"),
)

# Columns that may be missing hold '' or -1 instead of NULL, so that the same label twice is found by the unique constraint.
waiting_labels = Table(
    "farero_waiting_labels",
    metadata,
    Column("id", _SERIAL, primary_key=True),
    Column("model", Text, nullable=False),
    Column("request_id", Text, nullable=False),
    Column("row", Integer, nullable=False),
    Column("key", Text, nullable=False),
    Column("time", BigInteger, nullable=False),
    Column("value", Double, nullable=False),
    Column("known_at", BigInteger, nullable=False),
    Column("received_at", BigInteger, nullable=False),
    UniqueConstraint("model", "request_id", "row", "key", "time", "value", name="farero_waiting_labels_once"),
)

refusals = Table(
    "farero_refusals",
    metadata,
    Column("model", Text, primary_key=True),
    Column("day", Day, primary_key=True),
    Column("path", Text, primary_key=True),
    Column("code", Text, primary_key=True),
    Column("count", BigInteger, nullable=False),
)

# What a tracker has of our runs and versions: `stamp` says in which state it was written last, '' = not yet.
tracked = Table(
    "farero_tracked",
    metadata,
    Column("kind", Text, primary_key=True),
    Column("model", Text, primary_key=True),
    Column("key", Text, primary_key=True),
    Column("stamp", Text, nullable=False),
    Column("remote", Text, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("due_at", Moment),
    Column("error", Text),
)

reports = Table(
    "farero_reports",
    metadata,
    Column("run", Text, primary_key=True),
    Column("at", Moment, nullable=False),
    Column("body", LargeBinary, nullable=False),
)

job_runs = Table(
    "farero_job_runs",
    metadata,
    Column("id", Text, primary_key=True),
    Column("job", Text, nullable=False),
    Column("model", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("queued_at", Moment, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Index(None, "status", "queued_at"),
    Index(None, "job", "queued_at"),
)

meta = Table("farero_meta", metadata, Column("name", Text, primary_key=True), Column("value", Text, nullable=False))
