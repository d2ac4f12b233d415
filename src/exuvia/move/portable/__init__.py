"""Portable copies: a database as a directory of JSON Lines or Parquet files with a manifest.

Every value keeps its storage class, so that a copy gives back the same SQLite file, and can be moved to PostgreSQL as
the file itself could. ``docs/portable.md`` describes the files.
"""
