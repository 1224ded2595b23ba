"""What each detector of a version knows."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "farero_detectors",
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("version", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("baseline", sa.LargeBinary(), nullable=False),
        sa.Column("watch", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("model", "version", "name", name=op.f("farero_detectors_pk")),
    )
