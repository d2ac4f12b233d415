CREATE TABLE graph_nodes (
  project_id text NOT NULL REFERENCES projects (id) ON DELETE CASCADE,
  id text NOT NULL CHECK (length(id) BETWEEN 1 AND 255),
  namespace text NOT NULL CHECK (length(namespace) BETWEEN 1 AND 255),
  type text NOT NULL CHECK (length(type) BETWEEN 1 AND 255),
  name text NOT NULL,
  text text NOT NULL,
  data text NOT NULL CHECK (json_type(data) = 'object'),
  revision integer NOT NULL DEFAULT 1,
  created_at text NOT NULL,
  updated_at text NOT NULL,
  PRIMARY KEY (project_id, id)
) STRICT, WITHOUT ROWID;
CREATE INDEX graph_nodes_by_namespace ON graph_nodes (project_id, namespace, type, id);
CREATE INDEX graph_nodes_by_type ON graph_nodes (project_id, type, id);

CREATE TABLE graph_edges (
  project_id text NOT NULL,
  source_id text NOT NULL,
  type text NOT NULL CHECK (length(type) BETWEEN 1 AND 255),
  target_id text NOT NULL,
  data text NOT NULL CHECK (json_type(data) = 'object'),
  revision integer NOT NULL DEFAULT 1,
  created_at text NOT NULL,
  updated_at text NOT NULL,
  PRIMARY KEY (project_id, source_id, type, target_id),
  FOREIGN KEY (project_id, source_id) REFERENCES graph_nodes (project_id, id) ON DELETE CASCADE,
  FOREIGN KEY (project_id, target_id) REFERENCES graph_nodes (project_id, id) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;
CREATE INDEX graph_edges_by_target ON graph_edges (project_id, target_id, type, source_id);

-- Of nodes that are gone, too.
CREATE TABLE graph_promotions (
  project_id text NOT NULL REFERENCES projects (id) ON DELETE CASCADE,
  id text NOT NULL CHECK (length(id) BETWEEN 1 AND 255),
  node_id text NOT NULL,
  source text NOT NULL,
  target text NOT NULL CHECK (target <> source),
  promoted_by text,
  reason text,
  at text NOT NULL,
  PRIMARY KEY (project_id, id)
) STRICT, WITHOUT ROWID;
CREATE INDEX graph_promotions_by_node ON graph_promotions (project_id, node_id, at, id);
CREATE INDEX graph_promotions_by_time ON graph_promotions (project_id, at, id);

CREATE TRIGGER graph_nodes_search_added AFTER INSERT ON graph_nodes BEGIN
  INSERT INTO search_entries (project_id, kind, id, type, at, title, tags, body, data)
    VALUES (new.project_id, 'node', new.id, new.type, new.created_at, new.name, new.namespace, new.text, new.data);
  END;

CREATE TRIGGER graph_nodes_search_changed AFTER UPDATE OF namespace, type, name, text, data ON graph_nodes BEGIN
  UPDATE search_entries
    SET type = new.type, title = new.name, tags = new.namespace, body = new.text, data = new.data
    WHERE project_id = new.project_id AND kind = 'node' AND id = new.id;
  END;

CREATE TRIGGER graph_nodes_search_removed AFTER DELETE ON graph_nodes BEGIN
  DELETE FROM search_entries WHERE project_id = old.project_id AND kind = 'node' AND id = old.id;
  END;
