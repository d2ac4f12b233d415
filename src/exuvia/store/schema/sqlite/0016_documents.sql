CREATE TABLE resources (
  project_id text NOT NULL REFERENCES projects (id) ON DELETE CASCADE,
  id text NOT NULL CHECK (length(id) BETWEEN 1 AND 255),
  title text NOT NULL CHECK (length(title) BETWEEN 1 AND 1000),
  creators text NOT NULL CHECK (json_type(creators) = 'array'),
  url text,
  identifier text CHECK (length(identifier) BETWEEN 1 AND 255),
  language text CHECK (length(language) BETWEEN 1 AND 64),
  media_type text CHECK (length(media_type) BETWEEN 1 AND 255),
  description text NOT NULL,
  content text NOT NULL,
  classification text CHECK (length(classification) BETWEEN 1 AND 64),
  quality real CHECK (quality BETWEEN 0 AND 1),
  read_status text NOT NULL CHECK (read_status IN ('unread', 'in_progress', 'completed', 'archived')),
  tags text NOT NULL CHECK (json_type(tags) = 'array'),
  data text NOT NULL CHECK (json_valid(data)),
  version integer NOT NULL CHECK (version >= 1),
  created_at text NOT NULL,
  updated_at text NOT NULL,
  PRIMARY KEY (project_id, id)
) STRICT;
CREATE INDEX resources_by_time ON resources (project_id, created_at, id);
CREATE INDEX resources_by_change ON resources (project_id, updated_at, id);
CREATE INDEX resources_by_status ON resources (project_id, read_status, created_at, id);
CREATE INDEX resources_by_classification ON resources (project_id, classification, created_at, id);
CREATE INDEX resources_by_quality ON resources (project_id, quality, id);
CREATE INDEX resources_by_identifier ON resources (project_id, identifier) WHERE identifier IS NOT NULL;
CREATE INDEX resources_by_url ON resources (project_id, url) WHERE url IS NOT NULL;

CREATE TABLE collections (
  project_id text NOT NULL REFERENCES projects (id) ON DELETE CASCADE,
  id text NOT NULL CHECK (length(id) BETWEEN 1 AND 255),
  parent_id text,
  name text NOT NULL CHECK (length(name) BETWEEN 1 AND 1000),
  description text NOT NULL,
  data text NOT NULL CHECK (json_valid(data)),
  version integer NOT NULL CHECK (version >= 1),
  created_at text NOT NULL,
  updated_at text NOT NULL,
  PRIMARY KEY (project_id, id),
  FOREIGN KEY (project_id, parent_id) REFERENCES collections (project_id, id) ON DELETE CASCADE
) STRICT;
CREATE INDEX collections_by_time ON collections (project_id, created_at, id);
CREATE INDEX collections_by_parent ON collections (project_id, parent_id, created_at, id);

CREATE TABLE collection_members (
  project_id text NOT NULL,
  collection_id text NOT NULL,
  resource_id text NOT NULL,
  position integer NOT NULL,
  PRIMARY KEY (project_id, collection_id, resource_id),
  FOREIGN KEY (project_id, collection_id) REFERENCES collections (project_id, id) ON DELETE CASCADE,
  FOREIGN KEY (project_id, resource_id) REFERENCES resources (project_id, id) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;
CREATE INDEX collection_members_by_position ON collection_members (project_id, collection_id, position, resource_id);
CREATE INDEX collection_members_by_resource ON collection_members (project_id, resource_id);

CREATE TABLE citations (
  project_id text NOT NULL,
  id text NOT NULL CHECK (length(id) BETWEEN 1 AND 255),
  resource_id text NOT NULL,
  target_id text,
  url text,
  type text NOT NULL CHECK (length(type) BETWEEN 1 AND 64),
  position integer CHECK (position >= 0),
  context text NOT NULL,
  data text NOT NULL CHECK (json_valid(data)),
  created_at text NOT NULL,
  PRIMARY KEY (project_id, id),
  FOREIGN KEY (project_id, resource_id) REFERENCES resources (project_id, id) ON DELETE CASCADE,
  FOREIGN KEY (project_id, target_id) REFERENCES resources (project_id, id) ON DELETE CASCADE,
  CHECK (target_id IS NOT NULL OR url IS NOT NULL)
) STRICT;
CREATE INDEX citations_by_resource ON citations (project_id, resource_id, position, id);
CREATE INDEX citations_by_target ON citations (project_id, target_id, created_at, id) WHERE target_id IS NOT NULL;
CREATE INDEX citations_by_url ON citations (project_id, url) WHERE url IS NOT NULL;

CREATE TABLE annotations (
  project_id text NOT NULL,
  id text NOT NULL CHECK (length(id) BETWEEN 1 AND 255),
  resource_id text NOT NULL,
  start_offset integer CHECK (start_offset >= 0),
  end_offset integer,
  text text NOT NULL,
  note text NOT NULL,
  tags text NOT NULL CHECK (json_type(tags) = 'array'),
  author text CHECK (length(author) BETWEEN 1 AND 255),
  color text CHECK (length(color) BETWEEN 1 AND 32),
  shared integer NOT NULL CHECK (shared IN (0, 1)),
  version integer NOT NULL CHECK (version >= 1),
  created_at text NOT NULL,
  updated_at text NOT NULL,
  PRIMARY KEY (project_id, id),
  FOREIGN KEY (project_id, resource_id) REFERENCES resources (project_id, id) ON DELETE CASCADE,
  CHECK ((start_offset IS NULL) = (end_offset IS NULL)),
  CHECK (end_offset >= start_offset)
) STRICT;
CREATE INDEX annotations_by_place ON annotations (project_id, resource_id, start_offset, id);
CREATE INDEX annotations_by_time ON annotations (project_id, created_at, id);
CREATE INDEX annotations_by_author ON annotations (project_id, author, created_at, id) WHERE author IS NOT NULL;

CREATE TRIGGER resources_search_added AFTER INSERT ON resources BEGIN
  INSERT INTO search_entries (project_id, kind, id, type, at, title, tags, body, data)
    VALUES (new.project_id, 'resource', new.id, new.classification, new.created_at, new.title,
      (SELECT coalesce(group_concat(value, ' '), '') FROM json_each(new.tags)) || ' '
        || (SELECT coalesce(group_concat(value, ' '), '') FROM json_each(new.creators)),
      new.description || ' ' || new.content, new.data);
  END;

CREATE TRIGGER resources_search_changed
  AFTER UPDATE OF title, creators, description, content, classification, tags, data ON resources BEGIN
  UPDATE search_entries
    SET type = new.classification, title = new.title,
      tags = (SELECT coalesce(group_concat(value, ' '), '') FROM json_each(new.tags)) || ' '
        || (SELECT coalesce(group_concat(value, ' '), '') FROM json_each(new.creators)),
      body = new.description || ' ' || new.content, data = new.data
    WHERE project_id = new.project_id AND kind = 'resource' AND id = new.id;
  END;

CREATE TRIGGER resources_search_removed AFTER DELETE ON resources BEGIN
  DELETE FROM search_entries WHERE project_id = old.project_id AND kind = 'resource' AND id = old.id;
  END;

CREATE TRIGGER annotations_search_added AFTER INSERT ON annotations BEGIN
  INSERT INTO search_entries (project_id, kind, id, type, at, tags, body)
    VALUES (new.project_id, 'annotation', new.id, CASE WHEN new.shared THEN 'shared' ELSE 'private' END,
      new.created_at, (SELECT coalesce(group_concat(value, ' '), '') FROM json_each(new.tags)),
      new.note || ' ' || new.text);
  END;

CREATE TRIGGER annotations_search_changed AFTER UPDATE OF text, note, tags, shared ON annotations BEGIN
  UPDATE search_entries
    SET type = CASE WHEN new.shared THEN 'shared' ELSE 'private' END,
      tags = (SELECT coalesce(group_concat(value, ' '), '') FROM json_each(new.tags)),
      body = new.note || ' ' || new.text
    WHERE project_id = new.project_id AND kind = 'annotation' AND id = new.id;
  END;

CREATE TRIGGER annotations_search_removed AFTER DELETE ON annotations BEGIN
  DELETE FROM search_entries WHERE project_id = old.project_id AND kind = 'annotation' AND id = old.id;
  END;
