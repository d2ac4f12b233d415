CREATE TABLE secrets (
  project_id text COLLATE "C" NOT NULL REFERENCES projects (id) ON DELETE CASCADE,
  name text COLLATE "C" NOT NULL CHECK (length(name) BETWEEN 1 AND 255),
  version bigint NOT NULL CHECK (version >= 1),
  key_id text COLLATE "C" NOT NULL,
  ciphertext text COLLATE "C" NOT NULL,
  data jsonb NOT NULL,
  created_at timestamptz NOT NULL,
  updated_at timestamptz NOT NULL,
  PRIMARY KEY (project_id, name)
);
CREATE INDEX secrets_by_key ON secrets (project_id, key_id, name);
