"""Databases of well-known desktop, server and geographic applications, in their shape."""

from __future__ import annotations

from zoo.registry import Maker, specimen


@specimen("applications")
def firefox_places(db: Maker) -> None:
    db.run(
        """
        PRAGMA user_version=75;
        CREATE TABLE moz_origins ( id INTEGER PRIMARY KEY, prefix TEXT NOT NULL, host TEXT NOT NULL, frecency
            INTEGER NOT NULL, UNIQUE (prefix, host) );
        CREATE TABLE moz_places ( id INTEGER PRIMARY KEY, url LONGVARCHAR, title LONGVARCHAR, rev_host
            LONGVARCHAR, visit_count INTEGER DEFAULT 0, hidden INTEGER DEFAULT 0 NOT NULL, last_visit_date
            INTEGER, guid TEXT, url_hash INTEGER DEFAULT 0 NOT NULL, origin_id INTEGER REFERENCES
            moz_origins(id));
        CREATE TABLE moz_historyvisits ( id INTEGER PRIMARY KEY, from_visit INTEGER, place_id INTEGER,
            visit_date INTEGER, session INTEGER);
        CREATE UNIQUE INDEX moz_places_guid_uniqueindex ON moz_places (guid);
        CREATE INDEX moz_places_hash ON moz_places (url_hash);
        CREATE TABLE moz_meta (key TEXT PRIMARY KEY, value NOT NULL) WITHOUT ROWID
        """
    )
    db.fill("moz_origins", [(1, "https://", "example.org", 100)])
    db.fill(
        "moz_places",
        [
            (
                1,
                "https://example.org/ä?q=%20",
                None,
                "gro.elpmaxe.",
                2,
                0,
                1700000000123456,
                "abc-_123",
                47359338650210,
                1,
            )
        ],
    )
    db.fill("moz_historyvisits", [(1, 0, 1, 1700000000123456, 0), (2, 1, 1, 1700000001123456, 0)])
    db.fill("moz_meta", [("origin_frecency_sum", 100), ("storage/expired", "x"), ("ratio", 0.5)])


@specimen("applications")
def chrome_history_with_webkit_epochs(db: Maker) -> None:
    db.run(
        """
        CREATE TABLE meta(key LONGVARCHAR NOT NULL UNIQUE PRIMARY KEY, value LONGVARCHAR);
        CREATE TABLE urls(id INTEGER PRIMARY KEY AUTOINCREMENT, url LONGVARCHAR,title LONGVARCHAR,visit_count
            INTEGER DEFAULT 0 NOT NULL,last_visit_time INTEGER NOT NULL,hidden INTEGER DEFAULT 0 NOT NULL);
        CREATE TABLE visits(id INTEGER PRIMARY KEY AUTOINCREMENT,url INTEGER NOT NULL,visit_time INTEGER NOT
            NULL,visit_duration INTEGER DEFAULT 0 NOT NULL,incremented_omnibox_typed_score BOOLEAN DEFAULT FALSE
            NOT NULL,consider_for_ntp_most_visited BOOLEAN DEFAULT FALSE NOT NULL);
        CREATE INDEX urls_url_index ON urls (url);
        CREATE TABLE downloads (id INTEGER PRIMARY KEY,guid VARCHAR NOT NULL,hash BLOB NOT NULL,start_time
            INTEGER NOT NULL,opened INTEGER NOT NULL)
        """
    )
    db.fill("meta", [("version", "70"), ("mmap_status", -1)])
    db.fill("urls", [(1, "https://x/", "X", 1, 13345678901234567, 0)])
    db.fill("visits", [(1, 1, 13345678901234567, 0, 0, 1)])
    db.fill("downloads", [(1, "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11", b"", 13345678901234567, 0)])


@specimen("applications")
def wordpress_on_sqlite_with_zero_dates(db: Maker) -> None:
    db.run(
        """
        CREATE TABLE "wp_posts" ("ID" integer PRIMARY KEY AUTOINCREMENT NOT NULL, "post_author" integer NOT NULL
            DEFAULT '0', "post_date" text NOT NULL DEFAULT '0000-00-00 00:00:00' COLLATE NOCASE, "post_title"
            text NOT NULL COLLATE NOCASE, "post_status" text NOT NULL DEFAULT 'publish' COLLATE NOCASE,
            "menu_order" integer NOT NULL DEFAULT '0');
        CREATE INDEX "wp_posts__type_status_date" ON "wp_posts" ("post_status", "post_date", "ID");
        CREATE TABLE "wp_options" ("option_id" integer PRIMARY KEY AUTOINCREMENT NOT NULL, "option_name" text
            NOT NULL DEFAULT '' COLLATE NOCASE, "option_value" text NOT NULL COLLATE NOCASE);
        CREATE UNIQUE INDEX "wp_options__option_name" ON "wp_options" ("option_name");
        CREATE TABLE _mysql_data_types_cache (`table` TEXT NOT NULL, `column_or_index` TEXT NOT NULL,
            `mysql_type` TEXT NOT NULL, PRIMARY KEY(`table`, `column_or_index`));
        CREATE TRIGGER "__wp_posts_on_update" AFTER UPDATE ON "wp_posts" FOR EACH ROW BEGIN UPDATE "wp_posts"
            SET "post_date" = CURRENT_TIMESTAMP WHERE rowid = NEW.rowid; END
        """
    )
    db.fill(
        "wp_posts",
        [(1, 1, "2024-01-01 00:00:00", "Hello", "publish", 0), (2, 1, "0000-00-00 00:00:00", "Draft", "draft", 0)],
    )
    db.fill("wp_options", [(1, "siteurl", "http://x"), (2, "_transient_x", 'a:1:{s:1:"a";i:1;}')])
    db.fill("_mysql_data_types_cache", [("wp_posts", "ID", "bigint(20) unsigned")])


@specimen("applications")
def mbtiles(db: Maker) -> None:
    db.run(
        """
        PRAGMA application_id=1297105496;
        CREATE TABLE metadata (name text, value text);
        CREATE TABLE images (tile_data blob, tile_id text);
        CREATE TABLE map (zoom_level integer, tile_column integer, tile_row integer, tile_id text);
        CREATE UNIQUE INDEX name ON metadata (name);
        CREATE UNIQUE INDEX map_index ON map (zoom_level, tile_column, tile_row);
        CREATE UNIQUE INDEX images_id ON images (tile_id);
        CREATE VIEW tiles AS SELECT map.zoom_level AS zoom_level, map.tile_column AS tile_column, map.tile_row
            AS tile_row, images.tile_data AS tile_data FROM map JOIN images ON images.tile_id = map.tile_id
        """
    )
    db.fill("metadata", [("name", "x"), ("minzoom", "0"), ("bounds", "-180.0,-85,180,85")])
    db.fill("images", [(b"\x1f\x8b\x00", "a"), (b"", "b")])
    db.fill("map", [(0, 0, 0, "a"), (1, 0, 1, "b")])


@specimen("applications")
def geopackage_with_rtree_and_spatial_triggers(db: Maker) -> None:
    db.run(
        """
        PRAGMA application_id=1196444487;
        CREATE TABLE gpkg_spatial_ref_sys (srs_name TEXT NOT NULL, srs_id INTEGER NOT NULL PRIMARY KEY,
            organization TEXT NOT NULL, definition TEXT NOT NULL, description TEXT);
        CREATE TABLE gpkg_contents (table_name TEXT NOT NULL PRIMARY KEY, data_type TEXT NOT NULL, identifier
            TEXT UNIQUE, last_change DATETIME NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ','now')), min_x
            DOUBLE, srs_id INTEGER, CONSTRAINT fk_gc_r_srs_id FOREIGN KEY (srs_id) REFERENCES
            gpkg_spatial_ref_sys(srs_id));
        CREATE TABLE roads (fid INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL, geom LINESTRING, name TEXT(50),
            lanes MEDIUMINT, paved BOOLEAN, built DATE);
        CREATE VIRTUAL TABLE rtree_roads_geom USING rtree(id, minx, maxx, miny, maxy);
        INSERT INTO gpkg_spatial_ref_sys
            VALUES('WGS 84',4326,'EPSG','GEOGCS[]',NULL),('Undefined',-1,'NONE','undefined',NULL);
        INSERT INTO gpkg_contents VALUES('roads','features','roads','2024-01-01T00:00:00.000Z',-1.5,4326);
        INSERT INTO roads VALUES(1,x'47500001E6100000','A1',4,1,'1999-01-01'),(2,NULL,NULL,NULL,0,NULL);
        INSERT INTO rtree_roads_geom VALUES(1,0,1,0,1);
        CREATE TRIGGER rtree_roads_geom_insert AFTER INSERT ON roads WHEN (new.geom NOT NULL AND NOT
            ST_IsEmpty(NEW.geom)) BEGIN INSERT OR REPLACE INTO rtree_roads_geom VALUES (NEW.fid,
            ST_MinX(NEW.geom), ST_MaxX(NEW.geom), ST_MinY(NEW.geom), ST_MaxY(NEW.geom)); END;
        CREATE TRIGGER gpkg_tile_check BEFORE INSERT ON gpkg_contents FOR EACH ROW BEGIN SELECT RAISE(ABORT,
            'bad name') WHERE NEW.table_name GLOB '*[!a-z]*'; END
        """
    )


@specimen("applications")
def fossil_repository(db: Maker) -> None:
    db.run(
        """
        PRAGMA application_id=252006673;
        CREATE TABLE blob(rid INTEGER PRIMARY KEY, rcvid INTEGER, size INTEGER, uuid TEXT UNIQUE NOT NULL,
            content BLOB, CHECK( length(uuid)>=40 AND rid>0 ));
        CREATE TABLE delta(rid INTEGER PRIMARY KEY, srcid INTEGER NOT NULL REFERENCES blob);
        CREATE TABLE event(type TEXT, mtime DATETIME, objid INTEGER PRIMARY KEY, user TEXT, comment TEXT,
            bgcolor TEXT, omtime DATETIME);
        CREATE TABLE config(name TEXT PRIMARY KEY NOT NULL, value CLOB, mtime DATE, CHECK( typeof(name)='text'
            AND length(name)>=1 )) WITHOUT ROWID;
        CREATE TABLE private(rid INTEGER PRIMARY KEY);
        CREATE INDEX delta_i1 ON delta(srcid);
        CREATE INDEX event_i1 ON event(mtime);
        CREATE VIEW artifact(rid,rcvid,size,atype,srcid,hash,content) AS SELECT
            blob.rid,rcvid,size,1,srcid,uuid,content FROM blob LEFT JOIN delta ON (blob.rid=delta.rid)
        """
    )
    db.fill("blob", [(1, 1, 10, "a" * 40, b"\x00\x00\x00\x0ax\x9c"), (2, 1, -1, "b" * 64, None)])
    db.fill("delta", [(2, 1)])
    db.fill(
        "event",
        [("ci", 2460000.123456789, 1, "drh", "first", None, None), ("w", 2460001.5, 2, "drh", "", "#fff", 2460000.0)],
    )
    db.fill("config", [("project-name", "x", 1700000000), ("password", b"\x01", 1700000001.5)])


@specimen("applications")
def anki_with_a_collation_that_is_not_available(db: Maker) -> None:
    db.connection.create_collation("unicase", lambda a, b: (a.lower() > b.lower()) - (a.lower() < b.lower()))
    db.run(
        """
        CREATE TABLE col (id integer PRIMARY KEY, crt integer NOT NULL, mod integer NOT NULL, conf text NOT
            NULL);
        CREATE TABLE notes (id integer PRIMARY KEY, guid text NOT NULL, mid integer NOT NULL, tags text NOT
            NULL, flds text NOT NULL, sfld integer NOT NULL, csum integer NOT NULL, flags integer NOT NULL, data
            text NOT NULL);
        CREATE INDEX ix_notes_csum ON notes (csum);
        CREATE TABLE notetypes (id integer NOT NULL PRIMARY KEY, name text NOT NULL COLLATE unicase, mtime_secs
            integer NOT NULL, config blob NOT NULL);
        CREATE UNIQUE INDEX idx_notetypes_name ON notetypes (name);
        CREATE TABLE tags (tag text NOT NULL PRIMARY KEY COLLATE unicase, usn integer NOT NULL) without rowid;
        CREATE TABLE fields (ntid integer NOT NULL, ord integer NOT NULL, name text NOT NULL COLLATE unicase,
            PRIMARY KEY (ntid, ord)) without rowid;
        CREATE UNIQUE INDEX idx_fields_name_ntid ON fields (name, ntid)
        """
    )
    db.fill("col", [(1, 1700000000, 1700000000123, "{}")])
    db.fill(
        "notes",
        [
            (1700000000123, "abc", 1, " tag ", "front\x1fback", "front", 123456789, 0, ""),
            (1700000000124, "d", 1, "", "7\x1f8", 7, 1, 0, ""),
        ],
    )
    db.fill("notetypes", [(1, "Basic", 0, b"\x08\x01"), (2, "Cloze", 0, b"")])
    db.fill("tags", [("Math", 0), ("bio", 0)])
    db.fill("fields", [(1, 0, "Front"), (1, 1, "Back")])


@specimen("applications")
def calibre_with_custom_functions_in_triggers_and_views(db: Maker) -> None:
    db.run(
        """
        CREATE TABLE books (id INTEGER PRIMARY KEY AUTOINCREMENT, title TEXT NOT NULL DEFAULT 'Unknown' COLLATE
            NOCASE, sort TEXT COLLATE NOCASE, timestamp TIMESTAMP DEFAULT CURRENT_TIMESTAMP, pubdate TIMESTAMP
            DEFAULT CURRENT_TIMESTAMP, series_index REAL NOT NULL DEFAULT 1.0, uuid TEXT, has_cover BOOL DEFAULT
            0, last_modified TIMESTAMP NOT NULL DEFAULT "2000-01-01 00:00:00+00:00");
        CREATE TABLE ratings (id INTEGER PRIMARY KEY, rating INTEGER CHECK(rating > -1 AND rating < 11), UNIQUE
            (rating));
        CREATE TABLE authors (id INTEGER PRIMARY KEY, name TEXT NOT NULL COLLATE NOCASE, sort TEXT COLLATE
            NOCASE, UNIQUE(name));
        CREATE TABLE books_authors_link (id INTEGER PRIMARY KEY, book INTEGER NOT NULL, author INTEGER NOT NULL,
            UNIQUE(book, author));
        INSERT INTO books(id,title,timestamp,pubdate,uuid,has_cover)
            VALUES(1,'Sea','2024-01-01 10:00:00.123456+00:00','0101-01-01 00:00:00+00:00',
            'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11',1);
        INSERT INTO authors VALUES(1,'Ann','Ann');
        INSERT INTO books_authors_link VALUES(1,1,1);
        INSERT INTO ratings VALUES(1,10);
        CREATE TRIGGER books_insert_trg AFTER INSERT ON books BEGIN UPDATE books SET
            sort=title_sort(NEW.title),uuid=uuid4() WHERE id=NEW.id; END;
        CREATE TRIGGER fkc_insert BEFORE INSERT ON books_authors_link BEGIN SELECT CASE WHEN (SELECT id from
            books WHERE id=NEW.book) IS NULL THEN RAISE(ABORT, 'Foreign key violation: book not in books') END;
            END;
        CREATE VIEW meta AS SELECT id, title, (SELECT sortconcat(bal.id, name) FROM books_authors_link AS bal
            JOIN authors ON(author = authors.id) WHERE book = books.id) authors FROM books
        """
    )


@specimen("applications")
def zotero(db: Maker) -> None:
    db.run(
        """
        CREATE TABLE itemTypes (itemTypeID INTEGER PRIMARY KEY, typeName TEXT, templateItemTypeID INT, display
            INT DEFAULT 1);
        CREATE TABLE items (itemID INTEGER PRIMARY KEY, itemTypeID INT NOT NULL, dateAdded TIMESTAMP NOT NULL
            DEFAULT CURRENT_TIMESTAMP, libraryID INT NOT NULL, key TEXT NOT NULL, synced INT NOT NULL DEFAULT 0,
            UNIQUE (libraryID, key), FOREIGN KEY (libraryID) REFERENCES libraries(libraryID) ON DELETE CASCADE);
        CREATE TABLE libraries (libraryID INTEGER PRIMARY KEY, type TEXT NOT NULL, editable INT NOT NULL);
        CREATE TABLE itemDataValues (valueID INTEGER PRIMARY KEY, value UNIQUE);
        CREATE TABLE itemNotes (itemID INTEGER PRIMARY KEY, parentItemID INT, note TEXT, FOREIGN KEY (itemID)
            REFERENCES items(itemID) ON DELETE CASCADE, FOREIGN KEY (parentItemID) REFERENCES items(itemID) ON
            DELETE CASCADE);
        CREATE TABLE settings (setting TEXT, key TEXT, value, PRIMARY KEY (setting, key));
        CREATE TRIGGER fki_itemNotes BEFORE INSERT ON itemNotes BEGIN SELECT RAISE(ABORT,
            'insert on table "itemNotes" violates foreign key') WHERE NEW.itemID = NEW.parentItemID; END
        """
    )
    db.fill("itemTypes", [(1, "note", None, 1)])
    db.fill("libraries", [(1, "user", 1)])
    db.fill("items", [(1, 1, "2024-01-01 00:00:00", 1, "ABCD2345", 0), (2, 1, "2024-01-01 00:00:01", 1, "ABCD2346", 1)])
    db.fill("itemDataValues", [(1, "Title"), (2, 2024), (3, "2024"), (4, 1.5), (5, None), (6, None)])
    db.fill("itemNotes", [(1, 2, "<p>x</p>"), (2, None, "")])
    db.fill("settings", [("account", "userID", 123), ("account", "username", "x"), (None, "y", b"\x00")])


@specimen("applications")
def home_assistant_recorder(db: Maker) -> None:
    db.run(
        """
        CREATE TABLE states_meta (metadata_id INTEGER NOT NULL, entity_id VARCHAR(255), PRIMARY KEY
            (metadata_id));
        CREATE TABLE state_attributes (attributes_id INTEGER NOT NULL, hash BIGINT, shared_attrs TEXT, PRIMARY
            KEY (attributes_id));
        CREATE TABLE states (state_id INTEGER NOT NULL, entity_id CHAR(0), state VARCHAR(255), attributes
            CHAR(0), last_changed CHAR(0), last_changed_ts FLOAT, last_updated_ts FLOAT, old_state_id INTEGER,
            attributes_id INTEGER, context_id_bin BLOB, metadata_id INTEGER, PRIMARY KEY (state_id), FOREIGN
            KEY(old_state_id) REFERENCES states (state_id), FOREIGN KEY(attributes_id) REFERENCES
            state_attributes (attributes_id), FOREIGN KEY(metadata_id) REFERENCES states_meta (metadata_id));
        CREATE INDEX ix_states_metadata_id_last_updated_ts ON states (metadata_id, last_updated_ts);
        CREATE TABLE recorder_runs (run_id INTEGER NOT NULL, start DATETIME NOT NULL, "end" DATETIME,
            closed_incorrect BOOLEAN NOT NULL, PRIMARY KEY (run_id));
        CREATE TABLE statistics (id INTEGER NOT NULL, start_ts FLOAT, mean FLOAT, "sum" FLOAT, metadata_id
            INTEGER, PRIMARY KEY (id));
        CREATE UNIQUE INDEX ix_statistics_statistic_id_start_ts ON statistics (metadata_id, start_ts)
        """
    )
    db.fill("states_meta", [(1, "sensor.x")])
    db.fill("state_attributes", [(1, 3163714817, '{"unit":"°C"}')])
    rows = [
        (
            i,
            None,
            f"{20 + i / 7:.2f}" if i % 9 else "unavailable",
            None,
            None,
            None,
            1700000000.123456 + i,
            i - 1 or None,
            1,
            bytes(range(16)),
            1,
        )
        for i in range(1, 200)
    ]
    db.fill("states", rows)
    db.fill("recorder_runs", [(1, "2024-01-01 00:00:00.123456", None, 0)])
    db.fill("statistics", [(1, 1700000000.0, 20.1, None, 1), (2, 1700003600.0, 1 / 3, 1e22, 1)])


@specimen("applications")
def grafana_with_backtick_types_and_enough_defaults(db: Maker) -> None:
    db.run(
        """
        CREATE TABLE `migration_log` (`id` INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL, `sql` TEXT NOT NULL,
            `success` INTEGER NOT NULL, `timestamp` DATETIME NOT NULL);
        CREATE TABLE `user` (`id` INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL, `login` TEXT NOT NULL, `is_admin`
            INTEGER NOT NULL, `created` DATETIME NOT NULL, `help_flags1` INTEGER NOT NULL DEFAULT 0, `uid` TEXT
            NULL);
        CREATE UNIQUE INDEX `UQE_user_login` ON `user` (`login`);
        CREATE TABLE `dashboard` (`id` INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL, `data` TEXT NOT NULL,
            `folder_id` INTEGER NOT NULL DEFAULT 0, `is_folder` INTEGER NOT NULL DEFAULT 0);
        CREATE TABLE `data_source` (`id` INTEGER PRIMARY KEY, `basic_auth` INTEGER NOT NULL, `updated` DATETIME
            NOT NULL, `read_only` INTEGER NULL);
        CREATE INDEX `IDX_dashboard_folder_id` ON `dashboard` (`folder_id`)
        """
    )
    db.fill(
        "migration_log",
        [(1, "CREATE TABLE x", 1, "2024-01-01 10:00:00"), (2, "code migration", 1, "2024-01-01T10:00:00Z")],
    )
    db.fill("user", [(1, "admin", 1, "2024-01-01 10:00:00", 0, "")])
    db.fill("dashboard", [(1, '{"panels":[]}', 0, 0)])
    db.fill("data_source", [(1, 0, "2024-01-01 10:00:00.123456789+00:00", None)])


@specimen("applications")
def ipython_history_and_mlflow(db: Maker) -> None:
    db.run(
        """
        CREATE TABLE sessions (session integer primary key autoincrement, start timestamp, end timestamp,
            num_cmds integer, remark text);
        CREATE TABLE history (session integer, line integer, source text, source_raw text, PRIMARY KEY (session,
            line));
        CREATE TABLE experiments (experiment_id INTEGER NOT NULL, name VARCHAR(256) NOT NULL, lifecycle_stage
            VARCHAR(32), creation_time BIGINT, CONSTRAINT experiment_pk PRIMARY KEY (experiment_id), UNIQUE
            (name), CONSTRAINT experiments_lifecycle_stage CHECK (lifecycle_stage IN ('active', 'deleted')));
        CREATE TABLE metrics (key VARCHAR(250) NOT NULL, value FLOAT NOT NULL, timestamp BIGINT NOT NULL,
            run_uuid VARCHAR(32) NOT NULL, step BIGINT DEFAULT '0' NOT NULL, is_nan BOOLEAN DEFAULT '0' NOT
            NULL, CONSTRAINT metric_pk PRIMARY KEY (key, timestamp, step, run_uuid, value, is_nan), CHECK
            (is_nan IN (0, 1)))
        """
    )
    db.fill(
        "sessions",
        [(1, "2024-01-01 10:00:00.123456", None, None, ""), (2, "2024-01-01 11:00:00", "2024-01-01 12:00:00", 3, "x")],
    )
    db.fill("history", [(1, 1, "print(1)", "print(1)"), (1, 2, "%ls\n\tx", "%ls")])
    db.fill("experiments", [(0, "Default", "active", 1700000000123)])
    db.fill(
        "metrics",
        [
            ("loss", 0.1, 1700000000123, "a0eebc999c0b4ef8bb6d6bb9bd380a11", 0, 0),
            ("loss", 1e308, 1700000000124, "a0eebc999c0b4ef8bb6d6bb9bd380a11", 1, 0),
        ],
    )
