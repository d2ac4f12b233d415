CREATE TABLE frames (
  project_id text COLLATE "C" NOT NULL REFERENCES projects (id) ON DELETE CASCADE,
  id text COLLATE "C" NOT NULL CHECK (length(id) BETWEEN 1 AND 255),
  run_id text COLLATE "C" NOT NULL CHECK (length(run_id) BETWEEN 1 AND 255),
  parent_id text COLLATE "C",
  depth integer NOT NULL CHECK (depth >= 0),
  type text COLLATE "C" NOT NULL CHECK (length(type) BETWEEN 1 AND 64),
  name text COLLATE "C" NOT NULL,
  state text COLLATE "C" NOT NULL CHECK (state IN ('open', 'closed')),
  inputs jsonb NOT NULL,
  outputs jsonb,
  digest_text text COLLATE "C",
  digest jsonb,
  created_at timestamptz NOT NULL,
  closed_at timestamptz,
  last_seq bigint NOT NULL DEFAULT 0,
  PRIMARY KEY (project_id, id),
  FOREIGN KEY (project_id, parent_id) REFERENCES frames (project_id, id) ON DELETE CASCADE,
  CHECK ((state = 'closed') = (closed_at IS NOT NULL))
);
CREATE INDEX frames_by_parent ON frames (project_id, parent_id, created_at, id);
CREATE INDEX frames_by_run ON frames (project_id, run_id, created_at, id);
CREATE INDEX frames_by_time ON frames (project_id, created_at, id);
CREATE INDEX frames_open ON frames (project_id, run_id, depth, created_at, id) WHERE state = 'open';

CREATE TABLE frame_events (
  project_id text COLLATE "C" NOT NULL,
  frame_id text COLLATE "C" NOT NULL,
  seq bigint NOT NULL CHECK (seq >= 1),
  id text COLLATE "C" NOT NULL CHECK (length(id) BETWEEN 1 AND 255),
  type text COLLATE "C" NOT NULL CHECK (length(type) BETWEEN 1 AND 64),
  data jsonb NOT NULL,
  at timestamptz NOT NULL,
  PRIMARY KEY (project_id, frame_id, seq),
  UNIQUE (project_id, id),
  FOREIGN KEY (project_id, frame_id) REFERENCES frames (project_id, id) ON DELETE CASCADE
);

CREATE TABLE anchors (
  project_id text COLLATE "C" NOT NULL,
  id text COLLATE "C" NOT NULL CHECK (length(id) BETWEEN 1 AND 255),
  frame_id text COLLATE "C" NOT NULL,
  type text COLLATE "C" NOT NULL CHECK (length(type) BETWEEN 1 AND 64),
  text text COLLATE "C" NOT NULL,
  priority integer NOT NULL CHECK (priority BETWEEN 0 AND 10),
  data jsonb NOT NULL,
  created_at timestamptz NOT NULL,
  PRIMARY KEY (project_id, id),
  FOREIGN KEY (project_id, frame_id) REFERENCES frames (project_id, id) ON DELETE CASCADE
);
CREATE INDEX anchors_by_frame ON anchors (project_id, frame_id, priority, created_at, id);
CREATE INDEX anchors_by_priority ON anchors (project_id, priority, created_at, id);

CREATE FUNCTION frames_search_added() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
  BEGIN
  INSERT INTO search_entries (project_id, kind, id, type, at, title, body, data)
    SELECT project_id, 'frame', id, type, created_at, name, coalesce(digest_text, ''), inputs FROM added;
  RETURN NULL;
  END
  $$;

CREATE TRIGGER frames_search_added AFTER INSERT ON frames
  REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION frames_search_added();

CREATE FUNCTION frames_search_changed() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
  BEGIN
  UPDATE search_entries
    SET type = new.type, title = new.name, body = coalesce(new.digest_text, ''), data = new.inputs
    WHERE project_id = new.project_id AND kind = 'frame' AND id = new.id;
  RETURN NULL;
  END
  $$;

CREATE TRIGGER frames_search_changed AFTER UPDATE OF name, type, digest_text, inputs ON frames
  FOR EACH ROW EXECUTE FUNCTION frames_search_changed();

CREATE FUNCTION frames_search_removed() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
  BEGIN
  DELETE FROM search_entries USING removed
    WHERE search_entries.project_id = removed.project_id AND kind = 'frame' AND search_entries.id = removed.id;
  RETURN NULL;
  END
  $$;

CREATE TRIGGER frames_search_removed AFTER DELETE ON frames
  REFERENCING OLD TABLE AS removed FOR EACH STATEMENT EXECUTE FUNCTION frames_search_removed();

CREATE FUNCTION anchors_search_added() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
  BEGIN
  INSERT INTO search_entries (project_id, kind, id, type, at, body, data)
    SELECT project_id, 'anchor', id, type, created_at, text, data FROM added;
  RETURN NULL;
  END
  $$;

CREATE TRIGGER anchors_search_added AFTER INSERT ON anchors
  REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION anchors_search_added();

CREATE FUNCTION anchors_search_removed() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
  BEGIN
  DELETE FROM search_entries USING removed
    WHERE search_entries.project_id = removed.project_id AND kind = 'anchor' AND search_entries.id = removed.id;
  RETURN NULL;
  END
  $$;

CREATE TRIGGER anchors_search_removed AFTER DELETE ON anchors
  REFERENCING OLD TABLE AS removed FOR EACH STATEMENT EXECUTE FUNCTION anchors_search_removed();
