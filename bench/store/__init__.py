"""The store beside what a user would write by hand: the bare drivers, and SQLAlchemy from asynchronous code.

``python -m bench --store`` measures 100,000 events on SQLite and on both PostgreSQL servers, with ``--large`` also a
million on pip's; the page is written after each.
"""
