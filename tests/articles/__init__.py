"""A small application as people write them: FastAPI, SQLAlchemy's models, Alembic's migrations, on both engines."""
