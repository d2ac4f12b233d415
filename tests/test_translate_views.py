"""Views that are translated show, on a real server, the rows that SQLite shows."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import apsw
import psycopg
import pytest

from exuvia.catalog.model import Affinity, View
from exuvia.catalog.names import fit
from exuvia.catalog.types import SqlType
from exuvia.engines.postgres.translate import NamedColumn, Names, Relation, translate_view, translate_views
from exuvia.values.cells import StorageClass
from translation import as_sqlite

_SCHEMA = """
CREATE TABLE customers (id INTEGER PRIMARY KEY, "full name" TEXT, email TEXT COLLATE NOCASE, active BOOLEAN, born DATE);
CREATE TABLE Orders (id INTEGER PRIMARY KEY, customer INTEGER, qty INTEGER, price DECIMAL(10,2), weight REAL,
                     state TEXT, placed DATETIME);
"""
_TARGET = """
CREATE TABLE customers (id bigint, "full name" text, email text, active boolean, born date);
CREATE TABLE "Orders" (id bigint, customer bigint, qty integer, price numeric(10,2), weight double precision,
                       state text, placed timestamp);
"""
_ROWS = """
INSERT INTO customers VALUES (1, 'Ada', 'Ada@x.org', {t}, '1815-12-10'), (2, 'bob', 'BOB@x.org', {f}, NULL),
  (3, 'Émile', NULL, {t}, '1999-01-01'), (4, 'ada', 'ada@X.org', NULL, '2000-02-29'), (5, NULL, 'z', {f}, '1815-12-10');
INSERT INTO {orders} VALUES (1, 1, 2, 10.5, 0.5, 'open', '2024-01-01 10:00:00'), (2, 1, 3, 2, 1.25, 'paid', NULL),
  (3, 2, NULL, 7.25, NULL, 'open', '2024-02-03 00:00:00'), (4, NULL, 7, 0.1, 2.0, 'Open', '2023-12-31 23:59:59'),
  (5, 3, -4, NULL, 1e10, '', '2024-01-01 10:00:01'), (6, 1, 2, 10.5, 0.5, NULL, '2024-01-01 10:00:00');
"""

_I, _R, _T = (frozenset({kind}) for kind in (StorageClass.INTEGER, StorageClass.REAL, StorageClass.TEXT))


def _column(name: str, type_: str, affinity: Affinity, classes: frozenset[StorageClass], **more: str) -> NamedColumn:
    return NamedColumn(
        name, SqlType.parse(type_), affinity, more.get("collation", "BINARY"), classes, more.get("spelling")
    )


NAMES = Names(
    {
        "customers": Relation(
            "public",
            "customers",
            {
                "id": _column("id", "bigint", Affinity.INTEGER, _I),
                "full name": _column("full name", "text", Affinity.TEXT, _T),
                "email": _column("email", "text", Affinity.TEXT, _T, collation="NOCASE"),
                "active": _column("active", "boolean", Affinity.NUMERIC, _I),
                "born": _column("born", "date", Affinity.NUMERIC, _T, spelling="0000-00-00"),
            },
            rowid="id",
            key=("id",),
        ),
        "Orders": Relation(
            "public",
            "Orders",
            {
                "id": _column("id", "bigint", Affinity.INTEGER, _I),
                "customer": _column("customer", "bigint", Affinity.INTEGER, _I),
                "qty": _column("qty", "integer", Affinity.INTEGER, _I),
                "price": _column("price", "numeric(10,2)", Affinity.NUMERIC, _I | _R),
                "weight": _column("weight", "double precision", Affinity.REAL, _R),
                "state": _column("state", "text", Affinity.TEXT, _T),
                "placed": _column("placed", "timestamp", Affinity.NUMERIC, _T, spelling="0000-00-00 00:00:00"),
            },
            rowid="id",
            key=("id",),
        ),
    }
)


@contextmanager
def _both(url: str) -> Iterator[tuple[apsw.Connection, psycopg.Connection]]:
    sqlite = apsw.Connection(":memory:")
    sqlite.execute(_SCHEMA)
    sqlite.execute(_ROWS.format(t=1, f=0, orders="Orders"))
    with psycopg.connect(url, autocommit=True) as postgres:
        postgres.execute(_TARGET.encode())
        postgres.execute(_ROWS.format(t="TRUE", f="FALSE", orders='"Orders"').encode())
        yield sqlite, postgres
    sqlite.close()


def _rows(found: object) -> list[tuple[object, ...]]:
    return [tuple(as_sqlite(value) for value in row) for row in found]  # type: ignore[attr-defined]


VIEWS = (
    "SELECT * FROM customers",
    "SELECT c.*, o.id AS 'order' FROM customers c JOIN orders o ON o.customer = c.id",
    'SELECT "full name", [email] FROM customers WHERE active',
    "SELECT id, active = 1 AS yes, active IS NULL, born > '1900-01-01' FROM customers",
    "SELECT c.id, o.qty * o.price AS total FROM customers AS c LEFT JOIN orders AS o ON c.id = o.customer AND qty > 2",
    "SELECT customer, count(*) AS n, sum(qty), min(state), max(placed), avg(qty), count(DISTINCT state) FROM orders"
    " GROUP BY customer",
    "SELECT state, total(qty) t FROM orders GROUP BY 1 HAVING count(*) > 1 ORDER BY t DESC, state",
    "SELECT lower(state) AS s, count(*) FROM orders GROUP BY s ORDER BY s",
    "SELECT sum(qty) FROM orders WHERE 0",
    "SELECT count(*) FILTER (WHERE state = 'open') FROM orders",
    "SELECT DISTINCT state FROM orders ORDER BY state DESC",
    "SELECT id, state FROM orders ORDER BY state, id LIMIT 3 OFFSET 1",
    "SELECT id FROM orders ORDER BY placed DESC, id LIMIT -1 OFFSET 2",
    "SELECT id, email FROM customers ORDER BY email, id",
    'SELECT "full name" AS n FROM customers ORDER BY n COLLATE NOCASE DESC, id',
    "SELECT id FROM customers WHERE email = 'ADA@X.ORG'",
    "SELECT id FROM customers WHERE id IN (SELECT customer FROM orders WHERE state = 'open')",
    "SELECT id FROM customers c WHERE EXISTS (SELECT 1 FROM orders WHERE customer = c.id AND qty IS NULL)",
    "SELECT id, (SELECT max(qty) FROM orders WHERE customer = c.id) AS most FROM customers c",
    'SELECT o.id, (SELECT "full name" FROM customers WHERE id = o.customer) FROM orders o',
    "SELECT id FROM customers UNION SELECT customer FROM orders ORDER BY 1",
    "SELECT id, 'c' AS kind FROM customers UNION ALL SELECT id, state FROM orders ORDER BY kind, id DESC LIMIT 7",
    "SELECT id FROM customers EXCEPT SELECT customer FROM orders WHERE qty > 1",
    "SELECT id FROM customers UNION ALL SELECT customer FROM orders INTERSECT SELECT id FROM orders",
    "SELECT active FROM customers UNION ALL SELECT qty FROM orders",
    "WITH big AS (SELECT customer, sum(qty) AS q FROM orders GROUP BY customer) SELECT id, q FROM customers"
    " JOIN big ON big.customer = customers.id",
    "WITH a(x, y) AS (SELECT id, active FROM customers), b AS (SELECT x FROM a WHERE y) SELECT * FROM b",
    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 5) SELECT i FROM n",
    "WITH RECURSIVE tree AS (SELECT id, 0 AS depth, '/' || id AS path FROM customers WHERE id = 1 UNION SELECT o.id,"
    " depth + 1, path || '/' || o.id FROM orders o JOIN tree ON o.customer = tree.id WHERE depth < 3)"
    " SELECT * FROM tree",
    "WITH RECURSIVE a AS (SELECT id FROM customers), b(x) AS (SELECT id FROM a UNION SELECT x / 2 FROM b)"
    " SELECT x FROM b WHERE x IN (WITH c AS (SELECT id FROM a) SELECT id FROM c)",
    "SELECT customer, round(avg(weight), 2), round(sum(price), 1) FROM orders WHERE id < 5 GROUP BY customer",
    "SELECT q.n FROM (SELECT customer, count(*) AS n FROM orders GROUP BY customer) AS q WHERE q.n > 1",
    "SELECT id, qty FROM customers JOIN (SELECT id, qty FROM orders) USING (id)",
    "SELECT * FROM customers LEFT JOIN (SELECT id, qty FROM orders WHERE qty > 2) AS o USING (id)",
    "SELECT a.id, b.id FROM customers a, customers b WHERE a.id < b.id AND a.email = b.email",
    "SELECT id, row_number() OVER (ORDER BY state, id) FROM orders",
    "SELECT id, rank() OVER (PARTITION BY customer ORDER BY qty DESC), sum(qty) OVER (PARTITION BY state) FROM orders",
    "SELECT id, lag(qty) OVER (ORDER BY id), lead(qty, 2, 0) OVER (ORDER BY id) FROM orders",
    "SELECT id, sum(qty) OVER (ORDER BY id ROWS BETWEEN 1 PRECEDING AND CURRENT ROW) FROM orders",
    "SELECT date(placed) AS d, count(*) FROM orders GROUP BY date(placed)",
    "SELECT strftime('%Y-%m', placed) AS m, sum(qty) FROM orders GROUP BY m ORDER BY m",
    "SELECT CASE WHEN qty > 2 THEN 'many' ELSE state END AS size FROM orders",
    "SELECT coalesce(qty, 0) * 2 AS q FROM orders WHERE q > 4",
    "SELECT rowid, id FROM orders",
    "SELECT state AS n, qty AS n FROM orders WHERE n = 'open'",
    "SELECT NULL AS none, 1 AS one, 'x' AS text, 2.5 AS r",
    "SELECT 7/2, 7/2.0, -7 % 3, '5' + 1",
)


def test_every_listed_view_is_translated_and_shows_the_same_rows(postgres_url: str) -> None:
    wrong = []
    with _both(postgres_url) as (sqlite, postgres):
        for number, select in enumerate(VIEWS):
            sql = f"CREATE VIEW v{number} AS {select}"
            sqlite.execute(sql)
            columns = tuple(row[1] for row in sqlite.execute(f"PRAGMA table_info(v{number})"))
            translation = translate_view(View(f"v{number}", sql, columns), NAMES)
            if translation.sql is None:
                wrong.append((select, translation.reason))
                continue
            try:
                postgres.execute(translation.sql.encode())
                cursor = postgres.execute(f"SELECT * FROM v{number}".encode())
            except psycopg.Error as error:
                wrong.append((select, f"{translation.sql}: {error}"))
                continue
            want = _rows(sqlite.execute(f"SELECT * FROM v{number}").fetchall())
            got = _rows(cursor.fetchall())
            if "ORDER BY" not in select.rpartition(")")[2]:
                want, got = sorted(want, key=repr), sorted(got, key=repr)
            names = tuple(column.name for column in cursor.description or ())
            if want != got or names != tuple(fit(column) for column in columns):
                wrong.append((select, f"{translation.sql}: {want} and {got}"))
    assert not wrong


def test_a_view_over_a_view_is_made_after_it_and_under_its_own_name(postgres_url: str) -> None:
    views = (
        View(
            "top", 'CREATE VIEW top AS SELECT "The State", n FROM "mid dle" WHERE n > 1 ORDER BY 1', ("The State", "n")
        ),
        View("mid dle", 'CREATE VIEW "mid dle" ("The State", n) AS SELECT state, count(*) FROM orders GROUP BY state'),
        View("broken", "CREATE VIEW broken AS SELECT * FROM missing"),
    )
    found, names = translate_views(views, NAMES)
    assert list(found) == ["mid dle", "top", "broken"]
    assert "missing" in found["broken"].reason
    assert set(names.relations) == {"customers", "Orders", "mid dle", "top"}
    with _both(postgres_url) as (_, postgres):
        for name in ("mid dle", "top"):
            postgres.execute((found[name].sql or "").encode())
        assert postgres.execute(b'SELECT "The State", n FROM top').fetchall() == [("open", 2)]


def test_sums_of_fractions_are_translated_with_a_remark() -> None:
    translation = translate_view(View("v", "CREATE VIEW v AS SELECT sum(weight) AS w FROM orders", ("w",)), NAMES)
    assert translation.sql is not None
    assert "last digit" in translation.reason


@pytest.mark.parametrize(
    ("select", "reason"),
    [
        ("SELECT customer, state FROM orders GROUP BY customer", "neither grouped nor aggregated"),
        ("SELECT email, count(*) FROM customers GROUP BY email", "NOCASE"),
        ("SELECT (SELECT max(qty) FROM orders WHERE customer = c.id) FROM customers c GROUP BY active", "c.id"),
        ("SELECT round(weight, id) FROM orders", "not fixed"),
        ("SELECT DISTINCT email FROM customers", "NOCASE"),
        ("SELECT * FROM customers NATURAL JOIN orders", "METHOD"),
        ("WITH RECURSIVE c AS (SELECT 1 AS n UNION ALL SELECT 'x' FROM c) SELECT * FROM c", "different classes"),
        ("SELECT value FROM json_each('[1]')", "no table"),
        ("SELECT id FROM nowhere", "nowhere"),
        ("SELECT printf('%.2f', weight) FROM orders", "printf()"),
        ("SELECT sum(qty) OVER w FROM orders WINDOW w AS (ORDER BY id)", "WINDOWS"),
        ("SELECT id FROM customers UNION SELECT state FROM orders", "different classes"),
        ("SELECT group_concat(state ORDER BY id) FROM orders", "ORDER BY"),
        ("SELECT id FROM orders WHERE (id, qty) IN (SELECT id, qty FROM orders)", "Tuple"),
        ("SELECT rowid FROM (SELECT id FROM orders)", "rowid"),
        ("VALUES (1)", "as a view"),
    ],
)
def test_a_view_that_is_not_exact_is_left_with_its_reason(select: str, reason: str) -> None:
    translation = translate_view(View("v", f"CREATE VIEW v AS {select}"), NAMES)
    assert translation.sql is None
    assert reason in translation.reason
