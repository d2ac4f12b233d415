-- Dual write: what has changed here and is not in the other database yet, noted by triggers that are made when a store
-- is opened with a secondary. See exuvia.store.dual.
CREATE TABLE outbox (
  seq integer PRIMARY KEY AUTOINCREMENT,
  table_name text NOT NULL,
  key text NOT NULL CHECK (json_type(key) = 'array'),
  at text NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%f000Z', 'now'))
) STRICT;

-- Has a row only within the transactions that carry over what the other database has noted.
CREATE TABLE outbox_applying (
  marker integer NOT NULL
) STRICT;

-- Which of the two this database is; one that is leaving was the primary and takes no more writes.
CREATE TABLE dual_role (
  one integer NOT NULL PRIMARY KEY DEFAULT 1 CHECK (one = 1),
  role text NOT NULL CHECK (role IN ('primary', 'leaving', 'secondary')),
  pair text NOT NULL,
  epoch integer NOT NULL,
  peer text NOT NULL
) STRICT;
