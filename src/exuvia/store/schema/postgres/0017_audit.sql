CREATE TABLE audit_heads (
  project_id text COLLATE "C" NOT NULL PRIMARY KEY REFERENCES projects (id) ON DELETE CASCADE,
  seq bigint NOT NULL,
  hash text COLLATE "C" NOT NULL CHECK (length(hash) = 64),
  base_seq bigint NOT NULL CHECK (base_seq >= 0),
  base_hash text COLLATE "C" NOT NULL CHECK (length(base_hash) = 64),
  CHECK (seq >= base_seq)
);

CREATE TABLE audit_entries (
  project_id text COLLATE "C" NOT NULL REFERENCES audit_heads (project_id) ON DELETE CASCADE,
  seq bigint NOT NULL CHECK (seq >= 1),
  at timestamptz NOT NULL,
  actor text COLLATE "C" NOT NULL,
  action text COLLATE "C" NOT NULL,
  subject text COLLATE "C",
  row_id text COLLATE "C",
  data text COLLATE "C" NOT NULL CHECK (CAST(data AS jsonb) IS NOT NULL),
  previous text COLLATE "C" NOT NULL CHECK (length(previous) = 64),
  hash text COLLATE "C" NOT NULL CHECK (length(hash) = 64),
  PRIMARY KEY (project_id, seq)
);
CREATE INDEX audit_entries_by_actor ON audit_entries (project_id, actor, seq);
CREATE INDEX audit_entries_by_row ON audit_entries (project_id, subject, row_id, seq);

CREATE FUNCTION audit_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
  BEGIN
  RAISE EXCEPTION 'an audit only grows' USING ERRCODE = 'check_violation';
  END
  $$;

CREATE FUNCTION audit_heads_stay() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
  BEGIN
  IF EXISTS (SELECT 1 FROM projects WHERE id = old.project_id) THEN
    RAISE EXCEPTION 'the head of an audit stays' USING ERRCODE = 'check_violation';
  END IF;
  RETURN old;
  END
  $$;

CREATE FUNCTION audit_entries_kept() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
  BEGIN
  IF EXISTS (SELECT 1 FROM audit_heads WHERE project_id = old.project_id AND base_seq < old.seq) THEN
    RAISE EXCEPTION 'an entry of an audit is not deleted but by its retention' USING ERRCODE = 'check_violation';
  END IF;
  RETURN old;
  END
  $$;

CREATE TRIGGER audit_heads_grow AFTER UPDATE ON audit_heads FOR EACH ROW
  WHEN (new.project_id <> old.project_id OR new.seq < old.seq OR new.base_seq < old.base_seq)
  EXECUTE FUNCTION audit_refuse();

CREATE TRIGGER audit_heads_stay BEFORE DELETE ON audit_heads FOR EACH ROW EXECUTE FUNCTION audit_heads_stay();

CREATE TRIGGER audit_entries_stay BEFORE UPDATE ON audit_entries FOR EACH ROW EXECUTE FUNCTION audit_refuse();

CREATE TRIGGER audit_entries_kept BEFORE DELETE ON audit_entries FOR EACH ROW EXECUTE FUNCTION audit_entries_kept();

CREATE TRIGGER audit_entries_whole BEFORE TRUNCATE ON audit_entries EXECUTE FUNCTION audit_refuse();
