"""The look at a paper's code, and the addresses behind the words of a quote."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    op.add_column("assessments", sa.Column("code", sa.JSON))
    op.add_column("evidence", sa.Column("links", sa.JSON))


def downgrade() -> None:
    op.drop_column("evidence", "links")
    op.drop_column("assessments", "code")
