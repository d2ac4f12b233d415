"""What statements touch that make, alter and drop tables."""

from __future__ import annotations

from typing import Final

from exuvia.guard.postgres import known
from exuvia.guard.postgres.found import Collector, Place, Survey, relation_name, strings, unknown_syntax
from exuvia.guard.verdict import Denial


def _created(place: Place, found: Survey) -> None:
    found.alters.append(relation_name(place.node.get("relation") or place.node.get("view") or {}))
    if place.node.get("behavior") == "DROP_CASCADE":
        found.denials.append(_CASCADE)


def _examined(place: Place, found: Survey) -> None:
    """A table whose rows are looked at, or come to be under another name; errors can tell what is in them."""
    found.reads.append(relation_name(place.node.get("relation") or {}))


def _indexed(place: Place, found: Survey) -> None:
    _created(place, found)
    _examined(place, found)


_INDEX_OPTIONS: Final = {
    *("fillfactor", "deduplicate_items", "fastupdate", "pages_per_range", "buffering"),
    *("m", "ef_construction", "lists", "siglen"),
}


def _indexed_so(place: Place, found: Survey) -> None:
    _indexed(place, found)
    for option in place.node.get("options", ()):
        if option["DefElem"].get("defname") not in _INDEX_OPTIONS:
            found.denials.append(unknown_syntax("An index's storage parameter of this name"))


def _index_element(place: Place, found: Survey) -> None:
    given = strings(place.node.get("opclass"))
    if given and (given[-1] not in known.OPERATOR_CLASSES or len(given) > 2):
        found.denials.append(unknown_syntax(f"The operator class {'.'.join(given)}"))


def _into(place: Place, found: Survey) -> None:
    found.alters.append(relation_name(place.node.get("rel", {})))


def _as_table(place: Place, found: Survey) -> None:
    if place.node.get("objtype") != "OBJECT_TABLE":
        found.denials.append(unknown_syntax("CREATE MATERIALIZED VIEW"))
    if "query" in place.node and "SelectStmt" not in place.node["query"]:
        found.denials.append(unknown_syntax("CREATE TABLE AS of anything but a SELECT"))


_CASCADE: Final = Denial(
    "cascade", "CASCADE reaches objects that the statement does not name.", "Name each of them, and leave CASCADE out."
)
_ALTERATIONS: Final = {
    *("AT_AddColumn", "AT_DropColumn", "AT_AlterColumnType", "AT_ColumnDefault", "AT_SetNotNull", "AT_DropNotNull"),
    *("AT_AddConstraint", "AT_DropConstraint", "AT_ValidateConstraint", "AT_SetStatistics"),
    *("AT_AddIdentity", "AT_SetIdentity", "AT_DropIdentity", "AT_DropExpression", "AT_SetExpression"),
}


def _alteration(place: Place, found: Survey) -> None:
    subtype = str(place.node.get("subtype", ""))
    if subtype not in _ALTERATIONS:
        found.denials.append(unknown_syntax(f"ALTER TABLE {subtype.removeprefix('AT_')}"))
    if place.node.get("behavior") == "DROP_CASCADE":
        found.denials.append(_CASCADE)


def _alter(place: Place, found: Survey) -> None:
    _indexed(place, found)
    if place.node.get("objtype") != "OBJECT_TABLE":
        found.denials.append(unknown_syntax("ALTER of anything but a table"))


def _rename(place: Place, found: Survey) -> None:
    _indexed(place, found)
    kind = place.node.get("renameType")
    if kind not in ("OBJECT_TABLE", "OBJECT_COLUMN", "OBJECT_TABCONSTRAINT"):
        found.denials.append(unknown_syntax("RENAME of anything but a table, a column or a constraint"))
    elif kind == "OBJECT_TABLE":
        name = relation_name(place.node.get("relation", {}))
        found.alters.append((*name[:-1], str(place.node.get("newname", ""))))


def _dropped(place: Place, found: Survey) -> None:
    kind = place.node.get("removeType")
    if kind not in ("OBJECT_TABLE", "OBJECT_VIEW", "OBJECT_INDEX"):
        found.denials.append(
            Denial("statement", "Only tables, views and indexes can be dropped.", "Let a person drop other objects.")
        )
    if place.node.get("behavior") == "DROP_CASCADE":
        found.denials.append(_CASCADE)
    names = [strings(item.get("List", {}).get("items")) for item in place.node.get("objects", ())]
    if kind == "OBJECT_INDEX":
        found.indexes += names
    else:
        found.alters += names


def _commented(place: Place, found: Survey) -> None:
    name = strings(place.node.get("object", {}).get("List", {}).get("items"))
    kind = place.node.get("objtype")
    if kind in ("OBJECT_TABLE", "OBJECT_VIEW"):
        found.alters.append(name)
    elif kind == "OBJECT_COLUMN":
        found.alters.append(name[:-1])
    else:
        found.denials.append(unknown_syntax("COMMENT on anything but a table, a view or a column"))


def _truncated(place: Place, found: Survey) -> None:
    found.alters += [relation_name(item["RangeVar"]) for item in place.node.get("relations", ())]
    if place.node.get("behavior") == "DROP_CASCADE":
        found.denials.append(_CASCADE)


def _constraint(place: Place, found: Survey) -> None:
    if "pktable" in place.node:
        found.reads.append(relation_name(place.node["pktable"]))


COLLECT: Final[dict[str, Collector]] = {
    "CreateStmt": _created,
    "CreateTableAsStmt": _as_table,
    "IntoClause": _into,
    "IndexStmt": _indexed_so,
    "IndexElem": _index_element,
    "ViewStmt": _created,
    "AlterTableStmt": _alter,
    "AlterTableCmd": _alteration,
    "RenameStmt": _rename,
    "DropStmt": _dropped,
    "TruncateStmt": _truncated,
    "CommentStmt": _commented,
    "Constraint": _constraint,
}
