CREATE TABLE agent_checkpoints (
  project_id text COLLATE "C" NOT NULL REFERENCES projects (id) ON DELETE CASCADE,
  id text COLLATE "C" NOT NULL CHECK (length(id) BETWEEN 1 AND 255),
  agent text COLLATE "C" NOT NULL CHECK (length(agent) BETWEEN 1 AND 255),
  version bigint NOT NULL CHECK (version >= 1),
  config_version text COLLATE "C" NOT NULL CHECK (length(config_version) BETWEEN 1 AND 255),
  config jsonb NOT NULL,
  metrics jsonb NOT NULL CHECK (jsonb_typeof(metrics) = 'object'),
  metadata jsonb NOT NULL CHECK (jsonb_typeof(metadata) = 'object'),
  is_best boolean NOT NULL,
  created_at timestamptz NOT NULL,
  PRIMARY KEY (project_id, id),
  UNIQUE (project_id, agent, version)
);
CREATE UNIQUE INDEX agent_checkpoints_best ON agent_checkpoints (project_id, agent) WHERE is_best;
CREATE INDEX agent_checkpoints_by_time ON agent_checkpoints (project_id, created_at, id);

CREATE TABLE agent_checkpoint_counters (
  project_id text COLLATE "C" NOT NULL REFERENCES projects (id) ON DELETE CASCADE,
  agent text COLLATE "C" NOT NULL,
  latest bigint NOT NULL,
  PRIMARY KEY (project_id, agent)
);

-- What LangGraph's graphs keep. A channel's large values are stored once for each version, whichever checkpoints have it;
-- the writes of a task may come before the checkpoint that they belong to.
CREATE TABLE langgraph_checkpoints (
  project_id text COLLATE "C" NOT NULL REFERENCES projects (id) ON DELETE CASCADE,
  thread_id text COLLATE "C" NOT NULL,
  checkpoint_ns text COLLATE "C" NOT NULL,
  checkpoint_id text COLLATE "C" NOT NULL,
  parent_id text COLLATE "C",
  run_id text COLLATE "C",
  incremental boolean NOT NULL,
  versions jsonb NOT NULL CHECK (jsonb_typeof(versions) = 'object'),
  metadata jsonb NOT NULL CHECK (jsonb_typeof(metadata) = 'object'),
  encoding text COLLATE "C" NOT NULL,
  body bytea NOT NULL,
  PRIMARY KEY (project_id, thread_id, checkpoint_ns, checkpoint_id)
);
CREATE INDEX langgraph_checkpoints_by_run ON langgraph_checkpoints (project_id, run_id) WHERE run_id IS NOT NULL;

CREATE TABLE langgraph_values (
  project_id text COLLATE "C" NOT NULL REFERENCES projects (id) ON DELETE CASCADE,
  thread_id text COLLATE "C" NOT NULL,
  checkpoint_ns text COLLATE "C" NOT NULL,
  channel text COLLATE "C" NOT NULL,
  version text COLLATE "C" NOT NULL,
  encoding text COLLATE "C" NOT NULL,
  value bytea NOT NULL,
  PRIMARY KEY (project_id, thread_id, checkpoint_ns, channel, version)
);

CREATE TABLE langgraph_writes (
  project_id text COLLATE "C" NOT NULL REFERENCES projects (id) ON DELETE CASCADE,
  thread_id text COLLATE "C" NOT NULL,
  checkpoint_ns text COLLATE "C" NOT NULL,
  checkpoint_id text COLLATE "C" NOT NULL,
  task_id text COLLATE "C" NOT NULL,
  idx bigint NOT NULL,
  task_path text COLLATE "C" NOT NULL,
  channel text COLLATE "C" NOT NULL,
  encoding text COLLATE "C" NOT NULL,
  value bytea NOT NULL,
  PRIMARY KEY (project_id, thread_id, checkpoint_ns, checkpoint_id, task_id, idx)
);

-- Labels of a namespace, each followed by U+001F.
CREATE TABLE langgraph_items (
  project_id text COLLATE "C" NOT NULL REFERENCES projects (id) ON DELETE CASCADE,
  namespace text COLLATE "C" NOT NULL,
  key text COLLATE "C" NOT NULL,
  value jsonb NOT NULL CHECK (jsonb_typeof(value) = 'object'),
  ttl double precision,
  expires_at timestamptz,
  created_at timestamptz NOT NULL,
  updated_at timestamptz NOT NULL,
  PRIMARY KEY (project_id, namespace, key)
);
CREATE INDEX langgraph_items_by_time ON langgraph_items (project_id, updated_at, namespace, key);
CREATE INDEX langgraph_items_by_end ON langgraph_items (project_id, expires_at) WHERE expires_at IS NOT NULL;

-- Values of a megabyte are common: LZ4, or nothing where the server lacks it, is faster than pglz by far.
DO $$
  BEGIN
  ALTER TABLE langgraph_values ALTER COLUMN value SET COMPRESSION lz4;
  ALTER TABLE langgraph_writes ALTER COLUMN value SET COMPRESSION lz4;
  ALTER TABLE langgraph_checkpoints ALTER COLUMN body SET COMPRESSION lz4;
  EXCEPTION WHEN feature_not_supported THEN
    ALTER TABLE langgraph_values ALTER COLUMN value SET STORAGE EXTERNAL;
    ALTER TABLE langgraph_writes ALTER COLUMN value SET STORAGE EXTERNAL;
  END
  $$;
