CREATE TABLE frames (
  project_id text NOT NULL REFERENCES projects (id) ON DELETE CASCADE,
  id text NOT NULL CHECK (length(id) BETWEEN 1 AND 255),
  run_id text NOT NULL CHECK (length(run_id) BETWEEN 1 AND 255),
  parent_id text,
  depth integer NOT NULL CHECK (depth >= 0),
  type text NOT NULL CHECK (length(type) BETWEEN 1 AND 64),
  name text NOT NULL,
  state text NOT NULL CHECK (state IN ('open', 'closed')),
  inputs text NOT NULL CHECK (json_valid(inputs)),
  outputs text CHECK (json_valid(outputs)),
  digest_text text,
  digest text CHECK (json_valid(digest)),
  created_at text NOT NULL,
  closed_at text,
  last_seq integer NOT NULL DEFAULT 0,
  PRIMARY KEY (project_id, id),
  FOREIGN KEY (project_id, parent_id) REFERENCES frames (project_id, id) ON DELETE CASCADE,
  CHECK ((state = 'closed') = (closed_at IS NOT NULL))
) STRICT, WITHOUT ROWID;
CREATE INDEX frames_by_parent ON frames (project_id, parent_id, created_at, id);
CREATE INDEX frames_by_run ON frames (project_id, run_id, created_at, id);
CREATE INDEX frames_by_time ON frames (project_id, created_at, id);
CREATE INDEX frames_open ON frames (project_id, run_id, depth, created_at, id) WHERE state = 'open';

CREATE TABLE frame_events (
  project_id text NOT NULL,
  frame_id text NOT NULL,
  seq integer NOT NULL CHECK (seq >= 1),
  id text NOT NULL CHECK (length(id) BETWEEN 1 AND 255),
  type text NOT NULL CHECK (length(type) BETWEEN 1 AND 64),
  data text NOT NULL CHECK (json_valid(data)),
  at text NOT NULL,
  PRIMARY KEY (project_id, frame_id, seq),
  UNIQUE (project_id, id),
  FOREIGN KEY (project_id, frame_id) REFERENCES frames (project_id, id) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;

CREATE TABLE anchors (
  project_id text NOT NULL,
  id text NOT NULL CHECK (length(id) BETWEEN 1 AND 255),
  frame_id text NOT NULL,
  type text NOT NULL CHECK (length(type) BETWEEN 1 AND 64),
  text text NOT NULL,
  priority integer NOT NULL CHECK (priority BETWEEN 0 AND 10),
  data text NOT NULL CHECK (json_valid(data)),
  created_at text NOT NULL,
  PRIMARY KEY (project_id, id),
  FOREIGN KEY (project_id, frame_id) REFERENCES frames (project_id, id) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;
CREATE INDEX anchors_by_frame ON anchors (project_id, frame_id, priority, created_at, id);
CREATE INDEX anchors_by_priority ON anchors (project_id, priority, created_at, id);

CREATE TRIGGER frames_search_added AFTER INSERT ON frames BEGIN
  INSERT INTO search_entries (project_id, kind, id, type, at, title, body, data)
    VALUES (new.project_id, 'frame', new.id, new.type, new.created_at, new.name, coalesce(new.digest_text, ''),
      new.inputs);
  END;

CREATE TRIGGER frames_search_changed AFTER UPDATE OF name, type, digest_text, inputs ON frames BEGIN
  UPDATE search_entries
    SET type = new.type, title = new.name, body = coalesce(new.digest_text, ''), data = new.inputs
    WHERE project_id = new.project_id AND kind = 'frame' AND id = new.id;
  END;

CREATE TRIGGER frames_search_removed AFTER DELETE ON frames BEGIN
  DELETE FROM search_entries WHERE project_id = old.project_id AND kind = 'frame' AND id = old.id;
  END;

CREATE TRIGGER anchors_search_added AFTER INSERT ON anchors BEGIN
  INSERT INTO search_entries (project_id, kind, id, type, at, body, data)
    VALUES (new.project_id, 'anchor', new.id, new.type, new.created_at, new.text, new.data);
  END;

CREATE TRIGGER anchors_search_removed AFTER DELETE ON anchors BEGIN
  DELETE FROM search_entries WHERE project_id = old.project_id AND kind = 'anchor' AND id = old.id;
  END;
