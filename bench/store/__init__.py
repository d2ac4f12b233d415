"""The store beside what a user would write by hand: the bare drivers, and SQLAlchemy from asynchronous code."""
