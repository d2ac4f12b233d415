CREATE TABLE graph_nodes (
  project_id text COLLATE "C" NOT NULL REFERENCES projects (id) ON DELETE CASCADE,
  id text COLLATE "C" NOT NULL CHECK (length(id) BETWEEN 1 AND 255),
  namespace text COLLATE "C" NOT NULL CHECK (length(namespace) BETWEEN 1 AND 255),
  type text COLLATE "C" NOT NULL CHECK (length(type) BETWEEN 1 AND 255),
  name text COLLATE "C" NOT NULL,
  text text COLLATE "C" NOT NULL,
  data jsonb NOT NULL CHECK (jsonb_typeof(data) = 'object'),
  revision bigint NOT NULL DEFAULT 1,
  created_at timestamptz NOT NULL,
  updated_at timestamptz NOT NULL,
  PRIMARY KEY (project_id, id)
);
CREATE INDEX graph_nodes_by_namespace ON graph_nodes (project_id, namespace, type, id);
CREATE INDEX graph_nodes_by_type ON graph_nodes (project_id, type, id);

CREATE TABLE graph_edges (
  project_id text COLLATE "C" NOT NULL,
  source_id text COLLATE "C" NOT NULL,
  type text COLLATE "C" NOT NULL CHECK (length(type) BETWEEN 1 AND 255),
  target_id text COLLATE "C" NOT NULL,
  data jsonb NOT NULL CHECK (jsonb_typeof(data) = 'object'),
  revision bigint NOT NULL DEFAULT 1,
  created_at timestamptz NOT NULL,
  updated_at timestamptz NOT NULL,
  PRIMARY KEY (project_id, source_id, type, target_id),
  FOREIGN KEY (project_id, source_id) REFERENCES graph_nodes (project_id, id) ON DELETE CASCADE,
  FOREIGN KEY (project_id, target_id) REFERENCES graph_nodes (project_id, id) ON DELETE CASCADE
);
CREATE INDEX graph_edges_by_target ON graph_edges (project_id, target_id, type, source_id);

-- Of nodes that are gone, too.
CREATE TABLE graph_promotions (
  project_id text COLLATE "C" NOT NULL REFERENCES projects (id) ON DELETE CASCADE,
  id text COLLATE "C" NOT NULL CHECK (length(id) BETWEEN 1 AND 255),
  node_id text COLLATE "C" NOT NULL,
  source text COLLATE "C" NOT NULL,
  target text COLLATE "C" NOT NULL CHECK (target <> source),
  promoted_by text COLLATE "C",
  reason text COLLATE "C",
  at timestamptz NOT NULL,
  PRIMARY KEY (project_id, id)
);
CREATE INDEX graph_promotions_by_node ON graph_promotions (project_id, node_id, at, id);
CREATE INDEX graph_promotions_by_time ON graph_promotions (project_id, at, id);

CREATE FUNCTION graph_nodes_search_added() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
  BEGIN
  INSERT INTO search_entries (project_id, kind, id, type, at, title, tags, body, data)
    SELECT project_id, 'node', id, type, created_at, name, namespace, text, data FROM added;
  RETURN NULL;
  END
  $$;

CREATE TRIGGER graph_nodes_search_added AFTER INSERT ON graph_nodes
  REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION graph_nodes_search_added();

CREATE FUNCTION graph_nodes_search_changed() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
  BEGIN
  UPDATE search_entries
    SET type = new.type, title = new.name, tags = new.namespace, body = new.text, data = new.data
    WHERE project_id = new.project_id AND kind = 'node' AND id = new.id;
  RETURN NULL;
  END
  $$;

CREATE TRIGGER graph_nodes_search_changed AFTER UPDATE OF namespace, type, name, text, data ON graph_nodes
  FOR EACH ROW EXECUTE FUNCTION graph_nodes_search_changed();

CREATE FUNCTION graph_nodes_search_removed() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
  BEGIN
  DELETE FROM search_entries USING removed
    WHERE search_entries.project_id = removed.project_id AND kind = 'node' AND search_entries.id = removed.id;
  RETURN NULL;
  END
  $$;

CREATE TRIGGER graph_nodes_search_removed AFTER DELETE ON graph_nodes
  REFERENCING OLD TABLE AS removed FOR EACH STATEMENT EXECUTE FUNCTION graph_nodes_search_removed();
