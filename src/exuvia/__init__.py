"""Moves any SQLite database to PostgreSQL, at COPY speed, and proves every value."""
