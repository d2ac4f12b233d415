CREATE TABLE workflows (
  project_id text NOT NULL REFERENCES projects (id) ON DELETE CASCADE,
  id text NOT NULL CHECK (length(id) BETWEEN 1 AND 255),
  name text NOT NULL,
  description text NOT NULL,
  tags text NOT NULL CHECK (json_type(tags) = 'array'),
  archived integer NOT NULL CHECK (archived IN (0, 1)),
  latest_version integer NOT NULL DEFAULT 0,
  revision integer NOT NULL DEFAULT 1,
  data text NOT NULL CHECK (json_valid(data)),
  created_at text NOT NULL,
  updated_at text NOT NULL,
  PRIMARY KEY (project_id, id)
) STRICT, WITHOUT ROWID;
CREATE INDEX workflows_by_time ON workflows (project_id, updated_at, id);

CREATE TABLE workflow_versions (
  project_id text NOT NULL,
  workflow_id text NOT NULL,
  version integer NOT NULL CHECK (version >= 1),
  definition text NOT NULL CHECK (json_valid(definition)),
  author text,
  notes text NOT NULL,
  created_at text NOT NULL,
  PRIMARY KEY (project_id, workflow_id, version),
  FOREIGN KEY (project_id, workflow_id) REFERENCES workflows (project_id, id) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;

CREATE TRIGGER workflow_versions_stay BEFORE UPDATE ON workflow_versions BEGIN
  SELECT raise(ABORT, 'a version of a workflow does not change');
  END;

CREATE TABLE workflow_runs (
  project_id text NOT NULL,
  id text NOT NULL CHECK (length(id) BETWEEN 1 AND 255),
  workflow_id text NOT NULL,
  version integer NOT NULL,
  state text NOT NULL CHECK (state IN ('pending', 'running', 'succeeded', 'failed', 'cancelled')),
  started_by text,
  trace_id text,
  inputs text NOT NULL CHECK (json_valid(inputs)),
  outputs text CHECK (json_valid(outputs)),
  error text,
  last_seq integer NOT NULL DEFAULT 0,
  created_at text NOT NULL,
  started_at text,
  finished_at text,
  PRIMARY KEY (project_id, id),
  FOREIGN KEY (project_id, workflow_id, version)
    REFERENCES workflow_versions (project_id, workflow_id, version) ON DELETE CASCADE,
  CHECK ((state IN ('succeeded', 'failed', 'cancelled')) = (finished_at IS NOT NULL))
) STRICT, WITHOUT ROWID;
CREATE INDEX workflow_runs_by_workflow ON workflow_runs (project_id, workflow_id, created_at, id);
CREATE INDEX workflow_runs_by_version ON workflow_runs (project_id, workflow_id, version);
CREATE INDEX workflow_runs_by_time ON workflow_runs (project_id, created_at, id);
CREATE INDEX workflow_runs_by_state ON workflow_runs (project_id, state, created_at, id);
CREATE INDEX workflow_runs_by_trace ON workflow_runs (project_id, trace_id, created_at, id)
  WHERE trace_id IS NOT NULL;

CREATE TABLE run_steps (
  project_id text NOT NULL,
  run_id text NOT NULL,
  seq integer NOT NULL CHECK (seq >= 1),
  name text NOT NULL,
  status text NOT NULL CHECK (length(status) BETWEEN 1 AND 64),
  span_id text,
  parent_span_id text,
  data text NOT NULL CHECK (json_valid(data)),
  at text NOT NULL,
  seconds real,
  PRIMARY KEY (project_id, run_id, seq),
  FOREIGN KEY (project_id, run_id) REFERENCES workflow_runs (project_id, id) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;

CREATE TRIGGER workflows_search_added AFTER INSERT ON workflows BEGIN
  INSERT INTO search_entries (project_id, kind, id, at, title, tags, body, data)
    VALUES (new.project_id, 'workflow', new.id, new.created_at, new.name,
      (SELECT coalesce(group_concat(value, ' '), '') FROM json_each(new.tags)), new.description, new.data);
  END;

CREATE TRIGGER workflows_search_changed AFTER UPDATE OF name, description, tags, data ON workflows BEGIN
  UPDATE search_entries SET title = new.name,
      tags = (SELECT coalesce(group_concat(value, ' '), '') FROM json_each(new.tags)),
      body = new.description, data = new.data
    WHERE project_id = new.project_id AND kind = 'workflow' AND id = new.id;
  END;

CREATE TRIGGER workflows_search_removed AFTER DELETE ON workflows BEGIN
  DELETE FROM search_entries WHERE project_id = old.project_id AND kind = 'workflow' AND id = old.id;
  END;
