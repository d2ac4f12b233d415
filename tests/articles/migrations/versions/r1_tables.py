"""Authors and articles."""

import sqlalchemy as sa
from alembic import op

from exuvia.integrations.sqlalchemy import JSONB

revision = "r1"
down_revision = None


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "authors",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("name", sa.String, nullable=False, unique=True),
    )
    op.create_table(
        "articles",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("author_id", sa.Integer, sa.ForeignKey("authors.id"), nullable=False),
        sa.Column("title", sa.String, nullable=False),
        sa.Column("body", sa.String),
        sa.Column("readers", sa.Integer, nullable=False),
        sa.Column("meta", JSONB, nullable=False),
    )
    op.execute("INSERT INTO authors VALUES (99, 'The first author')")
    op.execute("INSERT INTO articles VALUES (99, 99, 'The oldest tale', NULL, 0, '{}')")


def downgrade() -> None:
    """Remove the tables."""
    op.drop_table("articles")
    op.drop_table("authors")
