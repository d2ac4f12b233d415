-- What can be searched: one row for each thing that has texts, whatever its kind. Nobody writes here but triggers on the
-- subsystems' own tables, and this table's own triggers keep the full-text indexes current. A subsystem adds, in its own
-- step, with its own columns in place of these:
--
--   CREATE TRIGGER notes_search_added AFTER INSERT ON notes BEGIN
--     INSERT INTO search_entries (project_id, kind, id, type, session_id, at, title, tags, body, data)
--       VALUES (new.project_id, 'note', new.id, new.status, new.session_id, new.created_at, new.title, new.summary,
--         new.content, new.data);
--     END;
--   CREATE TRIGGER notes_search_changed AFTER UPDATE ON notes BEGIN
--     UPDATE search_entries SET type = new.status, at = new.created_at, title = new.title, …
--       WHERE project_id = new.project_id AND kind = 'note' AND id = new.id;
--     END;
--   CREATE TRIGGER notes_search_removed AFTER DELETE ON notes BEGIN
--     DELETE FROM search_entries WHERE project_id = old.project_id AND kind = 'note' AND id = old.id;
--     END;
--
-- Texts that are NULL become '' (coalesce); an event that never changes needs no second trigger.
CREATE TABLE search_entries (
  entry integer PRIMARY KEY,
  project_id text NOT NULL REFERENCES projects ON DELETE CASCADE,
  kind text NOT NULL CHECK (kind <> ''),
  id text NOT NULL,
  type text,
  session_id text,
  at text NOT NULL,
  title text NOT NULL DEFAULT '',
  tags text NOT NULL DEFAULT '',
  body text NOT NULL DEFAULT '',
  data text NOT NULL DEFAULT '{}' CHECK (json_valid(data)),
  UNIQUE (project_id, kind, id)
) STRICT;

-- What the indexes hold of an entry. Its project and kind are words, so that a search reads no others' lists.
CREATE VIEW search_texts AS
  SELECT entry, substr(title, 1, 1000) AS title, substr(tags, 1, 10000) AS tags, substr(body, 1, 200000) AS body,
    'p' || hex(project_id) || ' k' || hex(kind) AS scope
  FROM search_entries;

CREATE VIRTUAL TABLE search_words USING fts5(
  title, tags, body, scope,
  content = 'search_texts', content_rowid = 'entry', tokenize = 'unicode61 remove_diacritics 2', prefix = '2 3'
);

-- Titles and names by their trigrams, for searches that forgive typing errors; events have none, and are many.
CREATE VIRTUAL TABLE search_names USING fts5(
  title, content = 'search_texts', content_rowid = 'entry', tokenize = 'trigram remove_diacritics 1'
);

CREATE TRIGGER search_entries_added AFTER INSERT ON search_entries BEGIN
  INSERT INTO search_words (rowid, title, tags, body, scope)
    SELECT entry, title, tags, body, scope FROM search_texts WHERE entry = new.entry;
  INSERT INTO search_names (rowid, title)
    SELECT entry, title FROM search_texts WHERE entry = new.entry AND title <> '' AND new.kind <> 'event';
  END;

CREATE TRIGGER search_entries_removed BEFORE DELETE ON search_entries BEGIN
  INSERT INTO search_words (search_words, rowid, title, tags, body, scope)
    SELECT 'delete', entry, title, tags, body, scope FROM search_texts WHERE entry = old.entry;
  INSERT INTO search_names (search_names, rowid, title)
    SELECT 'delete', entry, title FROM search_texts WHERE entry = old.entry AND title <> '' AND old.kind <> 'event';
  END;

CREATE TRIGGER search_entries_leaving BEFORE UPDATE ON search_entries
  WHEN (old.entry, old.project_id, old.kind, old.title, old.tags, old.body)
    IS NOT (new.entry, new.project_id, new.kind, new.title, new.tags, new.body) BEGIN
  INSERT INTO search_words (search_words, rowid, title, tags, body, scope)
    SELECT 'delete', entry, title, tags, body, scope FROM search_texts WHERE entry = old.entry;
  INSERT INTO search_names (search_names, rowid, title)
    SELECT 'delete', entry, title FROM search_texts WHERE entry = old.entry AND title <> '' AND old.kind <> 'event';
  END;

CREATE TRIGGER search_entries_changed AFTER UPDATE ON search_entries
  WHEN (old.entry, old.project_id, old.kind, old.title, old.tags, old.body)
    IS NOT (new.entry, new.project_id, new.kind, new.title, new.tags, new.body) BEGIN
  INSERT INTO search_words (rowid, title, tags, body, scope)
    SELECT entry, title, tags, body, scope FROM search_texts WHERE entry = new.entry;
  INSERT INTO search_names (rowid, title)
    SELECT entry, title FROM search_texts WHERE entry = new.entry AND title <> '' AND new.kind <> 'event';
  END;
