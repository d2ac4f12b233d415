"""SQLite's SQL: judged by SQLite's authorizer while it compiles, run on a connection that cannot do more."""
