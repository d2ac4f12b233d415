CREATE TABLE secrets (
  project_id text NOT NULL REFERENCES projects (id) ON DELETE CASCADE,
  name text NOT NULL CHECK (length(name) BETWEEN 1 AND 255),
  version integer NOT NULL CHECK (version >= 1),
  key_id text NOT NULL,
  ciphertext text NOT NULL,
  data text NOT NULL CHECK (json_valid(data)),
  created_at text NOT NULL,
  updated_at text NOT NULL,
  PRIMARY KEY (project_id, name)
) STRICT, WITHOUT ROWID;
CREATE INDEX secrets_by_key ON secrets (project_id, key_id, name);
