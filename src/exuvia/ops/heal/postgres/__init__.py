"""What healing PostgreSQL takes: its catalog, its plans, and changes with limits on locks and time."""
