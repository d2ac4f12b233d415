CREATE TABLE workflows (
  project_id text COLLATE "C" NOT NULL REFERENCES projects (id) ON DELETE CASCADE,
  id text COLLATE "C" NOT NULL CHECK (length(id) BETWEEN 1 AND 255),
  name text COLLATE "C" NOT NULL,
  description text COLLATE "C" NOT NULL,
  tags jsonb NOT NULL CHECK (jsonb_typeof(tags) = 'array'),
  archived boolean NOT NULL,
  latest_version bigint NOT NULL DEFAULT 0,
  revision bigint NOT NULL DEFAULT 1,
  data jsonb NOT NULL,
  created_at timestamptz NOT NULL,
  updated_at timestamptz NOT NULL,
  PRIMARY KEY (project_id, id)
);
CREATE INDEX workflows_by_time ON workflows (project_id, updated_at, id);

CREATE TABLE workflow_versions (
  project_id text COLLATE "C" NOT NULL,
  workflow_id text COLLATE "C" NOT NULL,
  version bigint NOT NULL CHECK (version >= 1),
  definition jsonb NOT NULL,
  author text COLLATE "C",
  notes text COLLATE "C" NOT NULL,
  created_at timestamptz NOT NULL,
  PRIMARY KEY (project_id, workflow_id, version),
  FOREIGN KEY (project_id, workflow_id) REFERENCES workflows (project_id, id) ON DELETE CASCADE
);

CREATE FUNCTION workflow_versions_stay() RETURNS trigger LANGUAGE plpgsql AS $$
  BEGIN
  RAISE EXCEPTION 'a version of a workflow does not change' USING ERRCODE = 'check_violation';
  END
  $$;

CREATE TRIGGER workflow_versions_stay BEFORE UPDATE ON workflow_versions
  FOR EACH ROW EXECUTE FUNCTION workflow_versions_stay();

CREATE TABLE workflow_runs (
  project_id text COLLATE "C" NOT NULL,
  id text COLLATE "C" NOT NULL CHECK (length(id) BETWEEN 1 AND 255),
  workflow_id text COLLATE "C" NOT NULL,
  version bigint NOT NULL,
  state text COLLATE "C" NOT NULL CHECK (state IN ('pending', 'running', 'succeeded', 'failed', 'cancelled')),
  started_by text COLLATE "C",
  trace_id text COLLATE "C",
  inputs jsonb NOT NULL,
  outputs jsonb,
  error text COLLATE "C",
  last_seq bigint NOT NULL DEFAULT 0,
  created_at timestamptz NOT NULL,
  started_at timestamptz,
  finished_at timestamptz,
  PRIMARY KEY (project_id, id),
  FOREIGN KEY (project_id, workflow_id, version)
    REFERENCES workflow_versions (project_id, workflow_id, version) ON DELETE CASCADE,
  CHECK ((state IN ('succeeded', 'failed', 'cancelled')) = (finished_at IS NOT NULL))
);
CREATE INDEX workflow_runs_by_workflow ON workflow_runs (project_id, workflow_id, created_at, id);
CREATE INDEX workflow_runs_by_version ON workflow_runs (project_id, workflow_id, version);
CREATE INDEX workflow_runs_by_time ON workflow_runs (project_id, created_at, id);
CREATE INDEX workflow_runs_by_state ON workflow_runs (project_id, state, created_at, id);
CREATE INDEX workflow_runs_by_trace ON workflow_runs (project_id, trace_id, created_at, id)
  WHERE trace_id IS NOT NULL;

CREATE TABLE run_steps (
  project_id text COLLATE "C" NOT NULL,
  run_id text COLLATE "C" NOT NULL,
  seq bigint NOT NULL CHECK (seq >= 1),
  name text COLLATE "C" NOT NULL,
  status text COLLATE "C" NOT NULL CHECK (length(status) BETWEEN 1 AND 64),
  span_id text COLLATE "C",
  parent_span_id text COLLATE "C",
  data jsonb NOT NULL,
  at timestamptz NOT NULL,
  seconds double precision,
  PRIMARY KEY (project_id, run_id, seq),
  FOREIGN KEY (project_id, run_id) REFERENCES workflow_runs (project_id, id) ON DELETE CASCADE
);

CREATE FUNCTION workflows_search_added() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
  BEGIN
  INSERT INTO search_entries (project_id, kind, id, at, title, tags, body, data)
    SELECT project_id, 'workflow', id, created_at, name, knowledge_words(tags), description, data FROM added;
  RETURN NULL;
  END
  $$;

CREATE TRIGGER workflows_search_added AFTER INSERT ON workflows
  REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION workflows_search_added();

CREATE FUNCTION workflows_search_changed() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
  BEGIN
  UPDATE search_entries
    SET title = new.name, tags = knowledge_words(new.tags), body = new.description, data = new.data
    WHERE project_id = new.project_id AND kind = 'workflow' AND id = new.id;
  RETURN NULL;
  END
  $$;

CREATE TRIGGER workflows_search_changed AFTER UPDATE OF name, description, tags, data ON workflows
  FOR EACH ROW EXECUTE FUNCTION workflows_search_changed();

CREATE FUNCTION workflows_search_removed() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
  BEGIN
  DELETE FROM search_entries USING removed
    WHERE search_entries.project_id = removed.project_id AND kind = 'workflow' AND search_entries.id = removed.id;
  RETURN NULL;
  END
  $$;

CREATE TRIGGER workflows_search_removed AFTER DELETE ON workflows
  REFERENCING OLD TABLE AS removed FOR EACH STATEMENT EXECUTE FUNCTION workflows_search_removed();
