"""PostgreSQL's SQL: judged by PostgreSQL's own parser, run alone in a transaction that cannot do more."""
