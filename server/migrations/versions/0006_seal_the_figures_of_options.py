"""seal the figures of options.

Analyses made before are dropped: answers and keys are all there, so they can be made again.
"""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

MADE_AGAIN = ("item_sitting_statistics", "item_statistics", "sitting_analysis")


def upgrade() -> None:
    for table in MADE_AGAIN:
        op.execute(f"DELETE FROM {table}")  # noqa: S608 - names of our own
    with op.batch_alter_table("item_sitting_statistics", schema=None) as batch_op:
        batch_op.add_column(sa.Column("cipher", sa.LargeBinary(), nullable=False))
        batch_op.drop_column("document")

    with op.batch_alter_table("item_statistics", schema=None) as batch_op:
        batch_op.add_column(sa.Column("cipher", sa.LargeBinary(), nullable=False))
        batch_op.drop_column("document")

    with op.batch_alter_table("sitting_analysis", schema=None) as batch_op:
        batch_op.add_column(sa.Column("summary", sa.JSON(), nullable=False))
        batch_op.add_column(sa.Column("cipher", sa.LargeBinary(), nullable=True))
        batch_op.drop_column("document")


def downgrade() -> None:
    for table in MADE_AGAIN:
        op.execute(f"DELETE FROM {table}")  # noqa: S608 - names of our own
    with op.batch_alter_table("sitting_analysis", schema=None) as batch_op:
        batch_op.add_column(sa.Column("document", sa.JSON(), nullable=False))
        batch_op.drop_column("cipher")
        batch_op.drop_column("summary")

    with op.batch_alter_table("item_statistics", schema=None) as batch_op:
        batch_op.add_column(sa.Column("document", sa.JSON(), nullable=False))
        batch_op.drop_column("cipher")

    with op.batch_alter_table("item_sitting_statistics", schema=None) as batch_op:
        batch_op.add_column(sa.Column("document", sa.JSON(), nullable=False))
        batch_op.drop_column("cipher")
