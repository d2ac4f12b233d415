CREATE TABLE audit_heads (
  project_id text NOT NULL PRIMARY KEY REFERENCES projects (id) ON DELETE CASCADE,
  seq integer NOT NULL CHECK (seq >= base_seq),
  hash text NOT NULL CHECK (length(hash) = 64),
  base_seq integer NOT NULL CHECK (base_seq >= 0),
  base_hash text NOT NULL CHECK (length(base_hash) = 64)
) STRICT, WITHOUT ROWID;

CREATE TABLE audit_entries (
  project_id text NOT NULL REFERENCES audit_heads (project_id) ON DELETE CASCADE,
  seq integer NOT NULL CHECK (seq >= 1),
  at text NOT NULL,
  actor text NOT NULL,
  action text NOT NULL,
  subject text,
  row_id text,
  data text NOT NULL CHECK (json_valid(data)),
  previous text NOT NULL CHECK (length(previous) = 64),
  hash text NOT NULL CHECK (length(hash) = 64),
  PRIMARY KEY (project_id, seq)
) STRICT, WITHOUT ROWID;
CREATE INDEX audit_entries_by_actor ON audit_entries (project_id, actor, seq);
CREATE INDEX audit_entries_by_row ON audit_entries (project_id, subject, row_id, seq);

CREATE TRIGGER audit_heads_grow AFTER UPDATE ON audit_heads
  WHEN new.project_id <> old.project_id OR new.seq < old.seq OR new.base_seq < old.base_seq
  BEGIN
  SELECT raise(ABORT, 'the head of an audit only grows');
  END;

CREATE TRIGGER audit_heads_stay BEFORE DELETE ON audit_heads
  WHEN EXISTS (SELECT 1 FROM projects WHERE id = old.project_id)
  BEGIN
  SELECT raise(ABORT, 'the head of an audit stays');
  END;

CREATE TRIGGER audit_entries_stay BEFORE UPDATE ON audit_entries BEGIN
  SELECT raise(ABORT, 'an entry of an audit does not change');
  END;

CREATE TRIGGER audit_entries_kept BEFORE DELETE ON audit_entries
  WHEN EXISTS (SELECT 1 FROM audit_heads WHERE project_id = old.project_id AND base_seq < old.seq)
  BEGIN
  SELECT raise(ABORT, 'an entry of an audit is not deleted but by its retention');
  END;
