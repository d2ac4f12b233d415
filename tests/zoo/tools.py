"""Databases of tools and media libraries, for what is unusual in their columns, views and triggers."""

from __future__ import annotations

import uuid

from zoo.registry import Maker, specimen


@specimen("applications")
def pihole_with_views_that_ask_for_the_class_of_a_value(db: Maker) -> None:
    db.run(
        """
        CREATE TABLE IF NOT EXISTS "query_storage" (id INTEGER PRIMARY KEY AUTOINCREMENT, timestamp INTEGER
            NOT NULL, type INTEGER NOT NULL, status INTEGER NOT NULL, domain TEXT NOT NULL, client TEXT NOT
            NULL, forward TEXT, additional_info TEXT, reply_type INTEGER, reply_time REAL, dnssec INTEGER,
            list_id INTEGER, ede INTEGER);
        CREATE TABLE ftl (id INTEGER PRIMARY KEY NOT NULL, value BLOB NOT NULL, description TEXT);
        CREATE TABLE counters (id INTEGER PRIMARY KEY NOT NULL, value INTEGER NOT NULL);
        CREATE TABLE domain_by_id (id INTEGER PRIMARY KEY, domain TEXT NOT NULL);
        CREATE UNIQUE INDEX domain_by_id_domain_idx ON domain_by_id(domain);
        CREATE TABLE client_by_id (id INTEGER PRIMARY KEY, ip TEXT NOT NULL, name TEXT);
        CREATE UNIQUE INDEX client_by_id_client_idx ON client_by_id(ip,name);
        CREATE TABLE forward_by_id (id INTEGER PRIMARY KEY, forward TEXT NOT NULL);
        CREATE TABLE addinfo_by_id (id INTEGER PRIMARY KEY, type INTEGER NOT NULL, content NOT NULL);
        CREATE VIEW queries AS SELECT id, timestamp, type, status, CASE typeof(domain) WHEN 'integer' THEN
            (SELECT domain FROM domain_by_id d WHERE d.id = q.domain) ELSE domain END domain, CASE
            typeof(client) WHEN 'integer' THEN (SELECT ip FROM client_by_id c WHERE c.id = q.client) ELSE
            client END client, CASE typeof(forward) WHEN 'integer' THEN (SELECT forward FROM forward_by_id f
            WHERE f.id = q.forward) ELSE forward END forward, CASE typeof(additional_info) WHEN 'integer'
            THEN (SELECT content FROM addinfo_by_id a WHERE a.id = q.additional_info) ELSE additional_info
            END additional_info, reply_type, reply_time, dnssec, list_id FROM query_storage q;
        CREATE TRIGGER tr_queries_insert INSTEAD OF INSERT ON queries BEGIN INSERT INTO query_storage
            (timestamp,type,status,domain,client) VALUES (NEW.timestamp, NEW.type, NEW.status, NEW.domain,
            NEW.client); END;
        CREATE TABLE network (id INTEGER PRIMARY KEY NOT NULL, hwaddr TEXT UNIQUE NOT NULL, interface TEXT
            NOT NULL, firstSeen INTEGER NOT NULL, lastQuery INTEGER NOT NULL, numQueries INTEGER NOT NULL,
            macVendor TEXT, aliasclient_id INTEGER);
        CREATE TABLE network_addresses (network_id INTEGER NOT NULL, ip TEXT UNIQUE NOT NULL, lastSeen
            INTEGER NOT NULL DEFAULT (cast(strftime('%s', 'now') as int)), name TEXT, nameUpdated INTEGER,
            FOREIGN KEY(network_id) REFERENCES network(id));
        CREATE TABLE "group" (id INTEGER PRIMARY KEY AUTOINCREMENT, enabled BOOLEAN NOT NULL DEFAULT 1, name
            TEXT UNIQUE NOT NULL, date_added INTEGER NOT NULL DEFAULT (cast(strftime('%s', 'now') as int)),
            date_modified INTEGER NOT NULL DEFAULT (cast(strftime('%s', 'now') as int)), description TEXT);
        CREATE TABLE domainlist (id INTEGER PRIMARY KEY AUTOINCREMENT, type INTEGER NOT NULL DEFAULT 0,
            domain TEXT NOT NULL, enabled BOOLEAN NOT NULL DEFAULT 1, date_added INTEGER NOT NULL DEFAULT
            (cast(strftime('%s', 'now') as int)), comment TEXT, UNIQUE(domain, type));
        CREATE TABLE domainlist_by_group (domainlist_id INTEGER NOT NULL REFERENCES domainlist (id), group_id
            INTEGER NOT NULL REFERENCES "group" (id), PRIMARY KEY (domainlist_id, group_id));
        CREATE TRIGGER tr_domainlist_add AFTER INSERT ON domainlist BEGIN INSERT INTO domainlist_by_group
            (domainlist_id, group_id) VALUES (NEW.id, 0); END;
        CREATE TRIGGER tr_domainlist_update AFTER UPDATE ON domainlist BEGIN UPDATE domainlist SET date_added
            = (cast(strftime('%s', 'now') as int)) WHERE domain = NEW.domain; END;
        CREATE TRIGGER tr_group_zero AFTER DELETE ON "group" BEGIN INSERT OR IGNORE INTO "group"
            (id,enabled,name) VALUES (0,1,'Default'); END;
        CREATE VIEW vw_whitelist AS SELECT domain, domainlist.id AS id, domainlist_by_group.group_id AS
            group_id FROM domainlist LEFT JOIN domainlist_by_group ON domainlist_by_group.domainlist_id =
            domainlist.id LEFT JOIN "group" ON "group".id = domainlist_by_group.group_id WHERE
            domainlist.enabled = 1 AND (domainlist_by_group.group_id IS NULL OR "group".enabled = 1) AND
            domainlist.type = 0 ORDER BY domainlist.id;
        """
    )
    db.run("INSERT INTO \"group\" VALUES(0,1,'Default',1700000000,1700000000,'The default group')")
    db.fill(
        "ftl", [(0, 19, "Database version"), (1, 1700000000, None), (2, 1.5, "x"), (3, b"abc", None), (4, "txt", None)]
    )
    db.fill("counters", [(0, 5)])
    db.run(
        """
        INSERT INTO
            query_storage(timestamp,type,status,domain,client,forward,additional_info,reply_type,reply_time)
            VALUES(1700000000,1,2,1,1,1,1,4,0.000123),(1700000000.123,2,3,'x.y','::1',NULL,NULL,NULL,NULL)
        """
    )
    db.fill("domain_by_id", [(1, "example.org")])
    db.fill("client_by_id", [(1, "10.0.0.1", "pc"), (2, "10.0.0.2", None), (3, "10.0.0.2", None)])
    db.fill("forward_by_id", [(1, "1.1.1.1#53")])
    db.fill("addinfo_by_id", [(1, 1, "cname"), (2, 2, 7)])
    db.fill("network", [(1, "ip-::1", "lo", 1700000000, 0, 0, "", None)])
    db.fill("network_addresses", [(1, "::1", 1700000000, None, 0)])
    db.run("INSERT INTO domainlist(type,domain) VALUES(0,'a.b'),(3,'(^|\\.)x$')")


@specimen("applications")
def subversion_working_copy(db: Maker) -> None:
    db.run(
        """
        CREATE TABLE REPOSITORY ( id INTEGER PRIMARY KEY AUTOINCREMENT, root TEXT UNIQUE NOT NULL, uuid TEXT
            NOT NULL );
        CREATE INDEX I_UUID ON REPOSITORY (uuid);
        CREATE TABLE WCROOT ( id INTEGER PRIMARY KEY AUTOINCREMENT, local_abspath TEXT UNIQUE );
        CREATE UNIQUE INDEX I_LOCAL_ABSPATH ON WCROOT (local_abspath);
        CREATE TABLE PRISTINE ( checksum TEXT NOT NULL PRIMARY KEY, compression INTEGER, size INTEGER NOT
            NULL, refcount INTEGER NOT NULL, md5_checksum TEXT NOT NULL );
        CREATE TABLE NODES ( wc_id INTEGER NOT NULL REFERENCES WCROOT (id), local_relpath TEXT NOT NULL,
            op_depth INTEGER NOT NULL, parent_relpath TEXT, repos_id INTEGER REFERENCES REPOSITORY (id),
            repos_path TEXT, revision INTEGER, presence TEXT NOT NULL, moved_here INTEGER, moved_to TEXT,
            kind TEXT NOT NULL, properties BLOB, depth TEXT, checksum TEXT REFERENCES PRISTINE (checksum),
            symlink_target TEXT, changed_revision INTEGER, changed_date INTEGER, changed_author TEXT,
            translated_size INTEGER, last_mod_time INTEGER, dav_cache BLOB, file_external INTEGER,
            inherited_props BLOB, PRIMARY KEY (wc_id, local_relpath, op_depth) );
        CREATE UNIQUE INDEX I_NODES_PARENT ON NODES (wc_id, parent_relpath, local_relpath, op_depth);
        CREATE UNIQUE INDEX I_NODES_MOVED ON NODES (wc_id, moved_to, op_depth);
        CREATE VIEW NODES_CURRENT AS SELECT * FROM nodes AS n WHERE op_depth = (SELECT MAX(op_depth) FROM
            nodes AS n2 WHERE n2.wc_id = n.wc_id AND n2.local_relpath = n.local_relpath);
        CREATE VIEW NODES_BASE AS SELECT * FROM nodes WHERE op_depth = 0;
        CREATE TRIGGER nodes_insert_trigger AFTER INSERT ON nodes WHEN NEW.checksum IS NOT NULL BEGIN UPDATE
            pristine SET refcount = refcount + 1 WHERE checksum = NEW.checksum; END;
        CREATE TRIGGER nodes_update_checksum_trigger AFTER UPDATE OF checksum ON nodes WHEN NEW.checksum IS
            NOT OLD.checksum BEGIN UPDATE pristine SET refcount = refcount + 1 WHERE checksum = NEW.checksum;
            UPDATE pristine SET refcount = refcount - 1 WHERE checksum = OLD.checksum; END;
        CREATE TABLE LOCK ( repos_id INTEGER NOT NULL REFERENCES REPOSITORY (id), repos_relpath TEXT NOT
            NULL, lock_token TEXT NOT NULL, lock_owner TEXT, lock_comment TEXT, lock_date INTEGER, PRIMARY
            KEY (repos_id, repos_relpath) );
        CREATE TABLE WORK_QUEUE ( id INTEGER PRIMARY KEY AUTOINCREMENT, work BLOB NOT NULL );
        """
    )
    db.fill("REPOSITORY", [(1, "https://svn/x", "d7b3c1c0-0000-4000-8000-000000000001")])
    db.fill("WCROOT", [(1, None)])
    db.fill("PRISTINE", [("$sha1$abc", None, 5, 0, "$md5 $d41d")])
    db.fill(
        "NODES",
        [
            (
                1,
                "",
                0,
                None,
                1,
                "",
                5,
                "normal",
                None,
                None,
                "dir",
                b"()",
                "infinity",
                None,
                None,
                5,
                1700000000123456,
                "me",
                None,
                None,
                None,
                None,
                None,
            ),
            (
                1,
                "ä b",
                0,
                "",
                1,
                "ä b",
                5,
                "normal",
                None,
                None,
                "file",
                None,
                None,
                "$sha1$abc",
                None,
                5,
                1700000000123456,
                None,
                5,
                1700000000123456,
                None,
                None,
                None,
            ),
        ],
    )


@specimen("applications")
def jellyfin_with_guids_as_text_and_blob(db: Maker) -> None:
    db.run(
        """
        CREATE TABLE "__EFMigrationsHistory" ("MigrationId" TEXT NOT NULL CONSTRAINT
            "PK___EFMigrationsHistory" PRIMARY KEY, "ProductVersion" TEXT NOT NULL);
        CREATE TABLE "Users" ("Id" TEXT NOT NULL CONSTRAINT "PK_Users" PRIMARY KEY, "Username" TEXT COLLATE
            NOCASE NOT NULL, "Password" TEXT NULL, "MustUpdatePassword" INTEGER NOT NULL, "LastLoginDate"
            TEXT NULL, "RowVersion" INTEGER NOT NULL, "Price" TEXT NOT NULL DEFAULT '0.0', "Span" TEXT NULL,
            "Blob" BLOB NULL);
        CREATE UNIQUE INDEX "IX_Users_Username" ON "Users" ("Username");
        CREATE TABLE "BaseItems" ("Id" TEXT NOT NULL CONSTRAINT "PK_BaseItems" PRIMARY KEY, "Type" TEXT NOT
            NULL, "ParentId" TEXT NULL, "DateCreated" TEXT NULL, "CommunityRating" REAL NULL, "IsFolder"
            INTEGER NOT NULL, "RunTimeTicks" INTEGER NULL, "Data" TEXT NULL, CONSTRAINT "FK_P" FOREIGN KEY
            ("ParentId") REFERENCES "BaseItems" ("Id") ON DELETE CASCADE);
        CREATE TABLE "ItemValuesMap" ("ItemId" TEXT NOT NULL, "ItemValueId" TEXT NOT NULL, CONSTRAINT
            "PK_ItemValuesMap" PRIMARY KEY ("ItemValueId", "ItemId"), CONSTRAINT "FK_I" FOREIGN KEY
            ("ItemId") REFERENCES "BaseItems" ("Id") ON DELETE CASCADE);
        CREATE TABLE "ActivityLogs" ("Id" INTEGER NOT NULL CONSTRAINT "PK_ActivityLogs" PRIMARY KEY
            AUTOINCREMENT, "DateCreated" TEXT NOT NULL, "LogSeverity" INTEGER NOT NULL, "ItemId" TEXT COLLATE
            NOCASE NULL, "RowVersion" INTEGER NOT NULL);
        CREATE TABLE TypedBaseItems (guid GUID primary key NOT NULL, type TEXT NOT NULL, data BLOB NULL,
            ParentId GUID NULL, Path TEXT NULL, StartDate DATETIME NULL, IsFolder BIT NULL, UserDataKey TEXT
            NULL);
        CREATE TABLE UserDatas (key nvarchar not null, userId INT not null, rating float null, played bit not
            null, playCount int not null, lastPlayedDate datetime null);
        CREATE UNIQUE INDEX UserDatasIndex1 on UserDatas (key, userId);
        """
    )
    guid = "D7B3C1C0-0000-4000-8000-00000000000"
    db.fill("__EFMigrationsHistory", [("20240101000000_Init", "8.0.0")])
    db.fill(
        "Users",
        [
            (guid + "A", "Ann", "x", 0, "2024-01-01 10:00:00.1234567", 1, "12.50", "1.02:03:04.5000000", b"\1"),
            (guid + "B", "bob", None, 1, None, 0, "0.0", "00:00:01", None),
        ],
    )
    db.fill(
        "BaseItems",
        [
            (guid + "1", "Folder", None, "2024-01-01 10:00:00", None, 1, None, None),
            (guid + "2", "Movie", guid + "1", "2024-01-01 10:00:00.5", 7.5, 0, 72000000000, '{"a":1}'),
            (guid + "2".lower()[:-1] + "f", "x", None, None, 8, 0, 1, "x"),
        ],
    )
    db.fill("ItemValuesMap", [(guid + "2", guid + "C")])
    db.fill("ActivityLogs", [(1, "2024-01-01 10:00:00.1234567", 2, None, 0), (2, "0001-01-01 00:00:00", 2, "", 0)])
    u = uuid.UUID(guid + "1")
    db.fill(
        "TypedBaseItems",
        [
            (u.bytes, "t", b'{"x":1}', None, "/a", "2024-01-01 10:00:00Z", 0, "k"),
            (uuid.UUID(guid + "2").bytes, "t", None, u.bytes, None, "2024-01-01T10:00:00.0000000Z", None, None),
        ],
    )
    db.fill("UserDatas", [("k", 1, None, 1, 1, "2024-01-01 10:00:00Z"), ("K", 1, 5, 0, 0, None)])


@specimen("applications")
def lightroom_without_column_types(db: Maker) -> None:
    db.run(
        """
        CREATE TABLE Adobe_images ( id_local INTEGER PRIMARY KEY, id_global UNIQUE NOT NULL, aspectRatioCache
            NOT NULL DEFAULT -1, bitDepth NOT NULL DEFAULT 0, captureTime, colorLabels NOT NULL DEFAULT '',
            fileFormat NOT NULL DEFAULT 'unset', fileHeight, orientation, pick NOT NULL DEFAULT 0, rating,
            rootFile INTEGER NOT NULL DEFAULT 0, touchTime NOT NULL DEFAULT 0, propertiesCache );
        CREATE TABLE Adobe_variablesTable ( id_local INTEGER PRIMARY KEY, id_global UNIQUE NOT NULL, name,
            type, value NOT NULL DEFAULT '' );
        CREATE TABLE AgLibraryFile ( id_local INTEGER PRIMARY KEY, id_global UNIQUE NOT NULL, baseName NOT
            NULL DEFAULT '', externalModTime, folder INTEGER NOT NULL DEFAULT 0, idx_filename NOT NULL
            DEFAULT '', lc_idx_filename NOT NULL DEFAULT '', md5, modTime );
        CREATE INDEX index_Adobe_images_rating_captureTime ON Adobe_images( rating, captureTime );
        CREATE UNIQUE INDEX index_AgLibraryFile_nameAndFolder ON AgLibraryFile( lc_idx_filename, folder );
        CREATE TABLE AgHarvestedExifMetadata ( id_local INTEGER PRIMARY KEY, image INTEGER, aperture,
            cameraModelRef INTEGER, dateDay, dateMonth, dateYear, flashFired INTEGER, focalLength,
            gpsLatitude, gpsLongitude, hasGPS INTEGER, shutterSpeed );
        CREATE TRIGGER trigger_AgLibraryFile_del AFTER DELETE ON AgLibraryFile FOR EACH ROW BEGIN DELETE FROM
            Adobe_images WHERE rootFile = OLD.id_local; END;
        CREATE TRIGGER trigger_lc AFTER INSERT ON AgLibraryFile WHEN NEW.lc_idx_filename = '' BEGIN UPDATE
            AgLibraryFile SET lc_idx_filename = lower(NEW.idx_filename) WHERE id_local = NEW.id_local; END;
        """
    )
    db.fill(
        "Adobe_images",
        [
            (
                1,
                "AAAA1111-2222-4333-8444-555566667777",
                1.5,
                8,
                "2024-01-01T10:00:00",
                "Rot",
                "RAW",
                4000,
                "AB",
                0,
                5,
                1,
                726000000.123,
                None,
            ),
            (
                2,
                "BBBB1111-2222-4333-8444-555566667777",
                -1,
                16,
                "2024-01-01T10:00:00.5",
                "",
                "JPG",
                4000.0,
                "",
                1.0,
                None,
                2,
                0,
                "x",
            ),
            (3, "CCCC", 1, 0, "2019", "", "", None, None, -1, 3, 3, 1, None),
        ],
    )
    db.fill(
        "Adobe_variablesTable",
        [(1, "a", "v", "t", "1"), (2, "b", None, None, 2), (3, "c", None, None, 2.5), (4, "d", None, None, b"\0\1")],
    )
    db.fill(
        "AgLibraryFile",
        [(1, "x", "IMG", 726000000.0, 1, "IMG.CR2", "img.cr2", "d41d8cd98f00b204c9800998ecf8427e", None)],
    )
    db.fill("AgHarvestedExifMetadata", [(1, 1, 4.0, 1, 1, 1, 2024, 0, 50, 52.5, 13.4, 1, -3.3219281)])


@specimen("applications")
def proj_catalogue_of_codes_that_are_numbers_or_words(db: Maker) -> None:
    db.run(
        """
        CREATE TABLE authority ( name TEXT NOT NULL PRIMARY KEY );
        CREATE TABLE unit_of_measure ( auth_name TEXT NOT NULL CHECK (length(auth_name) >= 1), code
            INTEGER_OR_TEXT NOT NULL CHECK (length(code) >= 1), name TEXT NOT NULL, conv_factor FLOAT,
            deprecated BOOLEAN NOT NULL CHECK (deprecated IN (0, 1)), CONSTRAINT pk_unit_of_measure PRIMARY
            KEY (auth_name, code) ) WITHOUT ROWID;
        CREATE TABLE ellipsoid ( auth_name TEXT NOT NULL, code INTEGER_OR_TEXT NOT NULL CHECK (length(code)
            >= 1), name TEXT NOT NULL, semi_major_axis FLOAT NOT NULL CHECK (semi_major_axis > 0),
            uom_auth_name TEXT NOT NULL, uom_code INTEGER_OR_TEXT NOT NULL, deprecated BOOLEAN NOT NULL CHECK
            (deprecated IN (0, 1)), CONSTRAINT pk_ellipsoid PRIMARY KEY (auth_name, code), CONSTRAINT
            fk_ellipsoid_uom FOREIGN KEY (uom_auth_name, uom_code) REFERENCES unit_of_measure(auth_name,
            code) ON DELETE CASCADE ) WITHOUT ROWID;
        CREATE TABLE scope ( auth_name TEXT NOT NULL, code INTEGER_OR_TEXT NOT NULL, scope TEXT NOT NULL,
            CONSTRAINT pk_scope PRIMARY KEY (auth_name, code) ) WITHOUT ROWID;
        CREATE TABLE usage ( auth_name TEXT, code INTEGER_OR_TEXT, object_table_name TEXT NOT NULL CHECK
            (object_table_name IN ('ellipsoid', 'unit_of_measure')), object_code INTEGER_OR_TEXT NOT NULL,
            CONSTRAINT pk_usage PRIMARY KEY (auth_name, code) );
        CREATE VIEW object_view AS SELECT 'unit_of_measure' AS table_name, auth_name, code, name, deprecated
            FROM unit_of_measure UNION ALL SELECT 'ellipsoid', auth_name, code, name, deprecated FROM
            ellipsoid UNION ALL SELECT 'scope', auth_name, code, scope, 0 FROM scope;
        CREATE VIEW authority_list AS SELECT DISTINCT auth_name FROM object_view UNION SELECT DISTINCT
            auth_name FROM scope;
        CREATE VIEW named AS SELECT o.auth_name || ':' || o.code AS id, length(o.code) AS digits, u.name FROM
            object_view o LEFT JOIN unit_of_measure u ON u.code = o.code AND u.auth_name = o.auth_name WHERE
            o.code NOT IN ('PROJString', '9001');
        CREATE TRIGGER usage_insert_trigger BEFORE INSERT ON usage FOR EACH ROW BEGIN SELECT RAISE(ABORT,
            'insert on usage violates constraint: (object_table_name, object_code) must exist') WHERE NOT
            EXISTS (SELECT 1 FROM object_view o WHERE o.table_name = NEW.object_table_name AND o.code =
            NEW.object_code); END;
        CREATE TRIGGER ellipsoid_insert_trigger BEFORE INSERT ON ellipsoid FOR EACH ROW BEGIN SELECT
            RAISE(ABORT, 'uom should not be deprecated') WHERE EXISTS (SELECT 1 FROM unit_of_measure u WHERE
            u.auth_name = NEW.uom_auth_name AND u.code = NEW.uom_code AND u.deprecated != 0) AND
            NEW.deprecated = 0; END;
        """
    )
    db.fill("authority", [("EPSG",), ("PROJ",)])
    db.fill(
        "unit_of_measure",
        [
            ("EPSG", 9001, "metre", 1.0, 0),
            ("EPSG", "9002", "foot", 0.3048, 0),
            ("PROJ", "m", "metre", 1, 0),
            ("PROJ", "1e", "odd", None, 1),
        ],
    )
    db.fill(
        "ellipsoid",
        [("EPSG", 7030, "WGS 84", 6378137.0, "EPSG", 9001, 0), ("EPSG", 7001, "Airy", 6377563.396, "EPSG", 9001, 0)],
    )
    db.fill("scope", [("PROJ", "SCOPE_UNKNOWN", "Not known."), ("EPSG", 1024, "Not known.")])
    db.fill(
        "usage",
        [("EPSG", 1, "ellipsoid", 7030), ("PROJ", "m_usage", "unit_of_measure", "m"), (None, None, "ellipsoid", 7001)],
    )
