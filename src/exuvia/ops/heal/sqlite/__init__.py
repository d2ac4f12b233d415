"""What healing SQLite takes: its catalog, its plans, and changes in one transaction."""
