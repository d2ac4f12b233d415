"""Full text, vectors and indexes."""
# mypy: disable-error-code="attr-defined"

from alembic import op

revision = "r2"
down_revision = "r1"


def upgrade() -> None:
    """Make what searching needs."""
    op.create_tsvector_column("articles", "words", ["title", "body"], config="english")
    op.create_vector_column("articles", "embedding", 3)
    op.create_vector_index("articles", "embedding", distance="cosine")
    op.create_trigram_index("articles", "title")
    op.create_jsonb_index("articles", "meta")


def downgrade() -> None:
    """Remove it."""
    op.drop_jsonb_index("articles", "meta")
    op.drop_trigram_index("articles", "title")
    op.drop_vector_index("articles", "embedding")
    op.drop_vector_column("articles", "embedding")
    op.drop_tsvector_column("articles", "words")
