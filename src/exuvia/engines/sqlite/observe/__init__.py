"""Looking at a SQLite database that others use, without being in their way: locks, processes, sizes, samples."""
