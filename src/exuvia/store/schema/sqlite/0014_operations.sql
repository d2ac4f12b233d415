CREATE TABLE agent_tasks (
  project_id text NOT NULL REFERENCES projects (id) ON DELETE CASCADE,
  id text NOT NULL CHECK (length(id) BETWEEN 1 AND 255),
  session_id text,
  parent_id text,
  title text NOT NULL,
  text text NOT NULL,
  assignee text,
  state text NOT NULL CHECK (state IN ('pending', 'running', 'succeeded', 'failed', 'cancelled')),
  data text NOT NULL CHECK (json_valid(data)),
  result text CHECK (json_valid(result)),
  error text,
  created_at text NOT NULL,
  started_at text,
  finished_at text,
  seconds real CHECK (seconds >= 0),
  PRIMARY KEY (project_id, id),
  FOREIGN KEY (project_id, parent_id) REFERENCES agent_tasks (project_id, id) ON DELETE CASCADE,
  CHECK ((state IN ('succeeded', 'failed', 'cancelled')) = (finished_at IS NOT NULL))
) STRICT, WITHOUT ROWID;
CREATE INDEX agent_tasks_by_time ON agent_tasks (project_id, created_at, id);
CREATE INDEX agent_tasks_by_state ON agent_tasks (project_id, state, created_at, id);
CREATE INDEX agent_tasks_by_session ON agent_tasks (project_id, session_id, created_at, id);
CREATE INDEX agent_tasks_by_parent ON agent_tasks (project_id, parent_id, created_at, id);

CREATE TABLE task_steps (
  project_id text NOT NULL REFERENCES projects (id) ON DELETE CASCADE,
  id text NOT NULL CHECK (length(id) BETWEEN 1 AND 255),
  session_id text,
  task_id text,
  name text NOT NULL CHECK (length(name) BETWEEN 1 AND 255),
  tool text,
  status text NOT NULL CHECK (length(status) BETWEEN 1 AND 255),
  error text,
  seconds real CHECK (seconds >= 0),
  data text NOT NULL CHECK (json_valid(data)),
  at text NOT NULL,
  PRIMARY KEY (project_id, id),
  FOREIGN KEY (project_id, task_id) REFERENCES agent_tasks (project_id, id) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;
CREATE INDEX task_steps_by_time ON task_steps (project_id, at, id);
CREATE INDEX task_steps_by_session ON task_steps (project_id, session_id, at, id);
CREATE INDEX task_steps_by_task ON task_steps (project_id, task_id, at, id);

CREATE TABLE tool_executions (
  project_id text NOT NULL REFERENCES projects (id) ON DELETE CASCADE,
  id text NOT NULL CHECK (length(id) BETWEEN 1 AND 255),
  session_id text,
  task_id text,
  tool text NOT NULL CHECK (length(tool) BETWEEN 1 AND 255),
  server text,
  succeeded integer NOT NULL CHECK (succeeded IN (0, 1)),
  arguments text NOT NULL CHECK (json_valid(arguments)),
  result text CHECK (json_valid(result)),
  error text,
  seconds real CHECK (seconds >= 0),
  data text NOT NULL CHECK (json_valid(data)),
  at text NOT NULL,
  PRIMARY KEY (project_id, id),
  FOREIGN KEY (project_id, task_id) REFERENCES agent_tasks (project_id, id) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;
CREATE INDEX tool_executions_by_time ON tool_executions (project_id, at, id);
CREATE INDEX tool_executions_by_session ON tool_executions (project_id, session_id, at, id);
CREATE INDEX tool_executions_by_task ON tool_executions (project_id, task_id, at, id);
CREATE INDEX tool_executions_by_tool ON tool_executions (project_id, tool, at);

CREATE TABLE agent_messages (
  project_id text NOT NULL REFERENCES projects (id) ON DELETE CASCADE,
  id text NOT NULL CHECK (length(id) BETWEEN 1 AND 255),
  session_id text,
  task_id text,
  sender text NOT NULL CHECK (length(sender) BETWEEN 1 AND 255),
  recipient text NOT NULL CHECK (length(recipient) BETWEEN 1 AND 255),
  type text NOT NULL CHECK (length(type) BETWEEN 1 AND 255),
  text text NOT NULL,
  data text NOT NULL CHECK (json_valid(data)),
  at text NOT NULL,
  PRIMARY KEY (project_id, id),
  FOREIGN KEY (project_id, task_id) REFERENCES agent_tasks (project_id, id) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;
CREATE INDEX agent_messages_by_time ON agent_messages (project_id, at, id);
CREATE INDEX agent_messages_by_session ON agent_messages (project_id, session_id, at, id);
CREATE INDEX agent_messages_by_task ON agent_messages (project_id, task_id, at, id);

CREATE TABLE recovery_attempts (
  project_id text NOT NULL REFERENCES projects (id) ON DELETE CASCADE,
  id text NOT NULL CHECK (length(id) BETWEEN 1 AND 255),
  session_id text,
  task_id text,
  strategy text NOT NULL CHECK (length(strategy) BETWEEN 1 AND 255),
  attempt integer NOT NULL CHECK (attempt >= 1),
  succeeded integer NOT NULL CHECK (succeeded IN (0, 1)),
  error text,
  seconds real CHECK (seconds >= 0),
  data text NOT NULL CHECK (json_valid(data)),
  at text NOT NULL,
  PRIMARY KEY (project_id, id),
  FOREIGN KEY (project_id, task_id) REFERENCES agent_tasks (project_id, id) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;
CREATE INDEX recovery_attempts_by_time ON recovery_attempts (project_id, at, id);
CREATE INDEX recovery_attempts_by_session ON recovery_attempts (project_id, session_id, at, id);
CREATE INDEX recovery_attempts_by_task ON recovery_attempts (project_id, task_id, at, id);

CREATE TABLE conversation_summaries (
  project_id text NOT NULL REFERENCES projects (id) ON DELETE CASCADE,
  id text NOT NULL CHECK (length(id) BETWEEN 1 AND 255),
  session_id text,
  task_id text,
  text text NOT NULL,
  topics text NOT NULL CHECK (json_type(topics) = 'array'),
  data text NOT NULL CHECK (json_valid(data)),
  at text NOT NULL,
  PRIMARY KEY (project_id, id),
  FOREIGN KEY (project_id, task_id) REFERENCES agent_tasks (project_id, id) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;
CREATE INDEX conversation_summaries_by_time ON conversation_summaries (project_id, at, id);
CREATE INDEX conversation_summaries_by_session ON conversation_summaries (project_id, session_id, at, id);
CREATE INDEX conversation_summaries_by_task ON conversation_summaries (project_id, task_id, at, id);

CREATE TABLE agent_deviations (
  project_id text NOT NULL REFERENCES projects (id) ON DELETE CASCADE,
  id text NOT NULL CHECK (length(id) BETWEEN 1 AND 255),
  session_id text,
  task_id text,
  intended text NOT NULL,
  done text NOT NULL,
  reason text,
  impact text,
  data text NOT NULL CHECK (json_valid(data)),
  at text NOT NULL,
  PRIMARY KEY (project_id, id),
  FOREIGN KEY (project_id, task_id) REFERENCES agent_tasks (project_id, id) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;
CREATE INDEX agent_deviations_by_time ON agent_deviations (project_id, at, id);
CREATE INDEX agent_deviations_by_session ON agent_deviations (project_id, session_id, at, id);
CREATE INDEX agent_deviations_by_task ON agent_deviations (project_id, task_id, at, id);

CREATE TABLE agent_logs (
  project_id text NOT NULL REFERENCES projects (id) ON DELETE CASCADE,
  id text NOT NULL CHECK (length(id) BETWEEN 1 AND 255),
  session_id text,
  task_id text,
  level text NOT NULL CHECK (level IN ('debug', 'info', 'warning', 'error', 'critical')),
  source text NOT NULL CHECK (length(source) BETWEEN 1 AND 255),
  message text NOT NULL,
  data text NOT NULL CHECK (json_valid(data)),
  at text NOT NULL,
  PRIMARY KEY (project_id, id),
  FOREIGN KEY (project_id, task_id) REFERENCES agent_tasks (project_id, id) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;
CREATE INDEX agent_logs_by_time ON agent_logs (project_id, at, id);
CREATE INDEX agent_logs_by_session ON agent_logs (project_id, session_id, at, id);
CREATE INDEX agent_logs_by_task ON agent_logs (project_id, task_id, at, id);
CREATE INDEX agent_logs_by_level ON agent_logs (project_id, level, at);

CREATE TRIGGER agent_tasks_search_added AFTER INSERT ON agent_tasks BEGIN
  INSERT INTO search_entries (project_id, kind, id, type, session_id, at, title, tags, body, data)
    VALUES (new.project_id, 'task', new.id, new.state, new.session_id, new.created_at, new.title,
      '', new.text, new.data);
  END;

CREATE TRIGGER agent_tasks_search_changed AFTER UPDATE OF state ON agent_tasks BEGIN
  UPDATE search_entries SET type = new.state WHERE project_id = new.project_id AND kind = 'task' AND id = new.id;
  END;

CREATE TRIGGER agent_tasks_search_removed AFTER DELETE ON agent_tasks BEGIN
  DELETE FROM search_entries WHERE project_id = old.project_id AND kind = 'task' AND id = old.id;
  END;

CREATE TRIGGER conversation_summaries_search_added AFTER INSERT ON conversation_summaries BEGIN
  INSERT INTO search_entries (project_id, kind, id, type, session_id, at, title, tags, body, data)
    VALUES (new.project_id, 'summary', new.id, NULL, new.session_id, new.at, '',
      (SELECT coalesce(group_concat(value, ' '), '') FROM json_each(new.topics)), new.text, new.data);
  END;

CREATE TRIGGER conversation_summaries_search_removed AFTER DELETE ON conversation_summaries BEGIN
  DELETE FROM search_entries WHERE project_id = old.project_id AND kind = 'summary' AND id = old.id;
  END;
