"""Virtual tables, present and missing, with their shadow tables."""

from __future__ import annotations

import struct

import apsw

from zoo.registry import Maker, specimen


def _as_it_is(*arguments: apsw.SQLiteValue) -> apsw.SQLiteValue:
    return arguments[0]


@specimen("virtual")
def fts5_tables_of_every_content_mode_with_triggers(db: Maker) -> None:
    db.run(
        """
        CREATE TABLE doc(id INTEGER PRIMARY KEY, title TEXT, body TEXT);
        INSERT INTO doc VALUES(1,'Hello','World'),(2,'Bye','Moon');
        CREATE VIRTUAL TABLE plain USING fts5(title, body, tokenize='porter unicode61');
        INSERT INTO plain VALUES('own','content');
        CREATE VIRTUAL TABLE external USING fts5(title, body, content='doc', content_rowid='id');
        INSERT INTO external(external) VALUES('rebuild');
        CREATE VIRTUAL TABLE contentless USING fts5(a, content='');
        CREATE VIRTUAL TABLE grams USING fts5(x, tokenize='trigram');
        INSERT INTO grams VALUES('abcdef');
        CREATE VIRTUAL TABLE vocab USING fts5vocab('plain', 'row');
        CREATE TRIGGER doc_ai AFTER INSERT ON doc BEGIN INSERT INTO external(rowid,title,body)
            VALUES(new.id,new.title,new.body); END;
        CREATE TRIGGER doc_ad AFTER DELETE ON doc BEGIN INSERT INTO external(external,rowid,title,body)
            VALUES('delete',old.id,old.title,old.body); END
        """
    )


@specimen("virtual")
def fts3_and_fts4_tables(db: Maker) -> None:
    db.run(
        """
        CREATE VIRTUAL TABLE f3 USING fts3(a TEXT, b);
        CREATE VIRTUAL TABLE f4 USING fts4(a, b, tokenize=porter, prefix='2,4');
        CREATE TABLE src(docid INTEGER PRIMARY KEY, a TEXT);
        CREATE VIRTUAL TABLE f4x USING fts4(content='src', a);
        CREATE VIRTUAL TABLE aux USING fts4aux(f4);
        INSERT INTO f3 VALUES('x','y');
        INSERT INTO f4 VALUES('x','y');
        INSERT INTO src VALUES(1,'z')
        """
    )


@specimen("virtual")
def an_fts5_table_whose_content_table_is_gone(db: Maker) -> None:
    db.run(
        """
        CREATE TABLE doc(id INTEGER PRIMARY KEY, body TEXT);
        CREATE VIRTUAL TABLE lost USING fts5(body, content='doc');
        CREATE TABLE other(v);
        INSERT INTO other VALUES(1);
        DROP TABLE doc;
        CREATE TABLE narrow(id INTEGER PRIMARY KEY);
        CREATE VIRTUAL TABLE wrong USING fts5(no_such_column, content='narrow')
        """
    )


@specimen("virtual")
def rtrees_of_both_kinds_and_geopoly(db: Maker) -> None:
    db.run(
        """
        CREATE VIRTUAL TABLE r USING rtree(id, minx, maxx, miny, maxy, +label);
        CREATE VIRTUAL TABLE ri USING rtree_i32(id, a, b);
        INSERT INTO r VALUES(1,0,1,0,1,'box');
        INSERT INTO ri VALUES(1,2,3);
        CREATE VIRTUAL TABLE g USING geopoly(name);
        CREATE TABLE place(id INTEGER PRIMARY KEY, r_id INTEGER);
        INSERT INTO place VALUES(1,1)
        """
    )


@specimen("virtual")
def vec0_tables_without_the_module(db: Maker) -> None:
    db.run(
        """
        CREATE TABLE memory(id INTEGER PRIMARY KEY, body TEXT);
        INSERT INTO memory VALUES(1,'a'),(2,'b');
        CREATE TABLE vec_memory_chunks(chunk_id INTEGER PRIMARY KEY AUTOINCREMENT, size INTEGER NOT NULL,
            validity BLOB NOT NULL, rowids BLOB NOT NULL);
        CREATE TABLE vec_memory_rowids(rowid INTEGER PRIMARY KEY AUTOINCREMENT, id, chunk_id INTEGER,
            chunk_offset INTEGER);
        CREATE TABLE vec_memory_vector_chunks00(rowid PRIMARY KEY, vectors BLOB NOT NULL);
        CREATE TABLE vec_memory_info(key TEXT PRIMARY KEY, value ANY)
        """
    )
    # Two chunks of eight slots; the second slot of the first was deleted.
    for chunk, (validity, keys) in enumerate(((0b101, (1, 9, 2)), (0b1, (7,))), start=1):
        rowids = struct.pack("<8q", *keys, *(0,) * (8 - len(keys)))
        vectors = struct.pack("<32f", *(slot / 7 + chunk for slot in range(32)))
        db.run("INSERT INTO vec_memory_chunks VALUES(?,8,?,?)", (chunk, bytes([validity]), rowids))
        db.run("INSERT INTO vec_memory_vector_chunks00 VALUES(?,?)", (chunk, vectors))
    db.run(
        """
        INSERT INTO vec_memory_rowids VALUES(1,NULL,1,0),(2,NULL,1,2),(7,NULL,2,0);
        INSERT INTO vec_memory_info VALUES('CREATE_VERSION','v0.1.6')
        """
    )
    db.declare("table", "vec_memory", "CREATE VIRTUAL TABLE vec_memory USING vec0(embedding float[4])")


@specimen("virtual")
def modules_that_are_not_installed(db: Maker) -> None:
    db.run("CREATE TABLE kept(id INTEGER PRIMARY KEY, v TEXT); INSERT INTO kept VALUES(1,'x')")
    for name, module in (
        ("vss", "vss0(embedding(384))"),
        ("spatial", "VirtualSpatialIndex()"),
        ("zipped", "zipfile('a.zip')"),
        ("odd", '"my module"(a, "b c")'),
    ):
        db.declare("table", name, f"CREATE VIRTUAL TABLE {name} USING {module}")
    db.run(
        """
        CREATE VIEW over_missing AS SELECT * FROM vss;
        CREATE TRIGGER kept_ai AFTER INSERT ON kept BEGIN INSERT INTO vss VALUES(1); END
        """
    )


@specimen("virtual")
def user_tables_that_look_like_shadow_tables(db: Maker) -> None:
    db.run(
        """
        CREATE TABLE notes_content(id INTEGER PRIMARY KEY, v TEXT);
        CREATE TABLE notes_data(id INTEGER PRIMARY KEY, block BLOB);
        CREATE TABLE notes_config(k TEXT PRIMARY KEY, v TEXT);
        CREATE TABLE map_node(nodeno INTEGER PRIMARY KEY, data BLOB);
        CREATE VIRTUAL TABLE search USING fts5(x);
        CREATE TABLE search_history(id INTEGER PRIMARY KEY, q TEXT);
        CREATE TABLE search_content_old(id INTEGER PRIMARY KEY, c0 TEXT);
        INSERT INTO notes_content VALUES(1,'mine');
        INSERT INTO notes_data VALUES(1,x'00');
        INSERT INTO notes_config VALUES('a','b');
        INSERT INTO map_node VALUES(1,x'01');
        INSERT INTO search VALUES('text');
        INSERT INTO search_history VALUES(1,'q');
        INSERT INTO search_content_old VALUES(1,'old')
        """
    )


@specimen("virtual")
def spatialite_metadata_without_spatialite(db: Maker) -> None:
    db.run(
        """
        CREATE TABLE spatial_ref_sys(srid INTEGER NOT NULL PRIMARY KEY, auth_name TEXT NOT NULL, auth_srid
            INTEGER NOT NULL, ref_sys_name TEXT NOT NULL DEFAULT 'Unknown', proj4text TEXT NOT NULL, srtext TEXT
            NOT NULL DEFAULT 'Undefined');
        CREATE TABLE geometry_columns(f_table_name TEXT NOT NULL, f_geometry_column TEXT NOT NULL, geometry_type
            INTEGER NOT NULL, coord_dimension INTEGER NOT NULL, srid INTEGER NOT NULL, spatial_index_enabled
            INTEGER NOT NULL, CONSTRAINT pk_geom_cols PRIMARY KEY(f_table_name, f_geometry_column), CONSTRAINT
            fk_gc_srs FOREIGN KEY(srid) REFERENCES spatial_ref_sys(srid), CONSTRAINT ck_gc_rtree
            CHECK(spatial_index_enabled IN (0,1,2)));
        CREATE TABLE town(pk INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT, geom POINT);
        CREATE VIRTUAL TABLE idx_town_geom USING rtree(pkid, xmin, xmax, ymin, ymax);
        CREATE TRIGGER ggi_town_geom BEFORE INSERT ON town FOR EACH ROW BEGIN SELECT RAISE(ROLLBACK,
            'town.geom violates Geometry constraint') WHERE (SELECT geometry_type FROM geometry_columns WHERE
            Lower(f_table_name) = Lower('town') AND GeometryAliasType(NEW.geom) = 'POINT') IS NULL; END;
        CREATE VIEW geom_cols_ref_sys AS SELECT f_table_name, srid, proj4text FROM geometry_columns JOIN
            spatial_ref_sys USING (srid);
        CREATE INDEX idx_spatial_ref_sys ON spatial_ref_sys(auth_srid, auth_name);
        INSERT INTO spatial_ref_sys VALUES(4326,'epsg',4326,'WGS 84','+proj=longlat','');
        INSERT INTO geometry_columns VALUES('town','geom',1,2,4326,1)
        """
    )
    db.run("PRAGMA writable_schema=ON; DROP TRIGGER ggi_town_geom")
    db.run(
        """
        INSERT INTO town VALUES(1,'Rome',x'0001E6100000FE'),(2,'Oslo',NULL);
        INSERT INTO idx_town_geom VALUES(1,12,12,41,41)
        """
    )
    db.run(
        "CREATE TRIGGER ggi_town_geom BEFORE INSERT ON town FOR EACH ROW BEGIN SELECT RAISE(ROLLBACK, 'bad') WHERE"
        " GeometryAliasType(NEW.geom) <> 'POINT'; END"
    )
    db.declare("table", "SpatialIndex", "CREATE VIRTUAL TABLE SpatialIndex USING VirtualSpatialIndex()")
    db.declare("table", "ElementaryGeometries", "CREATE VIRTUAL TABLE ElementaryGeometries USING VirtualElementary()")
    db.declare("table", "KNN2", "CREATE VIRTUAL TABLE KNN2 USING VirtualKNN2()")


@specimen("virtual")
def collating_sequences_that_are_not_installed(db: Maker) -> None:
    db.connection.create_collation("unicase", lambda a, b: (a.lower() > b.lower()) - (a.lower() < b.lower()))
    db.run(
        """
        CREATE TABLE t(id INTEGER PRIMARY KEY, name TEXT COLLATE unicase, tag TEXT);
        CREATE INDEX it ON t(name);
        CREATE UNIQUE INDEX iu ON t(tag COLLATE unicase);
        CREATE TABLE k(name TEXT COLLATE unicase PRIMARY KEY, v) WITHOUT ROWID;
        CREATE VIEW sorted AS SELECT name FROM t ORDER BY name COLLATE unicase
        """
    )
    db.fill("t", [(i, f"Name{i}", f"tag{i}") for i in range(20)])
    db.fill("k", [("B", 1), ("a", 2), ("C", 3)])


@specimen("virtual")
def functions_that_are_not_installed(db: Maker) -> None:
    db.connection.create_scalar_function("title_sort", _as_it_is, 1, deterministic=True)
    db.run(
        """
        CREATE TABLE books(id INTEGER PRIMARY KEY, title TEXT, sort TEXT);
        CREATE INDEX b_sort ON books(title_sort(title));
        CREATE TRIGGER b_ai AFTER INSERT ON books BEGIN UPDATE books SET sort = title_sort(NEW.title) WHERE id =
            NEW.id; END;
        CREATE VIEW meta AS SELECT id, concat_all(title) FROM books;
        INSERT INTO books(id, title) VALUES(1,'The Sea')
        """
    )
