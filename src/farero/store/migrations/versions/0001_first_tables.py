"""The first tables: versions, loop, incidents, outbox, labels."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

SERIAL = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    _versions()
    _loop()
    _people()
    _labels()


def _versions() -> None:
    """The lives of versions."""
    op.create_table(
        "farero_versions",
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("number", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("trained_until", sa.BigInteger(), nullable=True),
        sa.Column("trained_rows", sa.BigInteger(), nullable=False),
        sa.Column("data_fingerprint", sa.Text(), nullable=False),
        sa.Column("schema_digest", sa.Text(), nullable=False),
        sa.Column("origin", sa.Text(), nullable=False),
        sa.Column("because", sa.Text(), nullable=False),
        sa.Column("metrics", sa.LargeBinary(), nullable=False),
        sa.Column("environment", sa.LargeBinary(), nullable=False),
        sa.Column("tags", sa.LargeBinary(), nullable=False),
        sa.Column("git_commit", sa.Text(), nullable=True),
        sa.Column("deleted_at", sa.BigInteger(), nullable=True),
        sa.Column("deleted_because", sa.Text(), nullable=True),
        sa.CheckConstraint("deleted_at IS NULL OR state <> 'production'", name=op.f("farero_versions_deleted_ck")),
        sa.CheckConstraint(
            "state IN ('candidate', 'staging', 'production', 'archived', 'rejected')", name=op.f("farero_versions_state_ck")
        ),
        sa.PrimaryKeyConstraint("model", "number", name=op.f("farero_versions_pk")),
        sa.UniqueConstraint("model", "origin", name=op.f("farero_versions_model_origin_uq")),
    )
    op.create_index(
        "farero_versions_one_production",
        "farero_versions",
        ["model"],
        unique=True,
        sqlite_where=sa.text("state = 'production'"),
        postgresql_where=sa.text("state = 'production'"),
    )
    op.create_table(
        "farero_production",
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("number", sa.Text(), nullable=True),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("model", name=op.f("farero_production_pk")),
    )
    op.create_table(
        "farero_moves",
        sa.Column("id", SERIAL, nullable=False),
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("number", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=True),
        sa.Column("target", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("because", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("farero_moves_pk")),
    )
    op.create_index(op.f("farero_moves_model_id_ix"), "farero_moves", ["model", "id"], unique=False)
    op.create_table(
        "farero_runs",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("started", sa.BigInteger(), nullable=False),
        sa.Column("because", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("finished", sa.BigInteger(), nullable=True),
        sa.Column("version", sa.Text(), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.CheckConstraint("status IN ('running', 'succeeded', 'failed', 'rejected')", name=op.f("farero_runs_status_ck")),
        sa.PrimaryKeyConstraint("id", name=op.f("farero_runs_pk")),
    )
    op.create_index(op.f("farero_runs_model_started_ix"), "farero_runs", ["model", "started"], unique=False)


def _loop() -> None:
    """What the loop saw and decided."""
    op.create_table(
        "farero_steps",
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("step", sa.Text(), nullable=False),
        sa.Column("window_end", sa.BigInteger(), nullable=False),
        sa.Column("window_start", sa.BigInteger(), nullable=False),
        sa.Column("value", sa.LargeBinary(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("model", "step", "window_end", "window_start", name=op.f("farero_steps_pk")),
    )
    op.create_table(
        "farero_observations",
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("window_start", sa.BigInteger(), nullable=False),
        sa.Column("window_end", sa.BigInteger(), nullable=False),
        sa.Column("version", sa.Text(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("model", "window_start", "window_end", name=op.f("farero_observations_pk")),
    )
    op.create_table(
        "farero_profiles",
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("version", sa.Text(), nullable=False),
        sa.Column("window_start", sa.BigInteger(), nullable=False),
        sa.Column("window_end", sa.BigInteger(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("model", "version", "window_start", "window_end", name=op.f("farero_profiles_pk")),
    )
    op.create_table(
        "farero_decisions",
        sa.Column("id", SERIAL, nullable=False),
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("window_start", sa.BigInteger(), nullable=False),
        sa.Column("window_end", sa.BigInteger(), nullable=False),
        sa.Column("policy", sa.Text(), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("candidate", sa.Text(), nullable=True),
        sa.Column("verdict", sa.LargeBinary(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("farero_decisions_pk")),
        sa.UniqueConstraint(
            "model", "window_end", "window_start", "policy", name=op.f("farero_decisions_model_window_end_window_start_policy_uq")
        ),
    )


def _people() -> None:
    """What people are told."""
    op.create_table(
        "farero_incidents",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("severity", sa.Text(), nullable=False),
        sa.Column("opened", sa.BigInteger(), nullable=False),
        sa.Column("resolved", sa.BigInteger(), nullable=True),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("farero_incidents_pk")),
    )
    op.create_index(op.f("farero_incidents_model_opened_ix"), "farero_incidents", ["model", "opened"], unique=False)
    op.create_table(
        "farero_outbox",
        sa.Column("id", SERIAL, nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("message_id", sa.Text(), nullable=False),
        sa.Column("message", sa.LargeBinary(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("due_at", sa.BigInteger(), nullable=False),
        sa.Column("finished_at", sa.BigInteger(), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.CheckConstraint("status IN ('waiting', 'delivered', 'failed')", name=op.f("farero_outbox_status_ck")),
        sa.PrimaryKeyConstraint("id", name=op.f("farero_outbox_pk")),
        sa.UniqueConstraint("channel", "message_id", name=op.f("farero_outbox_channel_message_id_uq")),
    )
    op.create_index(op.f("farero_outbox_status_due_at_ix"), "farero_outbox", ["status", "due_at"], unique=False)


def _labels() -> None:
    """Labels, and counts of what was refused."""
    op.create_table(
        "farero_labels",
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("request_id", sa.Text(), nullable=False),
        sa.Column("row", sa.Integer(), nullable=False),
        sa.Column("value", sa.Double(), nullable=False),
        sa.Column("predicted_at", sa.BigInteger(), nullable=False),
        sa.Column("known_at", sa.BigInteger(), nullable=False),
        sa.Column("received_at", sa.BigInteger(), nullable=False),
        sa.Column("usable_at", sa.BigInteger(), nullable=False),
        sa.Column("key", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("model", "request_id", "row", name=op.f("farero_labels_pk")),
    )
    op.create_index(
        op.f("farero_labels_model_predicted_at_known_at_ix"), "farero_labels", ["model", "predicted_at", "known_at"], unique=False
    )
    op.create_index(
        op.f("farero_labels_model_usable_at_predicted_at_ix"), "farero_labels", ["model", "usable_at", "predicted_at"], unique=False
    )
    op.create_table(
        "farero_waiting_labels",
        sa.Column("id", SERIAL, nullable=False),
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("request_id", sa.Text(), nullable=False),
        sa.Column("row", sa.Integer(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("time", sa.BigInteger(), nullable=False),
        sa.Column("value", sa.Double(), nullable=False),
        sa.Column("known_at", sa.BigInteger(), nullable=False),
        sa.Column("received_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("farero_waiting_labels_pk")),
        sa.UniqueConstraint("model", "request_id", "row", "key", "time", "value", name="farero_waiting_labels_once"),
    )
    op.create_table(
        "farero_refusals",
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("day", sa.Integer(), nullable=False),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("count", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("model", "day", "path", "code", name=op.f("farero_refusals_pk")),
    )
    op.create_table(
        "farero_meta",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("farero_meta_pk")),
    )
