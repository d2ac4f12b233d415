"""Runs the migrations on the database that ``config.attributes["url"]`` names."""

from alembic import context

from articles.models import Base
from exuvia.integrations.sqlalchemy import engine
from exuvia.integrations.sqlalchemy.autogenerate import SETTINGS

made = engine(context.config.attributes["url"])
if context.is_offline_mode():
    context.configure(url=made.url, target_metadata=Base.metadata, literal_binds=True, **SETTINGS)
    with context.begin_transaction():
        context.run_migrations()
else:
    with made.connect() as connection:
        context.configure(connection=connection, target_metadata=Base.metadata, **SETTINGS)
        with context.begin_transaction():
            context.run_migrations()
made.dispose()
