"""What a survey of a parse tree collects, and what people call what it finds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

from exuvia.guard.policy import Level
from exuvia.guard.postgres.parse import Node
from exuvia.guard.verdict import Denial, highest

Name = tuple[str, ...]
Hidden = frozenset[str]

_KINDS: Final = {
    "A_Expr": "operator",
    "VariableSetStmt": "SET",
    "VariableShowStmt": "SHOW",
    "CreateStmt": "CREATE TABLE",
    "CreateTableAsStmt": "CREATE TABLE AS",
    "IndexStmt": "CREATE INDEX",
    "ViewStmt": "CREATE VIEW",
    "CreateTrigStmt": "CREATE TRIGGER",
    "RuleStmt": "CREATE RULE",
    "TransactionStmt": "BEGIN, COMMIT and ROLLBACK",
    "DefineStmt": "CREATE AGGREGATE, OPERATOR or TYPE",
    "CreatedbStmt": "CREATE DATABASE",
    "DropdbStmt": "DROP DATABASE",
    "CreatePLangStmt": "CREATE LANGUAGE",
    "RefreshMatViewStmt": "REFRESH MATERIALIZED VIEW",
    "AlterObjectSchemaStmt": "ALTER … SET SCHEMA",
    "AlterOwnerStmt": "ALTER … OWNER TO",
    "ClosePortalStmt": "CLOSE",
    "IntoClause": "SELECT INTO",
    "XmlExpr": "XML expressions",
    "RangeTableFunc": "XMLTABLE",
    "CurrentOfExpr": "WHERE CURRENT OF",
}


@dataclass(slots=True)
class Survey:
    """What was found in the statements of a text, in the order of its appearance."""

    statements: list[str] = field(default_factory=list)
    levels: set[Level] = field(default_factory=set)
    reads: list[Name] = field(default_factory=list)
    writes: list[Name] = field(default_factory=list)
    alters: list[Name] = field(default_factory=list)
    indexes: list[Name] = field(default_factory=list)
    functions: list[Name] = field(default_factory=list)
    types: list[Name] = field(default_factory=list)
    operators: list[Name] = field(default_factory=list)
    attributes: list[str] = field(default_factory=list)
    settings: list[str] = field(default_factory=list)
    denials: list[Denial] = field(default_factory=list)

    @property
    def needs(self) -> Level:
        """The level that the statements take."""
        return highest(self.levels)


@dataclass(frozen=True, slots=True)
class Place:
    """A node that is still to be looked at, with the names that CTEs hide there."""

    kind: str
    node: Node
    hidden: Hidden
    target: bool = False


Collector = Callable[["Place", Survey], None]


def kind_name(node: str) -> str:
    """Return what a person calls a kind of node: ``DropRoleStmt`` is DROP ROLE."""
    if node in _KINDS:
        return _KINDS[node]
    words = "".join(f" {letter}" if letter.isupper() else letter for letter in node.removesuffix("Stmt"))
    return words.strip().upper() if node.endswith("Stmt") else node


def unknown_syntax(what: str) -> Denial:
    reason = _REASONS.get(what, f"{what} is not among the kinds of SQL that are allowed here.")
    return Denial("statement", reason, _HINTS.get(what, "Say it as one SELECT, INSERT, UPDATE, DELETE or MERGE."))


def strings(items: Any) -> Name:
    """Return the parts of a dotted name."""
    return tuple(str(item["String"].get("sval", "")) for item in items or () if "String" in item)


def relation_name(node: Node) -> Name:
    schema = node.get("schemaname")
    return (str(schema), str(node.get("relname", ""))) if schema else (str(node.get("relname", "")),)


_REASONS: Final = {
    "SELECT INTO": "SELECT INTO makes a table.",
    "FOR UPDATE": "FOR UPDATE and FOR SHARE lock rows for other sessions.",
    "COPY": "COPY reads and writes files and programs of the server.",
    "DO": "DO runs a program of any kind.",
    "CALL": "CALL runs a procedure, which can do anything and can commit.",
    "SET": "SET changes the session that others use after you.",
    "BEGIN, COMMIT and ROLLBACK": "BEGIN, COMMIT and ROLLBACK would end the transaction that limits the statement.",
    "PREPARE": "PREPARE keeps a statement for later, when nobody judges it.",
    "EXECUTE": "EXECUTE runs a statement that nobody has judged.",
    "LISTEN": "LISTEN changes the session that others use after you.",
    "NOTIFY": "NOTIFY reaches other sessions.",
    "CREATE INDEX CONCURRENTLY": "CREATE INDEX CONCURRENTLY cannot run in a transaction, which limits and undoes it.",
    "DROP INDEX CONCURRENTLY": "DROP INDEX CONCURRENTLY cannot run in a transaction, which limits and undoes it.",
    "LOCK": "LOCK TABLE stops other sessions.",
}
_HINTS: Final = {
    "SELECT INTO": "Leave INTO out; for a new table use CREATE TABLE AS with the ddl level.",
    "FOR UPDATE": "Leave it out: the statement is alone in its transaction.",
    "COPY": "Use SELECT to read and INSERT to write.",
    "BEGIN, COMMIT and ROLLBACK": "Send the statement alone: it gets a transaction of its own.",
    "SET": "Leave it out: time limits and caps are set in the policy.",
    "CREATE INDEX CONCURRENTLY": "Use CREATE INDEX, or let a person make the index.",
    "DROP INDEX CONCURRENTLY": "Use DROP INDEX, or let a person drop the index.",
    "PREPARE": "Send the statement itself, with parameters.",
    "EXECUTE": "Send the statement itself, with parameters.",
}
