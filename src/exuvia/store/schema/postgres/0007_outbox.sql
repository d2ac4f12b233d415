-- Dual write: what has changed here and is not in the other database yet, noted by triggers that are made when a store
-- is opened with a secondary. See exuvia.store.dual.
CREATE TABLE outbox (
  seq bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  table_name text COLLATE "C" NOT NULL,
  key jsonb NOT NULL CHECK (jsonb_typeof(key) = 'array'),
  at timestamptz NOT NULL DEFAULT clock_timestamp()
);

-- Has a row only within the transactions that carry over what the other database has noted.
CREATE TABLE outbox_applying (
  marker integer NOT NULL
);

-- Which of the two this database is; one that is leaving was the primary and takes no more writes.
CREATE TABLE dual_role (
  one integer NOT NULL PRIMARY KEY DEFAULT 1 CHECK (one = 1),
  role text COLLATE "C" NOT NULL CHECK (role IN ('primary', 'leaving', 'secondary')),
  pair text COLLATE "C" NOT NULL,
  epoch bigint NOT NULL,
  peer text COLLATE "C" NOT NULL
);

-- Notes the keys of the rows that a statement has changed. The role is read after the outbox was written to: whoever
-- changes it holds a lock on the outbox, so a statement that waited for that sees the new role.
-- Arguments: the name under which they are noted, and the columns of the key.
CREATE FUNCTION outbox_note() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
  DECLARE
  former CONSTANT text := CASE WHEN TG_OP = 'UPDATE' THEN 'UNION SELECT jsonb_build_array(' || TG_ARGV[1] || ') FROM former'
    ELSE '' END;
  other text;
  made record;
  BEGIN
  IF EXISTS (SELECT 1 FROM outbox_applying) THEN
    RETURN NULL;
  END IF;
  EXECUTE format('INSERT INTO outbox (table_name, key) SELECT $1, found FROM ('
    'SELECT jsonb_build_array(%s) AS found FROM changed %s) AS keys', TG_ARGV[1], former) USING TG_ARGV[0];
  SELECT peer INTO other FROM dual_role WHERE role <> 'primary';
  IF FOUND THEN
    RAISE EXCEPTION 'it is a secondary, the primary is %', other USING ERRCODE = 'read_only_sql_transaction';
  END IF;
  IF TG_TABLE_NAME = 'vector_collections' AND TG_OP = 'INSERT' THEN
    FOR made IN SELECT DISTINCT storage FROM changed WHERE storage <> 'vector_items' LOOP
      PERFORM outbox_watch(made.storage, 'vector_items', 'project_id, collection_id, id');
    END LOOP;
  END IF;
  RETURN NULL;
  END
  $$;

-- Makes the triggers of a table that is to be carried over.
CREATE FUNCTION outbox_watch(target text, noted text, key_columns text) RETURNS void LANGUAGE plpgsql AS $$
  DECLARE
  home CONSTANT text := quote_ident(current_schema());
  event text;
  BEGIN
  FOREACH event IN ARRAY ARRAY['insert', 'update', 'delete'] LOOP
    IF NOT EXISTS (SELECT 1 FROM pg_catalog.pg_trigger
        WHERE tgrelid = (home || '.' || quote_ident(target))::regclass AND tgname = 'exuvia_dual_' || event) THEN
      EXECUTE format('CREATE TRIGGER exuvia_dual_%1$s AFTER %1$s ON %2$s.%3$I REFERENCING %4$s '
        'FOR EACH STATEMENT EXECUTE FUNCTION %2$s.outbox_note(%5$L, %6$L)', event, home, target,
        CASE event WHEN 'insert' THEN 'NEW TABLE AS changed' WHEN 'delete' THEN 'OLD TABLE AS changed'
          ELSE 'OLD TABLE AS former NEW TABLE AS changed' END, noted, key_columns);
    END IF;
  END LOOP;
  END
  $$;

DO $$
  BEGIN
  EXECUTE format('ALTER FUNCTION outbox_note() SET search_path = pg_catalog, %I, pg_temp', current_schema());
  EXECUTE format('ALTER FUNCTION outbox_watch(text, text, text) SET search_path = %I, pg_temp', current_schema());
  REVOKE ALL ON FUNCTION outbox_watch(text, text, text) FROM PUBLIC;
  END
  $$;
