"""Keep the machine's own clock with a node's beat, and who reported an outage."""

import sqlalchemy as sa
from alembic import op

import server.storage.base

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("node", sa.Column("boot_id", sa.String(length=64), nullable=True))
    op.add_column("node", sa.Column("boot_ms", sa.BigInteger(), nullable=True))
    op.create_table(
        "outage_report",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("sitting_id", sa.String(length=32), nullable=False),
        sa.Column("room_ids", sa.JSON(), nullable=False),
        sa.Column("proposal", sa.String(length=12), nullable=False),
        sa.Column("fee_waiver", sa.Boolean(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("reported_by", sa.String(length=64), nullable=False),
        sa.Column("reported_at", server.storage.base.UTCDateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["sitting_id"], ["sitting.id"], name=op.f("fk_outage_report_sitting_id_sitting")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_outage_report")),
    )
    op.create_index(op.f("ix_outage_report_sitting_id"), "outage_report", ["sitting_id"], unique=False)
    op.add_column("outage_decision", sa.Column("report_id", sa.String(length=32), nullable=True))


def downgrade() -> None:
    op.drop_column("outage_decision", "report_id")
    op.drop_index(op.f("ix_outage_report_sitting_id"), table_name="outage_report")
    op.drop_table("outage_report")
    op.drop_column("node", "boot_ms")
    op.drop_column("node", "boot_id")
