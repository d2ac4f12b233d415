CREATE TABLE projects (
  id text NOT NULL PRIMARY KEY CHECK (length(id) BETWEEN 1 AND 255),
  name text NOT NULL,
  data text NOT NULL CHECK (json_valid(data)),
  created_at text NOT NULL,
  updated_at text NOT NULL
) STRICT, WITHOUT ROWID;
