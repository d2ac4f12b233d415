CREATE TABLE service_tokens (
  project_id text COLLATE "C" NOT NULL REFERENCES projects (id) ON DELETE CASCADE,
  id text COLLATE "C" NOT NULL CHECK (length(id) BETWEEN 1 AND 255),
  name text COLLATE "C" NOT NULL CHECK (length(name) BETWEEN 1 AND 255),
  scopes jsonb NOT NULL CHECK (jsonb_typeof(scopes) = 'array'),
  generation bigint NOT NULL CHECK (generation >= 1),
  data jsonb NOT NULL,
  created_at timestamptz NOT NULL,
  expires_at timestamptz,
  revoked_at timestamptz,
  PRIMARY KEY (project_id, id)
);
CREATE INDEX service_tokens_by_time ON service_tokens (project_id, created_at, id);

CREATE TABLE service_token_secrets (
  project_id text COLLATE "C" NOT NULL,
  prefix text COLLATE "C" NOT NULL CHECK (length(prefix) = 16),
  token_id text COLLATE "C" NOT NULL,
  generation bigint NOT NULL,
  method text COLLATE "C" NOT NULL CHECK (method IN ('hmac-sha256', 'scrypt')),
  key_id text COLLATE "C" CHECK ((key_id IS NULL) = (method = 'scrypt')),
  salt text COLLATE "C" NOT NULL CHECK (length(salt) = 32),
  digest text COLLATE "C" NOT NULL CHECK (length(digest) = 64),
  created_at timestamptz NOT NULL,
  ends_at timestamptz,
  revoked_at timestamptz,
  uses bigint NOT NULL DEFAULT 0,
  checks bigint NOT NULL DEFAULT 0,
  last_used_at timestamptz,
  last_checked_at timestamptz,
  last_outcome text COLLATE "C",
  last_caller text COLLATE "C",
  PRIMARY KEY (project_id, prefix),
  UNIQUE (project_id, token_id, generation),
  FOREIGN KEY (project_id, token_id) REFERENCES service_tokens (project_id, id) ON DELETE CASCADE
);
CREATE INDEX service_token_secrets_by_prefix ON service_token_secrets (prefix);

CREATE TABLE service_token_uses (
  project_id text COLLATE "C" NOT NULL,
  prefix text COLLATE "C" NOT NULL,
  seq bigint NOT NULL CHECK (seq >= 1),
  token_id text COLLATE "C" NOT NULL,
  at timestamptz NOT NULL,
  outcome text COLLATE "C" NOT NULL CHECK (outcome IN ('used', 'wrong', 'expired', 'revoked', 'scope')),
  caller text COLLATE "C",
  PRIMARY KEY (project_id, prefix, seq),
  FOREIGN KEY (project_id, token_id) REFERENCES service_tokens (project_id, id) ON DELETE CASCADE
);
CREATE INDEX service_token_uses_by_time ON service_token_uses (project_id, at, prefix, seq);
CREATE INDEX service_token_uses_by_token ON service_token_uses (project_id, token_id, at);

CREATE TABLE service_token_failures (
  project_id text COLLATE "C" NOT NULL REFERENCES projects (id) ON DELETE CASCADE,
  prefix text COLLATE "C" NOT NULL,
  caller text COLLATE "C" NOT NULL,
  failures bigint NOT NULL CHECK (failures >= 1),
  failed_at timestamptz NOT NULL,
  PRIMARY KEY (project_id, prefix, caller)
);
CREATE INDEX service_token_failures_by_time ON service_token_failures (project_id, failed_at);
