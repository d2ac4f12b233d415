CREATE TABLE agent_tasks (
  project_id text COLLATE "C" NOT NULL REFERENCES projects (id) ON DELETE CASCADE,
  id text COLLATE "C" NOT NULL CHECK (length(id) BETWEEN 1 AND 255),
  session_id text COLLATE "C",
  parent_id text COLLATE "C",
  title text COLLATE "C" NOT NULL,
  text text COLLATE "C" NOT NULL,
  assignee text COLLATE "C",
  state text COLLATE "C" NOT NULL CHECK (state IN ('pending', 'running', 'succeeded', 'failed', 'cancelled')),
  data jsonb NOT NULL,
  result jsonb,
  error text COLLATE "C",
  created_at timestamptz NOT NULL,
  started_at timestamptz,
  finished_at timestamptz,
  seconds double precision CHECK (seconds >= 0),
  PRIMARY KEY (project_id, id),
  FOREIGN KEY (project_id, parent_id) REFERENCES agent_tasks (project_id, id) ON DELETE CASCADE,
  CHECK ((state IN ('succeeded', 'failed', 'cancelled')) = (finished_at IS NOT NULL))
);
CREATE INDEX agent_tasks_by_time ON agent_tasks (project_id, created_at, id);
CREATE INDEX agent_tasks_by_state ON agent_tasks (project_id, state, created_at, id);
CREATE INDEX agent_tasks_by_session ON agent_tasks (project_id, session_id, created_at, id);
CREATE INDEX agent_tasks_by_parent ON agent_tasks (project_id, parent_id, created_at, id);

CREATE TABLE task_steps (
  project_id text COLLATE "C" NOT NULL REFERENCES projects (id) ON DELETE CASCADE,
  id text COLLATE "C" NOT NULL CHECK (length(id) BETWEEN 1 AND 255),
  session_id text COLLATE "C",
  task_id text COLLATE "C",
  name text COLLATE "C" NOT NULL CHECK (length(name) BETWEEN 1 AND 255),
  tool text COLLATE "C",
  status text COLLATE "C" NOT NULL CHECK (length(status) BETWEEN 1 AND 255),
  error text COLLATE "C",
  seconds double precision CHECK (seconds >= 0),
  data jsonb NOT NULL,
  at timestamptz NOT NULL,
  PRIMARY KEY (project_id, id),
  FOREIGN KEY (project_id, task_id) REFERENCES agent_tasks (project_id, id) ON DELETE CASCADE
);
CREATE INDEX task_steps_by_time ON task_steps (project_id, at, id);
CREATE INDEX task_steps_by_session ON task_steps (project_id, session_id, at, id);
CREATE INDEX task_steps_by_task ON task_steps (project_id, task_id, at, id);

CREATE TABLE tool_executions (
  project_id text COLLATE "C" NOT NULL REFERENCES projects (id) ON DELETE CASCADE,
  id text COLLATE "C" NOT NULL CHECK (length(id) BETWEEN 1 AND 255),
  session_id text COLLATE "C",
  task_id text COLLATE "C",
  tool text COLLATE "C" NOT NULL CHECK (length(tool) BETWEEN 1 AND 255),
  server text COLLATE "C",
  succeeded boolean NOT NULL,
  arguments jsonb NOT NULL,
  result jsonb,
  error text COLLATE "C",
  seconds double precision CHECK (seconds >= 0),
  data jsonb NOT NULL,
  at timestamptz NOT NULL,
  PRIMARY KEY (project_id, id),
  FOREIGN KEY (project_id, task_id) REFERENCES agent_tasks (project_id, id) ON DELETE CASCADE
);
CREATE INDEX tool_executions_by_time ON tool_executions (project_id, at, id);
CREATE INDEX tool_executions_by_session ON tool_executions (project_id, session_id, at, id);
CREATE INDEX tool_executions_by_task ON tool_executions (project_id, task_id, at, id);
CREATE INDEX tool_executions_by_tool ON tool_executions (project_id, tool, at);

CREATE TABLE agent_messages (
  project_id text COLLATE "C" NOT NULL REFERENCES projects (id) ON DELETE CASCADE,
  id text COLLATE "C" NOT NULL CHECK (length(id) BETWEEN 1 AND 255),
  session_id text COLLATE "C",
  task_id text COLLATE "C",
  sender text COLLATE "C" NOT NULL CHECK (length(sender) BETWEEN 1 AND 255),
  recipient text COLLATE "C" NOT NULL CHECK (length(recipient) BETWEEN 1 AND 255),
  type text COLLATE "C" NOT NULL CHECK (length(type) BETWEEN 1 AND 255),
  text text COLLATE "C" NOT NULL,
  data jsonb NOT NULL,
  at timestamptz NOT NULL,
  PRIMARY KEY (project_id, id),
  FOREIGN KEY (project_id, task_id) REFERENCES agent_tasks (project_id, id) ON DELETE CASCADE
);
CREATE INDEX agent_messages_by_time ON agent_messages (project_id, at, id);
CREATE INDEX agent_messages_by_session ON agent_messages (project_id, session_id, at, id);
CREATE INDEX agent_messages_by_task ON agent_messages (project_id, task_id, at, id);

CREATE TABLE recovery_attempts (
  project_id text COLLATE "C" NOT NULL REFERENCES projects (id) ON DELETE CASCADE,
  id text COLLATE "C" NOT NULL CHECK (length(id) BETWEEN 1 AND 255),
  session_id text COLLATE "C",
  task_id text COLLATE "C",
  strategy text COLLATE "C" NOT NULL CHECK (length(strategy) BETWEEN 1 AND 255),
  attempt bigint NOT NULL CHECK (attempt >= 1),
  succeeded boolean NOT NULL,
  error text COLLATE "C",
  seconds double precision CHECK (seconds >= 0),
  data jsonb NOT NULL,
  at timestamptz NOT NULL,
  PRIMARY KEY (project_id, id),
  FOREIGN KEY (project_id, task_id) REFERENCES agent_tasks (project_id, id) ON DELETE CASCADE
);
CREATE INDEX recovery_attempts_by_time ON recovery_attempts (project_id, at, id);
CREATE INDEX recovery_attempts_by_session ON recovery_attempts (project_id, session_id, at, id);
CREATE INDEX recovery_attempts_by_task ON recovery_attempts (project_id, task_id, at, id);

CREATE TABLE conversation_summaries (
  project_id text COLLATE "C" NOT NULL REFERENCES projects (id) ON DELETE CASCADE,
  id text COLLATE "C" NOT NULL CHECK (length(id) BETWEEN 1 AND 255),
  session_id text COLLATE "C",
  task_id text COLLATE "C",
  text text COLLATE "C" NOT NULL,
  topics jsonb NOT NULL CHECK (jsonb_typeof(topics) = 'array'),
  data jsonb NOT NULL,
  at timestamptz NOT NULL,
  PRIMARY KEY (project_id, id),
  FOREIGN KEY (project_id, task_id) REFERENCES agent_tasks (project_id, id) ON DELETE CASCADE
);
CREATE INDEX conversation_summaries_by_time ON conversation_summaries (project_id, at, id);
CREATE INDEX conversation_summaries_by_session ON conversation_summaries (project_id, session_id, at, id);
CREATE INDEX conversation_summaries_by_task ON conversation_summaries (project_id, task_id, at, id);

CREATE TABLE agent_deviations (
  project_id text COLLATE "C" NOT NULL REFERENCES projects (id) ON DELETE CASCADE,
  id text COLLATE "C" NOT NULL CHECK (length(id) BETWEEN 1 AND 255),
  session_id text COLLATE "C",
  task_id text COLLATE "C",
  intended text COLLATE "C" NOT NULL,
  done text COLLATE "C" NOT NULL,
  reason text COLLATE "C",
  impact text COLLATE "C",
  data jsonb NOT NULL,
  at timestamptz NOT NULL,
  PRIMARY KEY (project_id, id),
  FOREIGN KEY (project_id, task_id) REFERENCES agent_tasks (project_id, id) ON DELETE CASCADE
);
CREATE INDEX agent_deviations_by_time ON agent_deviations (project_id, at, id);
CREATE INDEX agent_deviations_by_session ON agent_deviations (project_id, session_id, at, id);
CREATE INDEX agent_deviations_by_task ON agent_deviations (project_id, task_id, at, id);

CREATE TABLE agent_logs (
  project_id text COLLATE "C" NOT NULL REFERENCES projects (id) ON DELETE CASCADE,
  id text COLLATE "C" NOT NULL CHECK (length(id) BETWEEN 1 AND 255),
  session_id text COLLATE "C",
  task_id text COLLATE "C",
  level text COLLATE "C" NOT NULL CHECK (level IN ('debug', 'info', 'warning', 'error', 'critical')),
  source text COLLATE "C" NOT NULL CHECK (length(source) BETWEEN 1 AND 255),
  message text COLLATE "C" NOT NULL,
  data jsonb NOT NULL,
  at timestamptz NOT NULL,
  PRIMARY KEY (project_id, id),
  FOREIGN KEY (project_id, task_id) REFERENCES agent_tasks (project_id, id) ON DELETE CASCADE
);
CREATE INDEX agent_logs_by_time ON agent_logs (project_id, at, id);
CREATE INDEX agent_logs_by_session ON agent_logs (project_id, session_id, at, id);
CREATE INDEX agent_logs_by_task ON agent_logs (project_id, task_id, at, id);
CREATE INDEX agent_logs_by_level ON agent_logs (project_id, level, at);

CREATE FUNCTION agent_tasks_search_added() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
  BEGIN
  INSERT INTO search_entries (project_id, kind, id, type, session_id, at, title, tags, body, data)
    SELECT project_id, 'task', id, state, session_id, created_at, title, '', text, data FROM added;
  RETURN NULL;
  END
  $$;

CREATE TRIGGER agent_tasks_search_added AFTER INSERT ON agent_tasks
  REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION agent_tasks_search_added();

CREATE FUNCTION agent_tasks_search_changed() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
  BEGIN
  UPDATE search_entries SET type = new.state WHERE project_id = new.project_id AND kind = 'task' AND id = new.id;
  RETURN NULL;
  END
  $$;

CREATE TRIGGER agent_tasks_search_changed AFTER UPDATE OF state ON agent_tasks
  FOR EACH ROW EXECUTE FUNCTION agent_tasks_search_changed();

CREATE FUNCTION agent_tasks_search_removed() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
  BEGIN
  DELETE FROM search_entries USING removed
    WHERE search_entries.project_id = removed.project_id AND kind = 'task' AND search_entries.id = removed.id;
  RETURN NULL;
  END
  $$;

CREATE TRIGGER agent_tasks_search_removed AFTER DELETE ON agent_tasks
  REFERENCING OLD TABLE AS removed FOR EACH STATEMENT EXECUTE FUNCTION agent_tasks_search_removed();

CREATE FUNCTION conversation_summaries_search_added() RETURNS trigger
LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
  BEGIN
  INSERT INTO search_entries (project_id, kind, id, type, session_id, at, title, tags, body, data)
    SELECT project_id, 'summary', id, NULL, session_id, at, '', knowledge_words(topics), text, data FROM added;
  RETURN NULL;
  END
  $$;

CREATE TRIGGER conversation_summaries_search_added AFTER INSERT ON conversation_summaries
  REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION conversation_summaries_search_added();

CREATE FUNCTION conversation_summaries_search_removed() RETURNS trigger
LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
  BEGIN
  DELETE FROM search_entries USING removed
    WHERE search_entries.project_id = removed.project_id AND kind = 'summary' AND search_entries.id = removed.id;
  RETURN NULL;
  END
  $$;

CREATE TRIGGER conversation_summaries_search_removed AFTER DELETE ON conversation_summaries
  REFERENCING OLD TABLE AS removed FOR EACH STATEMENT EXECUTE FUNCTION conversation_summaries_search_removed();
