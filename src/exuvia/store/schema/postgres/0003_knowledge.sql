CREATE TABLE plans (
  project_id text COLLATE "C" NOT NULL REFERENCES projects ON DELETE CASCADE,
  id text COLLATE "C" NOT NULL CHECK (length(id) BETWEEN 1 AND 255),
  title text COLLATE "C" NOT NULL,
  status text COLLATE "C" NOT NULL
    CHECK (status IN ('planned', 'active', 'paused', 'complete', 'cancelled', 'superseded')),
  priority text COLLATE "C" CHECK (priority IN ('low', 'medium', 'high', 'critical')),
  author text COLLATE "C",
  topics jsonb NOT NULL CHECK (jsonb_typeof(topics) = 'array'),
  content text COLLATE "C" NOT NULL,
  data jsonb NOT NULL,
  version bigint NOT NULL CHECK (version >= 1),
  created_at timestamptz NOT NULL,
  updated_at timestamptz NOT NULL,
  PRIMARY KEY (project_id, id)
);

CREATE INDEX plans_by_project ON plans (project_id, updated_at, id);

CREATE INDEX plans_by_time ON plans (updated_at, project_id, id);

CREATE INDEX plans_topics ON plans USING gin (topics);

CREATE INDEX plans_data ON plans USING gin (data jsonb_path_ops);

CREATE TABLE sessions (
  project_id text COLLATE "C" NOT NULL REFERENCES projects ON DELETE CASCADE,
  id text COLLATE "C" NOT NULL CHECK (length(id) BETWEEN 1 AND 255),
  plan_id text COLLATE "C",
  title text COLLATE "C" NOT NULL,
  status text COLLATE "C" NOT NULL CHECK (status IN ('active', 'paused', 'complete', 'abandoned')),
  author text COLLATE "C",
  topics jsonb NOT NULL CHECK (jsonb_typeof(topics) = 'array'),
  content text COLLATE "C" NOT NULL,
  data jsonb NOT NULL,
  version bigint NOT NULL CHECK (version >= 1),
  started_at timestamptz NOT NULL,
  ended_at timestamptz,
  updated_at timestamptz NOT NULL,
  PRIMARY KEY (project_id, id),
  FOREIGN KEY (project_id, plan_id) REFERENCES plans (project_id, id)
);

CREATE INDEX sessions_by_project ON sessions (project_id, started_at, id);

CREATE INDEX sessions_by_time ON sessions (started_at, project_id, id);

CREATE INDEX sessions_by_plan ON sessions (project_id, plan_id, started_at, id) WHERE plan_id IS NOT NULL;

CREATE INDEX sessions_topics ON sessions USING gin (topics);

CREATE INDEX sessions_data ON sessions USING gin (data jsonb_path_ops);

CREATE TABLE events (
  project_id text COLLATE "C" NOT NULL REFERENCES projects ON DELETE CASCADE,
  id text COLLATE "C" NOT NULL CHECK (length(id) BETWEEN 1 AND 255),
  session_id text COLLATE "C",
  plan_id text COLLATE "C",
  kind text COLLATE "C" NOT NULL CHECK (length(kind) BETWEEN 1 AND 100),
  author text COLLATE "C",
  topics jsonb NOT NULL CHECK (jsonb_typeof(topics) = 'array'),
  summary text COLLATE "C" NOT NULL,
  data jsonb NOT NULL,
  at timestamptz NOT NULL,
  PRIMARY KEY (project_id, id),
  FOREIGN KEY (project_id, session_id) REFERENCES sessions (project_id, id) ON DELETE CASCADE,
  FOREIGN KEY (project_id, plan_id) REFERENCES plans (project_id, id) ON DELETE CASCADE
);

CREATE INDEX events_by_project ON events (project_id, at, id);

CREATE INDEX events_by_time ON events (at, project_id, id);

CREATE INDEX events_by_kind ON events (project_id, kind, at, id);

CREATE INDEX events_by_kind_and_time ON events (kind, at, project_id, id);

CREATE INDEX events_by_session ON events (project_id, session_id, at, id) WHERE session_id IS NOT NULL;

CREATE INDEX events_by_plan ON events (project_id, plan_id, at, id) WHERE plan_id IS NOT NULL;

-- small pending lists: what is in them is scanned by every question
CREATE INDEX events_topics ON events USING gin (topics) WITH (gin_pending_list_limit = 256);

CREATE INDEX events_data ON events USING gin (data jsonb_path_ops) WITH (gin_pending_list_limit = 256);

CREATE FUNCTION events_are_kept() RETURNS trigger LANGUAGE plpgsql AS $$
  BEGIN
  RAISE EXCEPTION 'events are append-only' USING ERRCODE = 'check_violation';
  END
  $$;

CREATE TRIGGER events_are_kept BEFORE UPDATE ON events FOR EACH ROW EXECUTE FUNCTION events_are_kept();

-- The texts of a JSON document, one after the other.
CREATE FUNCTION knowledge_words(data jsonb) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT coalesce(string_agg(found #>> '{}', ' '), '')
    FROM jsonb_path_query(data, 'strict $.** ? (@.type() == "string")') AS found
  $$;

CREATE FUNCTION plans_search_added() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
  BEGIN
  INSERT INTO search_entries (project_id, kind, id, type, session_id, at, title, tags, body, data)
    SELECT project_id, 'plan', id, status, NULL, updated_at, title, knowledge_words(topics), content, data FROM added;
  RETURN NULL;
  END
  $$;

CREATE TRIGGER plans_search_added AFTER INSERT ON plans
  REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION plans_search_added();

CREATE FUNCTION plans_search_changed() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
  BEGIN
  UPDATE search_entries
    SET type = new.status, at = new.updated_at, title = new.title, tags = knowledge_words(new.topics),
      body = new.content, data = new.data
    WHERE project_id = new.project_id AND kind = 'plan' AND id = new.id;
  RETURN NULL;
  END
  $$;

CREATE TRIGGER plans_search_changed AFTER UPDATE OF status, updated_at, title, topics, content, data ON plans
  FOR EACH ROW EXECUTE FUNCTION plans_search_changed();

CREATE FUNCTION plans_search_removed() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
  BEGIN
  DELETE FROM search_entries USING removed
    WHERE search_entries.project_id = removed.project_id AND search_entries.kind = 'plan'
      AND search_entries.id = removed.id;
  RETURN NULL;
  END
  $$;

CREATE TRIGGER plans_search_removed AFTER DELETE ON plans
  REFERENCING OLD TABLE AS removed FOR EACH STATEMENT EXECUTE FUNCTION plans_search_removed();

CREATE FUNCTION sessions_search_added() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
  BEGIN
  INSERT INTO search_entries (project_id, kind, id, type, session_id, at, title, tags, body, data)
    SELECT project_id, 'session', id, status, id, started_at, title, knowledge_words(topics), content, data FROM added;
  RETURN NULL;
  END
  $$;

CREATE TRIGGER sessions_search_added AFTER INSERT ON sessions
  REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION sessions_search_added();

CREATE FUNCTION sessions_search_changed() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
  BEGIN
  UPDATE search_entries
    SET type = new.status, at = new.started_at, title = new.title, tags = knowledge_words(new.topics),
      body = new.content, data = new.data
    WHERE project_id = new.project_id AND kind = 'session' AND id = new.id;
  RETURN NULL;
  END
  $$;

CREATE TRIGGER sessions_search_changed AFTER UPDATE OF status, started_at, title, topics, content, data ON sessions
  FOR EACH ROW EXECUTE FUNCTION sessions_search_changed();

CREATE FUNCTION sessions_search_removed() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
  BEGIN
  DELETE FROM search_entries USING removed
    WHERE search_entries.project_id = removed.project_id AND search_entries.kind = 'session'
      AND search_entries.id = removed.id;
  RETURN NULL;
  END
  $$;

CREATE TRIGGER sessions_search_removed AFTER DELETE ON sessions
  REFERENCING OLD TABLE AS removed FOR EACH STATEMENT EXECUTE FUNCTION sessions_search_removed();

CREATE FUNCTION events_search_added() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
  BEGIN
  INSERT INTO search_entries (project_id, kind, id, type, session_id, at, title, tags, body, data)
    SELECT project_id, 'event', id, kind, session_id, at, summary, knowledge_words(topics),
      knowledge_words(data), data
    FROM added;
  RETURN NULL;
  END
  $$;

CREATE TRIGGER events_search_added AFTER INSERT ON events
  REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION events_search_added();

CREATE FUNCTION events_search_removed() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
  BEGIN
  DELETE FROM search_entries USING removed
    WHERE search_entries.project_id = removed.project_id AND search_entries.kind = 'event'
      AND search_entries.id = removed.id;
  RETURN NULL;
  END
  $$;

CREATE TRIGGER events_search_removed AFTER DELETE ON events
  REFERENCING OLD TABLE AS removed FOR EACH STATEMENT EXECUTE FUNCTION events_search_removed();
