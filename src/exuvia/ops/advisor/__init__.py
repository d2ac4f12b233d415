"""Should this SQLite database move to PostgreSQL? Measured, judged by thresholds, and with reasons."""
