CREATE TABLE plans (
  project_id text NOT NULL REFERENCES projects ON DELETE CASCADE,
  id text NOT NULL CHECK (length(id) BETWEEN 1 AND 255),
  title text NOT NULL,
  status text NOT NULL
    CHECK (status IN ('planned', 'active', 'paused', 'complete', 'cancelled', 'superseded')),
  priority text CHECK (priority IN ('low', 'medium', 'high', 'critical')),
  author text,
  topics text NOT NULL CHECK (json_type(topics) = 'array'),
  content text NOT NULL,
  data text NOT NULL CHECK (json_valid(data)),
  version integer NOT NULL CHECK (version >= 1),
  created_at text NOT NULL,
  updated_at text NOT NULL,
  PRIMARY KEY (project_id, id)
) STRICT;

CREATE INDEX plans_by_project ON plans (project_id, updated_at, id);

CREATE INDEX plans_by_time ON plans (updated_at, project_id, id);

CREATE TABLE sessions (
  project_id text NOT NULL REFERENCES projects ON DELETE CASCADE,
  id text NOT NULL CHECK (length(id) BETWEEN 1 AND 255),
  plan_id text,
  title text NOT NULL,
  status text NOT NULL CHECK (status IN ('active', 'paused', 'complete', 'abandoned')),
  author text,
  topics text NOT NULL CHECK (json_type(topics) = 'array'),
  content text NOT NULL,
  data text NOT NULL CHECK (json_valid(data)),
  version integer NOT NULL CHECK (version >= 1),
  started_at text NOT NULL,
  ended_at text,
  updated_at text NOT NULL,
  PRIMARY KEY (project_id, id),
  FOREIGN KEY (project_id, plan_id) REFERENCES plans (project_id, id)
) STRICT;

CREATE INDEX sessions_by_project ON sessions (project_id, started_at, id);

CREATE INDEX sessions_by_time ON sessions (started_at, project_id, id);

CREATE INDEX sessions_by_plan ON sessions (project_id, plan_id, started_at, id) WHERE plan_id IS NOT NULL;

CREATE TABLE events (
  project_id text NOT NULL REFERENCES projects ON DELETE CASCADE,
  id text NOT NULL CHECK (length(id) BETWEEN 1 AND 255),
  session_id text,
  plan_id text,
  kind text NOT NULL CHECK (length(kind) BETWEEN 1 AND 100),
  author text,
  topics text NOT NULL CHECK (json_type(topics) = 'array'),
  summary text NOT NULL,
  data text NOT NULL CHECK (json_valid(data)),
  at text NOT NULL,
  PRIMARY KEY (project_id, id),
  FOREIGN KEY (project_id, session_id) REFERENCES sessions (project_id, id) ON DELETE CASCADE,
  FOREIGN KEY (project_id, plan_id) REFERENCES plans (project_id, id) ON DELETE CASCADE
) STRICT;

CREATE INDEX events_by_project ON events (project_id, at, id);

CREATE INDEX events_by_time ON events (at, project_id, id);

CREATE INDEX events_by_kind ON events (project_id, kind, at, id);

CREATE INDEX events_by_kind_and_time ON events (kind, at, project_id, id);

CREATE INDEX events_by_session ON events (project_id, session_id, at, id) WHERE session_id IS NOT NULL;

CREATE INDEX events_by_plan ON events (project_id, plan_id, at, id) WHERE plan_id IS NOT NULL;

CREATE TRIGGER events_are_kept BEFORE UPDATE ON events BEGIN
  SELECT raise(ABORT, 'events are append-only');
  END;

CREATE TRIGGER plans_search_added AFTER INSERT ON plans BEGIN
  INSERT INTO search_entries (project_id, kind, id, type, session_id, at, title, tags, body, data)
    VALUES (new.project_id, 'plan', new.id, new.status, NULL, new.updated_at, new.title,
      (SELECT coalesce(group_concat(value, ' '), '') FROM json_each(new.topics)), new.content, new.data);
  END;

CREATE TRIGGER plans_search_changed AFTER UPDATE OF status, updated_at, title, topics, content, data
  ON plans BEGIN
  UPDATE search_entries
    SET type = new.status, at = new.updated_at, title = new.title,
      tags = (SELECT coalesce(group_concat(value, ' '), '') FROM json_each(new.topics)),
      body = new.content, data = new.data
    WHERE project_id = new.project_id AND kind = 'plan' AND id = new.id;
  END;

CREATE TRIGGER plans_search_removed AFTER DELETE ON plans BEGIN
  DELETE FROM search_entries WHERE project_id = old.project_id AND kind = 'plan' AND id = old.id;
  END;

CREATE TRIGGER sessions_search_added AFTER INSERT ON sessions BEGIN
  INSERT INTO search_entries (project_id, kind, id, type, session_id, at, title, tags, body, data)
    VALUES (new.project_id, 'session', new.id, new.status, new.id, new.started_at, new.title,
      (SELECT coalesce(group_concat(value, ' '), '') FROM json_each(new.topics)), new.content, new.data);
  END;

CREATE TRIGGER sessions_search_changed AFTER UPDATE OF status, started_at, title, topics, content, data
  ON sessions BEGIN
  UPDATE search_entries
    SET type = new.status, at = new.started_at, title = new.title,
      tags = (SELECT coalesce(group_concat(value, ' '), '') FROM json_each(new.topics)),
      body = new.content, data = new.data
    WHERE project_id = new.project_id AND kind = 'session' AND id = new.id;
  END;

CREATE TRIGGER sessions_search_removed AFTER DELETE ON sessions BEGIN
  DELETE FROM search_entries WHERE project_id = old.project_id AND kind = 'session' AND id = old.id;
  END;

CREATE TRIGGER events_search_added AFTER INSERT ON events BEGIN
  INSERT INTO search_entries (project_id, kind, id, type, session_id, at, title, tags, body, data)
    VALUES (new.project_id, 'event', new.id, new.kind, new.session_id, new.at, new.summary,
      (SELECT coalesce(group_concat(value, ' '), '') FROM json_each(new.topics)),
      (SELECT coalesce(group_concat(value, ' '), '') FROM json_tree(new.data) WHERE type = 'text'), new.data);
  END;

CREATE TRIGGER events_search_removed AFTER DELETE ON events BEGIN
  DELETE FROM search_entries WHERE project_id = old.project_id AND kind = 'event' AND id = old.id;
  END;
