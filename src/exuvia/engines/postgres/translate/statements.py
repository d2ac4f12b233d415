"""The statements in a trigger's body: INSERT, UPDATE, DELETE, and SELECT with RAISE."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from sqlglot import exp

from exuvia.catalog.names import fold, qualify, quote
from exuvia.engines.postgres.translate.assign import assign
from exuvia.engines.postgres.translate.expressions import Compiler
from exuvia.engines.postgres.translate.parse import Node, statement
from exuvia.engines.postgres.translate.scope import Scope, Source, find
from exuvia.engines.postgres.translate.values import (
    Kind,
    NamedColumn,
    NotExact,
    Relation,
    Value,
    as_text,
)
from exuvia.engines.postgres.translate.views import Queries

_EQUAL = (exp.EQ, exp.NullSafeEQ)


@dataclass(slots=True)
class Context:
    """The trigger that a body belongs to, and the relations that the body has read so far."""

    timing: str
    event: str
    table: str
    relation: Relation
    relations: Mapping[str, Relation]
    read: set[str] = field(default_factory=set)

    def note_read(self, name: str) -> None:
        """Keep that a query of the body reads a relation; NotExact when it may not."""
        self.read.add(fold(name))
        if self.timing == "AFTER" and fold(name) == fold(self.table):
            raise NotExact(
                "it reads its own table, which PostgreSQL shows it after the whole statement, not row by row"
            )


class Body:
    """Translates the statements of one trigger. ``writes`` tells whether any of them changes a table."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._queries = Queries(context.relations, context.note_read)
        self.writes = False

    @property
    def remarks(self) -> frozenset[str]:
        """What a reader should know about the statements so far."""
        return frozenset(self._queries.remarks)

    def statement(self, sql: str, scope: Scope) -> list[str]:
        """Return a statement as lines of PL/pgSQL; NotExact when that cannot be exact."""
        words = sql.split(None, 2)
        if words[0].upper() == "REPLACE" or (words[0].upper() == "UPDATE" and words[1:2] and words[1].upper() == "OR"):
            raise NotExact("it says what happens to rows that conflict (REPLACE, OR ...)")
        tree = statement(sql)
        if isinstance(tree, exp.Select):
            return self._select(tree, scope)
        self.writes = True
        if isinstance(tree, exp.Insert):
            return [self._insert(tree, scope)]
        if isinstance(tree, exp.Update):
            return [self._update(tree, scope)]
        if isinstance(tree, exp.Delete):
            return [self._delete(tree, scope)]
        raise NotExact(f"{type(tree).__name__.upper()} in a trigger has no translation")

    def _target(self, node: Node) -> tuple[str, Relation]:
        if not isinstance(node, exp.Table) or not isinstance(node.this, exp.Identifier):
            raise NotExact("it writes to what is no table")
        relation = find(self._context.relations, node.name)
        if relation is None or relation.is_view:
            raise NotExact(f"it writes {node.name}, which is not moved as a table")
        own = fold(node.name) == fold(self._context.table)
        if own and self._context.timing == "BEFORE" and self._context.event != "INSERT":
            raise NotExact("a BEFORE trigger writes its own table, whose rows the statement is about to change")
        return node.alias or node.name, relation

    def _insert(self, tree: Node, scope: Scope) -> str:
        _only(tree, {"this", "expression", "conflict"})
        schema = tree.this if isinstance(tree.this, exp.Schema) else None
        alias, relation = self._target(schema.this if schema is not None else tree.this)
        named = [column.name for column in schema.expressions] if schema is not None else _writable(relation)
        columns = [_written(relation, name) for name in named]
        place = f"INSERT INTO {qualify(relation.schema, relation.name)} AS {quote(alias)}"
        conflict = self._conflict(tree.args.get("conflict"), alias, relation, scope)
        listed = ", ".join(quote(column.name) for column in columns)
        if isinstance(tree.expression, exp.Values):
            rows = [self._row(row.expressions, named, columns, relation, scope) for row in tree.expression.expressions]
            return f"{place} ({listed}) VALUES {', '.join(rows)}{conflict};"
        return f"{place} ({listed}) {self._rows(tree.expression, columns, scope)}{conflict};"

    def _row(
        self,
        nodes: Sequence[Node],
        named: Sequence[str],
        columns: Sequence[NamedColumn],
        relation: Relation,
        scope: Scope,
    ) -> str:
        if len(nodes) != len(columns):
            raise NotExact("it inserts more or fewer values than columns")
        shown = []
        for node, name, column in zip(nodes, named, columns, strict=True):
            value = Compiler(scope, self._queries).value(node)
            is_key = relation.rowid is not None and fold(name) == fold(relation.rowid)
            if is_key and value.kind is Kind.NULL:
                shown.append("DEFAULT")
            else:
                shown.append(assign(value, column.type, column.affinity))
        return f"({', '.join(shown)})"

    def _rows(self, tree: Node, columns: Sequence[NamedColumn], scope: Scope) -> str:
        query = self._queries.query(tree, scope)
        if len(query.columns) != len(columns):
            raise NotExact("it inserts more or fewer values than columns")
        labels = [f"c{number}" for number in range(len(columns))]
        shown = []
        for label, (_, value), column in zip(labels, query.columns, columns, strict=True):
            found = replace(value, sql=f"q.{label}")
            shown.append(assign(found, column.type, column.affinity))
        return f"SELECT {', '.join(shown)} FROM ({query.sql}) AS q ({', '.join(labels)})"

    def _conflict(self, node: Node, alias: str, relation: Relation, scope: Scope) -> str:
        if node is None:
            return ""
        _only(node, {"expressions", "action", "conflict_keys", "where"})
        keys = [key.this if isinstance(key, exp.Ordered) else key for key in node.args.get("conflict_keys") or []]
        if any(not isinstance(key, exp.Column) or key.table for key in keys):
            raise NotExact("ON CONFLICT names more than columns")
        target = ", ".join(quote(_written(relation, key.name).name) for key in keys)
        place = f" ON CONFLICT ({target})" if target else " ON CONFLICT"
        if node.args["action"].name == "DO NOTHING":
            return f"{place} DO NOTHING"
        own = Source(alias, relation, f"{quote(alias)}.")
        inner = Scope((own, Source("excluded", relation, "EXCLUDED.", hidden=True)), scope)
        sets = self._sets(node.expressions, relation, inner)
        where = node.args.get("where")
        condition = f" WHERE {Compiler(inner, self._queries).truth(where.this).sql}" if where is not None else ""
        return f"{place} DO UPDATE SET {sets}{condition}"

    def _update(self, tree: Node, scope: Scope) -> str:
        _only(tree, {"this", "expressions", "where"})
        alias, relation = self._target(tree.this)
        inner = Scope((Source(alias, relation, f"{quote(alias)}."),), scope)
        self._check_own(tree.this.name, tree.args.get("where"), relation)
        sets = self._sets(tree.expressions, relation, inner)
        return f"UPDATE {_place(relation, alias)} SET {sets}{self._where(tree, inner)};"

    def _delete(self, tree: Node, scope: Scope) -> str:
        _only(tree, {"this", "where"})
        alias, relation = self._target(tree.this)
        inner = Scope((Source(alias, relation, f"{quote(alias)}."),), scope)
        self._check_own(tree.this.name, tree.args.get("where"), relation)
        return f"DELETE FROM {_place(relation, alias)}{self._where(tree, inner)};"

    def _sets(self, nodes: Sequence[Node], relation: Relation, scope: Scope) -> str:
        shown = []
        for node in nodes:
            if not isinstance(node, exp.EQ) or not isinstance(node.this, exp.Column) or node.this.table:
                raise NotExact("it sets several columns at once")
            column = _written(relation, node.this.name)
            value = Compiler(scope, self._queries).value(node.expression)
            shown.append(f"{quote(column.name)} = {assign(value, column.type, column.affinity)}")
        return ", ".join(shown)

    def _where(self, tree: Node, scope: Scope) -> str:
        where = tree.args.get("where")
        return f" WHERE {Compiler(scope, self._queries).truth(where.this).sql}" if where is not None else ""

    def _check_own(self, name: str, where: Node, relation: Relation) -> None:
        """Let a trigger change its own table only in the row that it fired for."""
        if fold(name) != fold(self._context.table) or self._context.timing != "AFTER":
            return
        pinned = {fold(column) for column in _pinned(where.this if where is not None else None, relation)}
        keys = [relation.key] if relation.key else []
        if relation.rowid is not None:
            keys.append((relation.rowid,))
        if not any({fold(column) for column in key} <= pinned for key in keys):
            raise NotExact("it changes rows of its own table other than the one it fired for")

    def _select(self, tree: Node, scope: Scope) -> list[str]:
        if tree.find(exp.Anonymous) is None or not any(_is_raise(node) for node in tree.find_all(exp.Anonymous)):
            self._queries.query(tree, scope)
            return []
        _only(tree, {"expressions", "from_", "joins", "where"})
        if len(tree.expressions) != 1:
            raise NotExact("RAISE stands among other values")
        node = tree.expressions[0]
        while isinstance(node, exp.Paren | exp.Alias):
            node = node.this
        branches = _branches(node)
        if tree.args.get("from_") is not None:
            return self._raise_from(tree, branches, scope)
        compiler = Compiler(scope, self._queries)
        tests = [compiler.truth(test).sql if test is not None else "TRUE" for test, _ in branches]
        where = tree.args.get("where")
        if where is not None:
            outer = compiler.truth(where.this).sql
            tests = [outer if test == "TRUE" else f"({outer} AND {test})" for test in tests]
        return [_tested(tests, [self._raise(call, scope) for _, call in branches])]

    def _raise_from(self, tree: Node, branches: Sequence[tuple[Node, Node]], scope: Scope) -> list[str]:
        if len(branches) != 1:
            raise NotExact("RAISE has several conditions over rows of a query")
        test, call = branches[0]
        query = tree.copy()
        query.set("expressions", [exp.Literal.number(1)])
        if test is not None:
            where = query.args.get("where")
            both = exp.And(this=exp.Paren(this=where.this), expression=exp.Paren(this=test)) if where else test
            query.set("where", exp.Where(this=both.copy()))
        found = self._queries.query(query, scope)
        return [_tested([f"EXISTS ({found.sql})"], [self._raise(call, scope)])]

    def _raise(self, call: Node, scope: Scope) -> str:
        action = call.expressions[0].name.upper()
        if action == "IGNORE":
            if self._context.timing == "AFTER":
                raise NotExact("RAISE(IGNORE) in an AFTER trigger also stops the triggers after it")
            return "RETURN NULL;"
        if action == "FAIL":
            raise NotExact("RAISE(FAIL) keeps the rows that were changed before")
        if action not in ("ABORT", "ROLLBACK") or len(call.expressions) != 2:
            raise NotExact(f"RAISE({action}) has no translation")
        message: Value = as_text(Compiler(scope, self._queries).value(call.expressions[1]))
        return f"RAISE EXCEPTION USING MESSAGE = {message.sql}, ERRCODE = 'integrity_constraint_violation';"


def _place(relation: Relation, alias: str) -> str:
    return f"{qualify(relation.schema, relation.name)} AS {quote(alias)}"


def _writable(relation: Relation) -> list[str]:
    return [name for name, column in relation.columns.items() if not column.generated]


def _written(relation: Relation, name: str) -> NamedColumn:
    column = find(relation.columns, name)
    if column is None or column.generated:
        raise NotExact(f"it writes {relation.name}.{name}, which is not moved or not written")
    return column


def _only(tree: Node, parts: Iterable[str]) -> None:
    extra = sorted(key for key, value in tree.args.items() if value and key not in set(parts))
    if extra:
        word = {"alternative": "OR ...", "returning": "RETURNING"}.get(extra[0], extra[0].strip("_").upper())
        raise NotExact(f"a statement in it has {word}, which has no translation")


def _pinned(node: Node, relation: Relation) -> set[str]:
    """Return the own columns that a condition equates with the same column of NEW or OLD."""
    while isinstance(node, exp.Paren):
        node = node.this
    if isinstance(node, exp.And):
        return _pinned(node.this, relation) | _pinned(node.expression, relation)
    if not isinstance(node, _EQUAL):
        return set()
    sides = [node.this, node.expression]
    if not all(isinstance(side, exp.Column) for side in sides):
        return set()
    rows = [side for side in sides if fold(side.text("table")) in ("new", "old")]
    own = [side for side in sides if fold(side.text("table")) not in ("new", "old")]
    if len(rows) != 1 or len(own) != 1:
        return set()
    names = [_real_name(relation, side.name) for side in (rows[0], own[0])]
    return {names[0]} if fold(names[0]) == fold(names[1]) else set()


def _real_name(relation: Relation, name: str) -> str:
    is_rowid = find(relation.columns, name) is None and fold(name) in ("rowid", "_rowid_", "oid")
    return relation.rowid if is_rowid and relation.rowid is not None else name


def _is_raise(node: Node) -> bool:
    return isinstance(node, exp.Anonymous) and isinstance(node.this, str) and node.this.upper() == "RAISE"


def _branches(node: Node) -> list[tuple[Node, Node]]:
    """Return conditions (None: always) and the RAISE that each leads to."""
    if _is_raise(node):
        return [(None, node)]
    if not isinstance(node, exp.Case):
        raise NotExact("RAISE stands inside an expression")
    branches = []
    for branch in node.args["ifs"]:
        call = branch.args["true"]
        test = branch.this if node.this is None else exp.EQ(this=node.this.copy(), expression=branch.this.copy())
        branches.append((test, call if _is_raise(call) else None))
    default = node.args.get("default")
    if default is not None:
        branches.append((None, default if _is_raise(default) else None))
    if any(
        call is None and _holds_raise(branch)
        for branch, call in zip(_results(node), [c for _, c in branches], strict=True)
    ):
        raise NotExact("RAISE stands inside an expression")
    if any(call is None for _, call in branches[:-1]):
        raise NotExact("RAISE follows a condition that does nothing")
    return [(test, call) for test, call in branches if call is not None]


def _results(node: Node) -> list[Node]:
    results = [branch.args["true"] for branch in node.args["ifs"]]
    return [*results, node.args["default"]] if node.args.get("default") is not None else results


def _holds_raise(node: Node) -> bool:
    return any(_is_raise(found) for found in node.find_all(exp.Anonymous))


def _tested(tests: Sequence[str], actions: Sequence[str]) -> str:
    lines = []
    for number, (test, action) in enumerate(zip(tests, actions, strict=True)):
        lines += [f"{'IF' if number == 0 else 'ELSIF'} {test} THEN", f"    {action}"]
    return "\n".join([*lines, "END IF;"])
