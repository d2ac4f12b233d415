"""Foreign keys, sound and unsound."""

from __future__ import annotations

from zoo.registry import Maker, specimen


@specimen("foreign keys")
def orphans_under_several_foreign_keys(db: Maker) -> None:
    db.run(
        """
        CREATE TABLE p(id INTEGER PRIMARY KEY);
        CREATE TABLE c(id INTEGER PRIMARY KEY, a INTEGER REFERENCES p(id) ON DELETE CASCADE, b INTEGER
            REFERENCES p(id));
        INSERT INTO p VALUES(1),(2);
        INSERT INTO c VALUES(1,1,1),(2,99,2),(3,NULL,98),(4,0,NULL)
        """
    )


@specimen("foreign keys")
def foreign_keys_to_missing_tables_and_columns(db: Maker) -> None:
    db.run(
        """
        CREATE TABLE p(id INTEGER PRIMARY KEY, code TEXT);
        CREATE TABLE c(id INTEGER PRIMARY KEY, a INTEGER REFERENCES gone(id), b INTEGER REFERENCES p(gone), c
            TEXT REFERENCES p(code), d INTEGER REFERENCES gone, e INTEGER REFERENCES keyless);
        CREATE TABLE keyless(v);
        CREATE VIEW pv AS SELECT * FROM p;
        CREATE TABLE v(id INTEGER REFERENCES pv(id));
        INSERT INTO p VALUES(1,'x'),(2,'x');
        INSERT INTO c VALUES(1,1,1,'x',1,1);
        INSERT INTO v VALUES(1)
        """
    )


@specimen("foreign keys")
def foreign_keys_that_leave_out_the_referenced_column(db: Maker) -> None:
    db.run(
        """
        CREATE TABLE p(a INTEGER, b TEXT, PRIMARY KEY(b, a));
        CREATE TABLE q(id INTEGER PRIMARY KEY);
        CREATE TABLE c(x TEXT, y INTEGER, q INTEGER REFERENCES q, FOREIGN KEY(x, y) REFERENCES p);
        CREATE TABLE wrong(x TEXT REFERENCES p);
        INSERT INTO p VALUES(1,'k');
        INSERT INTO q VALUES(7);
        INSERT INTO c VALUES('k',1,7),('k',NULL,7),(NULL,NULL,NULL)
        """
    )


@specimen("foreign keys")
def self_references_loaded_child_before_parent(db: Maker) -> None:
    db.run(
        "CREATE TABLE t(id INTEGER PRIMARY KEY, parent INTEGER REFERENCES t(id), root INTEGER NOT NULL REFERENCES t)"
    )
    db.fill("t", [(1, 3, 3), (2, 1, 3), (3, None, 3), (4, 4, 4)])


@specimen("foreign keys")
def cycles_of_two_and_three_tables(db: Maker) -> None:
    db.run(
        """
        CREATE TABLE a(id INTEGER PRIMARY KEY, b INTEGER NOT NULL REFERENCES b(id));
        CREATE TABLE b(id INTEGER PRIMARY KEY, a INTEGER NOT NULL REFERENCES a(id));
        CREATE TABLE x(id INTEGER PRIMARY KEY, y INTEGER REFERENCES y(id));
        CREATE TABLE y(id INTEGER PRIMARY KEY, z INTEGER REFERENCES z(id));
        CREATE TABLE z(id INTEGER PRIMARY KEY, x INTEGER REFERENCES x(id) DEFERRABLE INITIALLY DEFERRED);
        INSERT INTO a VALUES(1,1);
        INSERT INTO b VALUES(1,1);
        INSERT INTO x VALUES(1,1);
        INSERT INTO y VALUES(1,1);
        INSERT INTO z VALUES(1,1)
        """
    )


@specimen("foreign keys")
def every_action_and_deferral(db: Maker) -> None:
    actions = ("CASCADE", "SET NULL", "SET DEFAULT", "RESTRICT", "NO ACTION")
    db.run("CREATE TABLE p(id INTEGER PRIMARY KEY)")
    db.fill("p", [(i,) for i in range(3)])
    for i, delete in enumerate(actions):
        for j, update in enumerate(actions):
            when = (
                "",
                " DEFERRABLE",
                " DEFERRABLE INITIALLY DEFERRED",
                " NOT DEFERRABLE",
                " DEFERRABLE INITIALLY IMMEDIATE",
            )[j]
            db.run(
                f"CREATE TABLE c{i}{j}(p INTEGER DEFAULT 0 REFERENCES p(id)"
                f" ON DELETE {delete} ON UPDATE {update}{when})"
            )
            db.fill(f"c{i}{j}", [(1,), (None,)])


@specimen("foreign keys")
def foreign_keys_between_different_types(db: Maker) -> None:
    db.run(
        """
        CREATE TABLE p(id INTEGER PRIMARY KEY, code TEXT UNIQUE, u CHAR(36) UNIQUE);
        CREATE TABLE c(a TEXT REFERENCES p(id), b INTEGER REFERENCES p(code), c SMALLINT REFERENCES p(id), d
            UUID REFERENCES p(u), e REFERENCES p(id), f VARCHAR(10) REFERENCES p(code));
        """
    )
    u = "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"
    db.fill("p", [(1, "10", u), (2, "20", None)])
    db.fill("c", [("1", 10, 1, u, 1, "10"), ("2", 20, 2, None, 2, "20")])


@specimen("foreign keys")
def foreign_keys_whose_case_differs_from_the_tables(db: Maker) -> None:
    db.run(
        """
        CREATE TABLE Users(ID INTEGER PRIMARY KEY, Email TEXT COLLATE NOCASE UNIQUE);
        CREATE TABLE posts(id INTEGER PRIMARY KEY, USER_ID INTEGER REFERENCES users(id), mail TEXT REFERENCES
            USERS(email), FOREIGN KEY(user_id) REFERENCES USERS);
        INSERT INTO Users VALUES(1,'A@x');
        INSERT INTO posts VALUES(1,1,'a@X')
        """
    )


@specimen("foreign keys")
def a_parent_key_that_is_only_a_unique_index(db: Maker) -> None:
    db.run(
        """
        CREATE TABLE p(a INTEGER, b TEXT, c TEXT);
        CREATE UNIQUE INDEX pa ON p(a);
        CREATE UNIQUE INDEX pb ON p(b) WHERE b>'';
        CREATE UNIQUE INDEX pc ON p(c COLLATE NOCASE);
        CREATE TABLE c(x INTEGER REFERENCES p(a), y TEXT REFERENCES p(b), z TEXT REFERENCES p(c));
        INSERT INTO p VALUES(1,'b','c');
        INSERT INTO c VALUES(1,'b','c')
        """
    )


@specimen("foreign keys")
def composite_keys_half_null_and_matched_out_of_order(db: Maker) -> None:
    db.run(
        """
        CREATE TABLE p(a INTEGER, b INTEGER, PRIMARY KEY(a,b));
        CREATE TABLE c(x INTEGER, y INTEGER, FOREIGN KEY(y,x) REFERENCES p(b,a) MATCH FULL ON DELETE SET NULL);
        INSERT INTO p VALUES(1,2);
        INSERT INTO c VALUES(1,2),(1,NULL),(NULL,7)
        """
    )


@specimen("foreign keys")
def the_same_foreign_key_twice_under_long_equal_names(db: Maker) -> None:
    name = "fk_" + "x" * 80
    db.run(
        f"""
        CREATE TABLE p(id INTEGER PRIMARY KEY);
        CREATE TABLE c(a INTEGER, b INTEGER, CONSTRAINT {name}1 FOREIGN KEY(a) REFERENCES p(id),
            CONSTRAINT {name}2 FOREIGN KEY(b) REFERENCES p(id), FOREIGN KEY(a) REFERENCES p(id));
        CREATE TABLE d(a INTEGER CONSTRAINT {name}1 REFERENCES p(id));
        INSERT INTO p VALUES(1); INSERT INTO c VALUES(1,1)
        """
    )


@specimen("foreign keys", heavy=True)
def five_hundred_tables_in_a_chain_declared_last_first(db: Maker) -> None:
    with db.connection:
        for i in reversed(range(500)):
            parent = f" REFERENCES t{i - 1}(id)" if i else ""
            db.run(
                f"CREATE TABLE t{i}(id INTEGER PRIMARY KEY, up INTEGER{parent}, v TEXT);"
                f"INSERT INTO t{i} VALUES(1,1,'{i}')"
            )


@specimen("foreign keys")
def a_foreign_key_to_a_virtual_table_and_to_a_shadow(db: Maker) -> None:
    db.run(
        """
        CREATE VIRTUAL TABLE docs USING fts5(body);
        INSERT INTO docs VALUES('a');
        CREATE TABLE notes(id INTEGER PRIMARY KEY, doc INTEGER REFERENCES docs(rowid), c INTEGER REFERENCES
            docs_content(id));
        INSERT INTO notes VALUES(1,1,1)
        """
    )
