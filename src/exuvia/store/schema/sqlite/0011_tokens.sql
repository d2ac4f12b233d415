CREATE TABLE service_tokens (
  project_id text NOT NULL REFERENCES projects (id) ON DELETE CASCADE,
  id text NOT NULL CHECK (length(id) BETWEEN 1 AND 255),
  name text NOT NULL CHECK (length(name) BETWEEN 1 AND 255),
  scopes text NOT NULL CHECK (json_type(scopes) = 'array'),
  generation integer NOT NULL CHECK (generation >= 1),
  data text NOT NULL CHECK (json_valid(data)),
  created_at text NOT NULL,
  expires_at text,
  revoked_at text,
  PRIMARY KEY (project_id, id)
) STRICT, WITHOUT ROWID;
CREATE INDEX service_tokens_by_time ON service_tokens (project_id, created_at, id);

CREATE TABLE service_token_secrets (
  project_id text NOT NULL,
  prefix text NOT NULL CHECK (length(prefix) = 16),
  token_id text NOT NULL,
  generation integer NOT NULL,
  method text NOT NULL CHECK (method IN ('hmac-sha256', 'scrypt')),
  key_id text CHECK ((key_id IS NULL) = (method = 'scrypt')),
  salt text NOT NULL CHECK (length(salt) = 32),
  digest text NOT NULL CHECK (length(digest) = 64),
  created_at text NOT NULL,
  ends_at text,
  revoked_at text,
  uses integer NOT NULL DEFAULT 0,
  checks integer NOT NULL DEFAULT 0,
  last_used_at text,
  last_checked_at text,
  last_outcome text,
  last_caller text,
  PRIMARY KEY (project_id, prefix),
  UNIQUE (project_id, token_id, generation),
  FOREIGN KEY (project_id, token_id) REFERENCES service_tokens (project_id, id) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;
CREATE INDEX service_token_secrets_by_prefix ON service_token_secrets (prefix);

CREATE TABLE service_token_uses (
  project_id text NOT NULL,
  prefix text NOT NULL,
  seq integer NOT NULL CHECK (seq >= 1),
  token_id text NOT NULL,
  at text NOT NULL,
  outcome text NOT NULL CHECK (outcome IN ('used', 'wrong', 'expired', 'revoked', 'scope')),
  caller text,
  PRIMARY KEY (project_id, prefix, seq),
  FOREIGN KEY (project_id, token_id) REFERENCES service_tokens (project_id, id) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;
CREATE INDEX service_token_uses_by_time ON service_token_uses (project_id, at, prefix, seq);
CREATE INDEX service_token_uses_by_token ON service_token_uses (project_id, token_id, at);

CREATE TABLE service_token_failures (
  project_id text NOT NULL REFERENCES projects (id) ON DELETE CASCADE,
  prefix text NOT NULL,
  caller text NOT NULL,
  failures integer NOT NULL CHECK (failures >= 1),
  failed_at text NOT NULL,
  PRIMARY KEY (project_id, prefix, caller)
) STRICT, WITHOUT ROWID;
CREATE INDEX service_token_failures_by_time ON service_token_failures (project_id, failed_at);
