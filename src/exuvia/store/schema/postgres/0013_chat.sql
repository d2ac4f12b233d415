CREATE TABLE chat_threads (
  project_id text COLLATE "C" NOT NULL REFERENCES projects (id) ON DELETE CASCADE,
  id text COLLATE "C" NOT NULL CHECK (length(id) BETWEEN 1 AND 255),
  kind text COLLATE "C" NOT NULL CHECK (length(kind) BETWEEN 1 AND 64),
  owner text COLLATE "C" CHECK (length(owner) BETWEEN 1 AND 255),
  title text COLLATE "C",
  data jsonb NOT NULL,
  last_seq bigint NOT NULL DEFAULT 0,
  created_at timestamptz NOT NULL,
  updated_at timestamptz NOT NULL,
  PRIMARY KEY (project_id, id)
);
CREATE INDEX chat_threads_by_owner ON chat_threads (project_id, owner, kind, created_at, id);
CREATE INDEX chat_threads_by_time ON chat_threads (project_id, created_at, id);
CREATE INDEX chat_threads_by_use ON chat_threads (project_id, owner, kind, updated_at, id);

CREATE TABLE chat_items (
  project_id text COLLATE "C" NOT NULL,
  thread_id text COLLATE "C" NOT NULL,
  id text COLLATE "C" NOT NULL CHECK (length(id) BETWEEN 1 AND 255),
  seq bigint NOT NULL CHECK (seq >= 1),
  type text COLLATE "C" NOT NULL CHECK (length(type) BETWEEN 1 AND 64),
  role text COLLATE "C" CHECK (length(role) BETWEEN 1 AND 64),
  text text COLLATE "C" NOT NULL,
  data jsonb NOT NULL,
  created_at timestamptz NOT NULL,
  updated_at timestamptz NOT NULL,
  PRIMARY KEY (project_id, thread_id, id),
  UNIQUE (project_id, thread_id, seq),
  FOREIGN KEY (project_id, thread_id) REFERENCES chat_threads (project_id, id) ON DELETE CASCADE
);
CREATE INDEX chat_items_by_time ON chat_items (project_id, thread_id, created_at, seq);

CREATE TABLE chat_attachments (
  project_id text COLLATE "C" NOT NULL REFERENCES projects (id) ON DELETE CASCADE,
  id text COLLATE "C" NOT NULL CHECK (length(id) BETWEEN 1 AND 255),
  owner text COLLATE "C" CHECK (length(owner) BETWEEN 1 AND 255),
  thread_id text COLLATE "C",
  name text COLLATE "C" NOT NULL,
  mime_type text COLLATE "C" NOT NULL CHECK (length(mime_type) BETWEEN 1 AND 255),
  size bigint CHECK (size >= 0),
  data jsonb NOT NULL,
  content bytea,
  created_at timestamptz NOT NULL,
  updated_at timestamptz NOT NULL,
  PRIMARY KEY (project_id, id),
  FOREIGN KEY (project_id, thread_id) REFERENCES chat_threads (project_id, id) ON DELETE CASCADE
);
CREATE INDEX chat_attachments_by_thread ON chat_attachments (project_id, thread_id) WHERE thread_id IS NOT NULL;
CREATE INDEX chat_attachments_by_time ON chat_attachments (project_id, created_at, id);

CREATE FUNCTION chat_threads_search_added() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
  BEGIN
  INSERT INTO search_entries (project_id, kind, id, type, at, title, data)
    SELECT project_id, 'thread', id, kind, created_at, coalesce(title, ''), data FROM added;
  RETURN NULL;
  END
  $$;

CREATE TRIGGER chat_threads_search_added AFTER INSERT ON chat_threads
  REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION chat_threads_search_added();

CREATE FUNCTION chat_threads_search_changed() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
  BEGIN
  UPDATE search_entries SET title = coalesce(new.title, ''), data = new.data
    WHERE project_id = new.project_id AND kind = 'thread' AND id = new.id;
  RETURN NULL;
  END
  $$;

CREATE TRIGGER chat_threads_search_changed AFTER UPDATE OF title, data ON chat_threads
  FOR EACH ROW EXECUTE FUNCTION chat_threads_search_changed();

CREATE FUNCTION chat_threads_search_removed() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
  BEGIN
  DELETE FROM search_entries USING removed
    WHERE search_entries.project_id = removed.project_id AND search_entries.kind = 'thread'
      AND search_entries.id = removed.id;
  RETURN NULL;
  END
  $$;

CREATE TRIGGER chat_threads_search_removed AFTER DELETE ON chat_threads
  REFERENCING OLD TABLE AS removed FOR EACH STATEMENT EXECUTE FUNCTION chat_threads_search_removed();

-- An item's id tells it from others of its thread only, so that the entry's id is both, and its data says where it is.
CREATE FUNCTION chat_items_search_added() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
  BEGIN
  INSERT INTO search_entries (project_id, kind, id, type, at, body, data)
    SELECT item.project_id, 'message', item.thread_id || '/' || item.id, coalesce(item.role, item.type),
        item.created_at, item.text,
        jsonb_build_object('thread_id', item.thread_id, 'item_id', item.id, 'owner', thread.owner)
      FROM added AS item
      JOIN chat_threads AS thread ON thread.project_id = item.project_id AND thread.id = item.thread_id
      WHERE item.text <> '' ORDER BY item.seq;
  RETURN NULL;
  END
  $$;

CREATE TRIGGER chat_items_search_added AFTER INSERT ON chat_items
  REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION chat_items_search_added();

CREATE FUNCTION chat_items_search_removed() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
  BEGIN
  DELETE FROM search_entries USING removed
    WHERE search_entries.project_id = removed.project_id AND search_entries.kind = 'message'
      AND search_entries.id = removed.thread_id || '/' || removed.id;
  RETURN NULL;
  END
  $$;

CREATE TRIGGER chat_items_search_removed AFTER DELETE ON chat_items
  REFERENCING OLD TABLE AS removed FOR EACH STATEMENT EXECUTE FUNCTION chat_items_search_removed();

CREATE FUNCTION chat_items_search_changed() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
  BEGIN
  DELETE FROM search_entries
    WHERE project_id = old.project_id AND kind = 'message' AND id = old.thread_id || '/' || old.id;
  INSERT INTO search_entries (project_id, kind, id, type, at, body, data)
    SELECT new.project_id, 'message', new.thread_id || '/' || new.id, coalesce(new.role, new.type), new.created_at,
        new.text, jsonb_build_object('thread_id', new.thread_id, 'item_id', new.id, 'owner', owner)
      FROM chat_threads WHERE project_id = new.project_id AND id = new.thread_id AND new.text <> '';
  RETURN NULL;
  END
  $$;

CREATE TRIGGER chat_items_search_changed AFTER UPDATE OF type, role, text ON chat_items
  FOR EACH ROW EXECUTE FUNCTION chat_items_search_changed();
