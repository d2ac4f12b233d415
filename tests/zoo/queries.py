"""Views and triggers."""

from __future__ import annotations

from zoo.registry import Maker, specimen

_SHOP = (
    "CREATE TABLE customer(id INTEGER PRIMARY KEY, name TEXT, active BOOLEAN, joined DATETIME, score REAL);"
    "CREATE TABLE sale(id INTEGER PRIMARY KEY, customer_id INTEGER REFERENCES customer(id),"
    " cents INTEGER, note TEXT, day DATE);"
)


def _shop(db: Maker) -> None:
    db.run(_SHOP)
    db.fill("customer", [(i, f"Name{i}", i % 2, f"2024-01-{i:02d} 10:00:00", i / 3) for i in range(1, 11)])
    notes = ("alpha", "Alpha", None, "beta", "")
    db.fill("sale", [(i, i % 10 + 1, i * 37 - 50, notes[i % 5], f"2024-02-{i % 28 + 1:02d}") for i in range(1, 41)])


@specimen("views")
def plain_views_over_joins_aggregates_and_other_views(db: Maker) -> None:
    _shop(db)
    db.run(
        """
        CREATE VIEW late AS SELECT * FROM big WHERE total > 100;
        CREATE VIEW big(name, total) AS SELECT c.name, sum(s.cents) FROM customer c JOIN sale s ON s.customer_id
            = c.id GROUP BY c.id, c.name HAVING count(*) > 1;
        CREATE VIEW ranked AS SELECT id, row_number() OVER (PARTITION BY customer_id ORDER BY id) AS n FROM
            sale;
        CREATE VIEW tree AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i < 5) SELECT i
            FROM n;
        CREATE VIEW unioned AS SELECT id, name FROM customer WHERE id < 3 UNION SELECT id, note FROM sale WHERE
            note IS NOT NULL
        """
    )


@specimen("views")
def views_whose_meaning_shifts_in_postgresql(db: Maker) -> None:
    _shop(db)
    db.run(
        """
        CREATE VIEW divided AS SELECT id, cents / 7 AS q, cents % 7 AS r, cents / 2.0 AS h FROM sale;
        CREATE VIEW alike AS SELECT id FROM sale WHERE note LIKE 'ALPHA';
        CREATE VIEW active_ones AS SELECT id FROM customer WHERE active = 1;
        CREATE VIEW truthy AS SELECT id, active + 1 AS a FROM customer WHERE active;
        CREATE VIEW bare AS SELECT customer_id, max(cents), note FROM sale GROUP BY customer_id;
        CREATE VIEW joined_text AS SELECT id, cents || '-' || note AS x FROM sale;
        CREATE VIEW concat AS SELECT customer_id, group_concat(id) AS ids FROM (SELECT * FROM sale ORDER BY id)
            GROUP BY customer_id;
        CREATE VIEW months AS SELECT strftime('%Y-%m', joined) AS m, count(*) AS n FROM customer GROUP BY 1;
        CREATE VIEW days AS SELECT id, date(joined, '+1 day') AS d, julianday(joined) AS j FROM customer;
        CREATE VIEW "quoted" AS SELECT id, "not a column" AS s FROM customer;
        CREATE VIEW rows AS SELECT rowid AS r, * FROM sale;
        CREATE VIEW greatest_of AS SELECT max(id, 3) AS m, min(id, 3) AS l FROM customer;
        CREATE VIEW nulls AS SELECT note FROM sale ORDER BY note;
        CREATE VIEW picked AS SELECT id FROM sale ORDER BY note, id LIMIT 5;
        CREATE VIEW chosen AS SELECT iif(cents > 0, 'plus', 'minus') AS s, ifnull(note, 'none') AS n,
            instr(note, 'a') AS i FROM sale;
        CREATE VIEW rounded AS SELECT id, round(score, 1) AS r, CAST(score AS INTEGER) AS i, printf('%.2f',
            score) AS p FROM customer;
        CREATE VIEW substrings AS SELECT substr(name, -2) AS a, substr(name, 0, 3) AS b, length(name) AS c FROM
            customer;
        CREATE VIEW compared AS SELECT id FROM sale WHERE day > 5;
        CREATE VIEW total_of AS SELECT total(cents) AS t, avg(cents) AS a FROM sale
        """
    )


@specimen("views")
def views_that_are_broken_in_sqlite_itself(db: Maker) -> None:
    db.run(
        """
        CREATE TABLE t(id INTEGER PRIMARY KEY);
        INSERT INTO t VALUES(1);
        CREATE VIEW on_nothing AS SELECT * FROM missing;
        CREATE VIEW no_column AS SELECT gone FROM t;
        CREATE VIEW round_a AS SELECT * FROM round_b;
        CREATE VIEW round_b AS SELECT * FROM round_a;
        CREATE VIEW no_function AS SELECT spellcheck(id) FROM t;
        CREATE VIEW miscounted(a,b) AS SELECT id FROM t;
        CREATE VIEW fine AS SELECT id FROM t;
        CREATE VIEW over_broken AS SELECT * FROM on_nothing
        """
    )


@specimen("views")
def views_with_column_names_that_postgresql_would_not_give(db: Maker) -> None:
    db.run(
        """
        CREATE TABLE t(id INTEGER PRIMARY KEY, a TEXT);
        INSERT INTO t VALUES(1,'x');
        CREATE VIEW twice AS SELECT id, id FROM t;
        CREATE VIEW unnamed AS SELECT 1+1, count(*) FROM t;
        CREATE VIEW same AS SELECT x.*, y.* FROM t x JOIN t y ON x.id = y.id;
        CREATE VIEW "Spaced View" AS SELECT a AS "A b" FROM t
        """
    )


@specimen("triggers")
def triggers_of_every_kind(db: Maker) -> None:
    db.run(
        """
        CREATE TABLE t(id INTEGER PRIMARY KEY, v TEXT, n INTEGER DEFAULT 0, updated_at DATETIME);
        CREATE TABLE log(at TEXT, what TEXT, id INTEGER);
        CREATE VIEW tv AS SELECT id, v FROM t;
        CREATE TRIGGER touch AFTER UPDATE ON t BEGIN UPDATE t SET updated_at = CURRENT_TIMESTAMP WHERE id =
            NEW.id; END;
        CREATE TRIGGER audit AFTER INSERT ON t WHEN NEW.v IS NOT NULL BEGIN INSERT INTO log
            VALUES(datetime('now'),'insert',NEW.id); END;
        CREATE TRIGGER guard BEFORE DELETE ON t BEGIN SELECT RAISE(ABORT, 'no deletes') WHERE OLD.id = 1; END;
        CREATE TRIGGER vi INSTEAD OF INSERT ON tv BEGIN INSERT INTO t(id, v) VALUES(NEW.id, NEW.v); END;
        CREATE TRIGGER only_v BEFORE UPDATE OF v ON t BEGIN SELECT CASE WHEN NEW.v = '' THEN RAISE(FAIL,
            'empty') END; END;
        INSERT INTO t(id, v) VALUES(1,'x'),(2,NULL)
        """
    )


@specimen("triggers")
def triggers_that_cannot_run(db: Maker) -> None:
    db.run(
        """
        CREATE TABLE t(id INTEGER PRIMARY KEY, v TEXT);
        INSERT INTO t VALUES(1,'x');
        CREATE TRIGGER a AFTER INSERT ON t BEGIN INSERT INTO missing VALUES(NEW.id); END;
        CREATE TRIGGER b AFTER INSERT ON t BEGIN UPDATE t SET gone = 1; END;
        CREATE TRIGGER c AFTER UPDATE ON t BEGIN SELECT no_such_function(NEW.v); END
        """
    )
