CREATE TABLE resources (
  project_id text COLLATE "C" NOT NULL REFERENCES projects (id) ON DELETE CASCADE,
  id text COLLATE "C" NOT NULL CHECK (length(id) BETWEEN 1 AND 255),
  title text COLLATE "C" NOT NULL CHECK (length(title) BETWEEN 1 AND 1000),
  creators jsonb NOT NULL CHECK (jsonb_typeof(creators) = 'array'),
  url text COLLATE "C",
  identifier text COLLATE "C" CHECK (length(identifier) BETWEEN 1 AND 255),
  language text COLLATE "C" CHECK (length(language) BETWEEN 1 AND 64),
  media_type text COLLATE "C" CHECK (length(media_type) BETWEEN 1 AND 255),
  description text COLLATE "C" NOT NULL,
  content text COLLATE "C" NOT NULL,
  classification text COLLATE "C" CHECK (length(classification) BETWEEN 1 AND 64),
  quality double precision CHECK (quality BETWEEN 0 AND 1),
  read_status text COLLATE "C" NOT NULL CHECK (read_status IN ('unread', 'in_progress', 'completed', 'archived')),
  tags jsonb NOT NULL CHECK (jsonb_typeof(tags) = 'array'),
  data jsonb NOT NULL,
  version bigint NOT NULL CHECK (version >= 1),
  created_at timestamptz NOT NULL,
  updated_at timestamptz NOT NULL,
  PRIMARY KEY (project_id, id)
);
CREATE INDEX resources_by_time ON resources (project_id, created_at, id);
CREATE INDEX resources_by_change ON resources (project_id, updated_at, id);
CREATE INDEX resources_by_status ON resources (project_id, read_status, created_at, id);
CREATE INDEX resources_by_classification ON resources (project_id, classification, created_at, id);
CREATE INDEX resources_by_quality ON resources (project_id, quality, id);
CREATE INDEX resources_by_identifier ON resources (project_id, identifier) WHERE identifier IS NOT NULL;
-- a URL may be longer than what a B-tree takes
CREATE INDEX resources_by_url ON resources USING hash (url) WHERE url IS NOT NULL;
CREATE INDEX resources_tags ON resources USING gin (tags);
CREATE INDEX resources_data ON resources USING gin (data jsonb_path_ops);

CREATE TABLE collections (
  project_id text COLLATE "C" NOT NULL REFERENCES projects (id) ON DELETE CASCADE,
  id text COLLATE "C" NOT NULL CHECK (length(id) BETWEEN 1 AND 255),
  parent_id text COLLATE "C",
  name text COLLATE "C" NOT NULL CHECK (length(name) BETWEEN 1 AND 1000),
  description text COLLATE "C" NOT NULL,
  data jsonb NOT NULL,
  version bigint NOT NULL CHECK (version >= 1),
  created_at timestamptz NOT NULL,
  updated_at timestamptz NOT NULL,
  PRIMARY KEY (project_id, id),
  FOREIGN KEY (project_id, parent_id) REFERENCES collections (project_id, id) ON DELETE CASCADE
);
CREATE INDEX collections_by_time ON collections (project_id, created_at, id);
CREATE INDEX collections_by_parent ON collections (project_id, parent_id, created_at, id);

CREATE TABLE collection_members (
  project_id text COLLATE "C" NOT NULL,
  collection_id text COLLATE "C" NOT NULL,
  resource_id text COLLATE "C" NOT NULL,
  position bigint NOT NULL,
  PRIMARY KEY (project_id, collection_id, resource_id),
  FOREIGN KEY (project_id, collection_id) REFERENCES collections (project_id, id) ON DELETE CASCADE,
  FOREIGN KEY (project_id, resource_id) REFERENCES resources (project_id, id) ON DELETE CASCADE
);
CREATE INDEX collection_members_by_position ON collection_members (project_id, collection_id, position, resource_id);
CREATE INDEX collection_members_by_resource ON collection_members (project_id, resource_id);

CREATE TABLE citations (
  project_id text COLLATE "C" NOT NULL,
  id text COLLATE "C" NOT NULL CHECK (length(id) BETWEEN 1 AND 255),
  resource_id text COLLATE "C" NOT NULL,
  target_id text COLLATE "C",
  url text COLLATE "C",
  type text COLLATE "C" NOT NULL CHECK (length(type) BETWEEN 1 AND 64),
  position bigint CHECK (position >= 0),
  context text COLLATE "C" NOT NULL,
  data jsonb NOT NULL,
  created_at timestamptz NOT NULL,
  PRIMARY KEY (project_id, id),
  FOREIGN KEY (project_id, resource_id) REFERENCES resources (project_id, id) ON DELETE CASCADE,
  FOREIGN KEY (project_id, target_id) REFERENCES resources (project_id, id) ON DELETE CASCADE,
  CHECK (target_id IS NOT NULL OR url IS NOT NULL)
);
CREATE INDEX citations_by_resource ON citations (project_id, resource_id, position, id);
CREATE INDEX citations_by_target ON citations (project_id, target_id, created_at, id) WHERE target_id IS NOT NULL;
CREATE INDEX citations_by_url ON citations USING hash (url) WHERE url IS NOT NULL;

CREATE TABLE annotations (
  project_id text COLLATE "C" NOT NULL,
  id text COLLATE "C" NOT NULL CHECK (length(id) BETWEEN 1 AND 255),
  resource_id text COLLATE "C" NOT NULL,
  start_offset bigint CHECK (start_offset >= 0),
  end_offset bigint,
  text text COLLATE "C" NOT NULL,
  note text COLLATE "C" NOT NULL,
  tags jsonb NOT NULL CHECK (jsonb_typeof(tags) = 'array'),
  author text COLLATE "C" CHECK (length(author) BETWEEN 1 AND 255),
  color text COLLATE "C" CHECK (length(color) BETWEEN 1 AND 32),
  shared boolean NOT NULL,
  version bigint NOT NULL CHECK (version >= 1),
  created_at timestamptz NOT NULL,
  updated_at timestamptz NOT NULL,
  PRIMARY KEY (project_id, id),
  FOREIGN KEY (project_id, resource_id) REFERENCES resources (project_id, id) ON DELETE CASCADE,
  CHECK ((start_offset IS NULL) = (end_offset IS NULL)),
  CHECK (end_offset >= start_offset)
);
CREATE INDEX annotations_by_place ON annotations (project_id, resource_id, start_offset, id);
CREATE INDEX annotations_by_time ON annotations (project_id, created_at, id);
CREATE INDEX annotations_by_author ON annotations (project_id, author, created_at, id) WHERE author IS NOT NULL;

CREATE FUNCTION resources_search_added() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
  BEGIN
  INSERT INTO search_entries (project_id, kind, id, type, at, title, tags, body, data)
    SELECT project_id, 'resource', id, classification, created_at, title,
      knowledge_words(tags) || ' ' || knowledge_words(creators), description || ' ' || content, data
    FROM added;
  RETURN NULL;
  END
  $$;

CREATE TRIGGER resources_search_added AFTER INSERT ON resources
  REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION resources_search_added();

CREATE FUNCTION resources_search_changed() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
  BEGIN
  UPDATE search_entries
    SET type = new.classification, title = new.title,
      tags = knowledge_words(new.tags) || ' ' || knowledge_words(new.creators),
      body = new.description || ' ' || new.content, data = new.data
    WHERE project_id = new.project_id AND kind = 'resource' AND id = new.id;
  RETURN NULL;
  END
  $$;

CREATE TRIGGER resources_search_changed
  AFTER UPDATE OF title, creators, description, content, classification, tags, data ON resources
  FOR EACH ROW EXECUTE FUNCTION resources_search_changed();

CREATE FUNCTION resources_search_removed() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
  BEGIN
  DELETE FROM search_entries USING removed
    WHERE search_entries.project_id = removed.project_id AND search_entries.kind = 'resource'
      AND search_entries.id = removed.id;
  RETURN NULL;
  END
  $$;

CREATE TRIGGER resources_search_removed AFTER DELETE ON resources
  REFERENCING OLD TABLE AS removed FOR EACH STATEMENT EXECUTE FUNCTION resources_search_removed();

CREATE FUNCTION annotations_search_added() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
  BEGIN
  INSERT INTO search_entries (project_id, kind, id, type, at, tags, body)
    SELECT project_id, 'annotation', id, CASE WHEN shared THEN 'shared' ELSE 'private' END, created_at,
      knowledge_words(tags), note || ' ' || text
    FROM added;
  RETURN NULL;
  END
  $$;

CREATE TRIGGER annotations_search_added AFTER INSERT ON annotations
  REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION annotations_search_added();

CREATE FUNCTION annotations_search_changed() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
  BEGIN
  UPDATE search_entries
    SET type = CASE WHEN new.shared THEN 'shared' ELSE 'private' END, tags = knowledge_words(new.tags),
      body = new.note || ' ' || new.text
    WHERE project_id = new.project_id AND kind = 'annotation' AND id = new.id;
  RETURN NULL;
  END
  $$;

CREATE TRIGGER annotations_search_changed
  AFTER UPDATE OF text, note, tags, shared ON annotations
  FOR EACH ROW EXECUTE FUNCTION annotations_search_changed();

CREATE FUNCTION annotations_search_removed() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
  BEGIN
  DELETE FROM search_entries USING removed
    WHERE search_entries.project_id = removed.project_id AND search_entries.kind = 'annotation'
      AND search_entries.id = removed.id;
  RETURN NULL;
  END
  $$;

CREATE TRIGGER annotations_search_removed AFTER DELETE ON annotations
  REFERENCING OLD TABLE AS removed FOR EACH STATEMENT EXECUTE FUNCTION annotations_search_removed();
