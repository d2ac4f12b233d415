"""Keeping SQLite warm after a cut-over: what changes in PostgreSQL is brought back, round by round.

``plan`` says which tables can be kept and how, ``keys`` and ``bags`` bring one table up to date (with and without a
primary key), and ``rounds`` does all tables in one transaction of SQLite, together with the position in the log.
"""

from exuvia.live.warm.plan import Cold, WarmTable
from exuvia.live.warm.rounds import Inexact, Round, Warm, applied

__all__ = ["Cold", "Inexact", "Round", "Warm", "WarmTable", "applied"]
