-- A collection without a name is one that is being made to replace another.
CREATE TABLE vector_collections (
  project_id text NOT NULL REFERENCES projects (id) ON DELETE CASCADE,
  id text NOT NULL CHECK (length(id) BETWEEN 1 AND 255),
  name text CHECK (length(name) BETWEEN 1 AND 255),
  replaces text,
  dimension integer NOT NULL CHECK (dimension BETWEEN 1 AND 16000),
  metric text NOT NULL CHECK (metric IN ('cosine', 'l2', 'inner_product')),
  model text CHECK (length(model) BETWEEN 1 AND 255),
  half integer NOT NULL CHECK (half IN (0, 1)),
  index_type text NOT NULL CHECK (index_type IN ('hnsw', 'ivfflat', 'none')),
  storage text NOT NULL CHECK (storage = 'vector_items'),
  created_at text NOT NULL,
  PRIMARY KEY (project_id, id),
  UNIQUE (project_id, name),
  UNIQUE (project_id, replaces),
  FOREIGN KEY (project_id, replaces) REFERENCES vector_collections (project_id, id) ON DELETE CASCADE,
  CHECK ((name IS NULL) = (replaces IS NOT NULL))
) STRICT, WITHOUT ROWID;
CREATE INDEX vector_collections_by_name ON vector_collections (name);

-- Little-endian floats, and a bit for the sign of each: what a search looks at first.
CREATE TABLE vector_items (
  item integer PRIMARY KEY,
  project_id text NOT NULL,
  collection_id text NOT NULL,
  id text NOT NULL CHECK (length(id) BETWEEN 1 AND 255),
  kind text,
  entry_id text,
  type text CHECK (length(type) BETWEEN 1 AND 255),
  at text NOT NULL,
  text text,
  data text NOT NULL CHECK (json_valid(data)),
  changed integer NOT NULL,
  code blob NOT NULL,
  embedding blob NOT NULL,
  UNIQUE (project_id, collection_id, id),
  FOREIGN KEY (project_id, collection_id) REFERENCES vector_collections (project_id, id) ON DELETE CASCADE,
  FOREIGN KEY (project_id, kind, entry_id) REFERENCES search_entries (project_id, kind, id) ON DELETE CASCADE,
  CHECK ((kind IS NULL) = (entry_id IS NULL))
) STRICT;
CREATE INDEX vector_items_codes ON vector_items (project_id, collection_id, item, code);
CREATE INDEX vector_items_by_entry ON vector_items (project_id, kind, entry_id);
