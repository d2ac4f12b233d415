"""The way back: one schema of a PostgreSQL database into a new SQLite file, proved value by value."""
