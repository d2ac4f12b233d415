"""Is this SQL allowed? Judged by what the engine itself understands, and run so that it could not do more if it were.

The levels read, write and ddl are limited to named tables each; write and ddl are off until tables are named for them.
PostgreSQL's SQL is judged by PostgreSQL's own parser, SQLite's by its authorizer. What is not known to be harmless is
denied, in one sentence that says why.
"""
