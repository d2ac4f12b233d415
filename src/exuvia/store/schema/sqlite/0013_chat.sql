CREATE TABLE chat_threads (
  project_id text NOT NULL REFERENCES projects (id) ON DELETE CASCADE,
  id text NOT NULL CHECK (length(id) BETWEEN 1 AND 255),
  kind text NOT NULL CHECK (length(kind) BETWEEN 1 AND 64),
  owner text CHECK (length(owner) BETWEEN 1 AND 255),
  title text,
  data text NOT NULL CHECK (json_valid(data)),
  last_seq integer NOT NULL DEFAULT 0,
  created_at text NOT NULL,
  updated_at text NOT NULL,
  PRIMARY KEY (project_id, id)
) STRICT, WITHOUT ROWID;
CREATE INDEX chat_threads_by_owner ON chat_threads (project_id, owner, kind, created_at, id);
CREATE INDEX chat_threads_by_time ON chat_threads (project_id, created_at, id);
CREATE INDEX chat_threads_by_use ON chat_threads (project_id, owner, kind, updated_at, id);

CREATE TABLE chat_items (
  project_id text NOT NULL,
  thread_id text NOT NULL,
  id text NOT NULL CHECK (length(id) BETWEEN 1 AND 255),
  seq integer NOT NULL CHECK (seq >= 1),
  type text NOT NULL CHECK (length(type) BETWEEN 1 AND 64),
  role text CHECK (length(role) BETWEEN 1 AND 64),
  text text NOT NULL,
  data text NOT NULL CHECK (json_valid(data)),
  created_at text NOT NULL,
  updated_at text NOT NULL,
  PRIMARY KEY (project_id, thread_id, id),
  UNIQUE (project_id, thread_id, seq),
  FOREIGN KEY (project_id, thread_id) REFERENCES chat_threads (project_id, id) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;
CREATE INDEX chat_items_by_time ON chat_items (project_id, thread_id, created_at, seq);

CREATE TABLE chat_attachments (
  project_id text NOT NULL REFERENCES projects (id) ON DELETE CASCADE,
  id text NOT NULL CHECK (length(id) BETWEEN 1 AND 255),
  owner text CHECK (length(owner) BETWEEN 1 AND 255),
  thread_id text,
  name text NOT NULL,
  mime_type text NOT NULL CHECK (length(mime_type) BETWEEN 1 AND 255),
  size integer CHECK (size >= 0),
  data text NOT NULL CHECK (json_valid(data)),
  content blob,
  created_at text NOT NULL,
  updated_at text NOT NULL,
  PRIMARY KEY (project_id, id),
  FOREIGN KEY (project_id, thread_id) REFERENCES chat_threads (project_id, id) ON DELETE CASCADE
) STRICT;
CREATE INDEX chat_attachments_by_thread ON chat_attachments (project_id, thread_id) WHERE thread_id IS NOT NULL;
CREATE INDEX chat_attachments_by_time ON chat_attachments (project_id, created_at, id);

CREATE TRIGGER chat_threads_search_added AFTER INSERT ON chat_threads BEGIN
  INSERT INTO search_entries (project_id, kind, id, type, at, title, data)
    VALUES (new.project_id, 'thread', new.id, new.kind, new.created_at, coalesce(new.title, ''), new.data);
  END;

CREATE TRIGGER chat_threads_search_changed AFTER UPDATE OF title, data ON chat_threads BEGIN
  UPDATE search_entries SET title = coalesce(new.title, ''), data = new.data
    WHERE project_id = new.project_id AND kind = 'thread' AND id = new.id;
  END;

CREATE TRIGGER chat_threads_search_removed AFTER DELETE ON chat_threads BEGIN
  DELETE FROM search_entries WHERE project_id = old.project_id AND kind = 'thread' AND id = old.id;
  END;

-- An item's id tells it from others of its thread only, so that the entry's id is both, and its data says where it is.
CREATE TRIGGER chat_items_search_added AFTER INSERT ON chat_items WHEN new.text <> '' BEGIN
  INSERT INTO search_entries (project_id, kind, id, type, at, body, data)
    SELECT new.project_id, 'message', new.thread_id || '/' || new.id, coalesce(new.role, new.type), new.created_at,
        new.text, json_object('thread_id', new.thread_id, 'item_id', new.id, 'owner', owner)
      FROM chat_threads WHERE project_id = new.project_id AND id = new.thread_id;
  END;

CREATE TRIGGER chat_items_search_changed AFTER UPDATE OF type, role, text ON chat_items BEGIN
  DELETE FROM search_entries
    WHERE project_id = old.project_id AND kind = 'message' AND id = old.thread_id || '/' || old.id;
  INSERT INTO search_entries (project_id, kind, id, type, at, body, data)
    SELECT new.project_id, 'message', new.thread_id || '/' || new.id, coalesce(new.role, new.type), new.created_at,
        new.text, json_object('thread_id', new.thread_id, 'item_id', new.id, 'owner', owner)
      FROM chat_threads WHERE project_id = new.project_id AND id = new.thread_id AND new.text <> '';
  END;

CREATE TRIGGER chat_items_search_removed AFTER DELETE ON chat_items WHEN old.text <> '' BEGIN
  DELETE FROM search_entries
    WHERE project_id = old.project_id AND kind = 'message' AND id = old.thread_id || '/' || old.id;
  END;
