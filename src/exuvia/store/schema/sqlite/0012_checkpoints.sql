CREATE TABLE agent_checkpoints (
  project_id text NOT NULL REFERENCES projects (id) ON DELETE CASCADE,
  id text NOT NULL CHECK (length(id) BETWEEN 1 AND 255),
  agent text NOT NULL CHECK (length(agent) BETWEEN 1 AND 255),
  version integer NOT NULL CHECK (version >= 1),
  config_version text NOT NULL CHECK (length(config_version) BETWEEN 1 AND 255),
  config text NOT NULL CHECK (json_valid(config)),
  metrics text NOT NULL CHECK (json_type(metrics) = 'object'),
  metadata text NOT NULL CHECK (json_type(metadata) = 'object'),
  is_best integer NOT NULL CHECK (is_best IN (0, 1)),
  created_at text NOT NULL,
  PRIMARY KEY (project_id, id),
  UNIQUE (project_id, agent, version)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX agent_checkpoints_best ON agent_checkpoints (project_id, agent) WHERE is_best;
CREATE INDEX agent_checkpoints_by_time ON agent_checkpoints (project_id, created_at, id);

CREATE TABLE agent_checkpoint_counters (
  project_id text NOT NULL REFERENCES projects (id) ON DELETE CASCADE,
  agent text NOT NULL,
  latest integer NOT NULL,
  PRIMARY KEY (project_id, agent)
) STRICT, WITHOUT ROWID;

-- What LangGraph's graphs keep. A channel's large values are stored once for each version, whichever checkpoints have it;
-- the writes of a task may come before the checkpoint that they belong to.
CREATE TABLE langgraph_checkpoints (
  project_id text NOT NULL REFERENCES projects (id) ON DELETE CASCADE,
  thread_id text NOT NULL,
  checkpoint_ns text NOT NULL,
  checkpoint_id text NOT NULL,
  parent_id text,
  run_id text,
  incremental integer NOT NULL CHECK (incremental IN (0, 1)),
  versions text NOT NULL CHECK (json_type(versions) = 'object'),
  metadata text NOT NULL CHECK (json_type(metadata) = 'object'),
  encoding text NOT NULL,
  body blob NOT NULL,
  PRIMARY KEY (project_id, thread_id, checkpoint_ns, checkpoint_id)
) STRICT;
CREATE INDEX langgraph_checkpoints_by_run ON langgraph_checkpoints (project_id, run_id) WHERE run_id IS NOT NULL;

CREATE TABLE langgraph_values (
  project_id text NOT NULL REFERENCES projects (id) ON DELETE CASCADE,
  thread_id text NOT NULL,
  checkpoint_ns text NOT NULL,
  channel text NOT NULL,
  version text NOT NULL,
  encoding text NOT NULL,
  value blob NOT NULL,
  PRIMARY KEY (project_id, thread_id, checkpoint_ns, channel, version)
) STRICT;

CREATE TABLE langgraph_writes (
  project_id text NOT NULL REFERENCES projects (id) ON DELETE CASCADE,
  thread_id text NOT NULL,
  checkpoint_ns text NOT NULL,
  checkpoint_id text NOT NULL,
  task_id text NOT NULL,
  idx integer NOT NULL,
  task_path text NOT NULL,
  channel text NOT NULL,
  encoding text NOT NULL,
  value blob NOT NULL,
  PRIMARY KEY (project_id, thread_id, checkpoint_ns, checkpoint_id, task_id, idx)
) STRICT;

-- Labels of a namespace, each followed by U+001F.
CREATE TABLE langgraph_items (
  project_id text NOT NULL REFERENCES projects (id) ON DELETE CASCADE,
  namespace text NOT NULL,
  key text NOT NULL,
  value text NOT NULL CHECK (json_type(value) = 'object'),
  ttl real,
  expires_at text,
  created_at text NOT NULL,
  updated_at text NOT NULL,
  PRIMARY KEY (project_id, namespace, key)
) STRICT;
CREATE INDEX langgraph_items_by_time ON langgraph_items (project_id, updated_at, namespace, key);
CREATE INDEX langgraph_items_by_end ON langgraph_items (project_id, expires_at) WHERE expires_at IS NOT NULL;
