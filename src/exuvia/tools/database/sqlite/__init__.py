"""What is asked of SQLite about a file."""
