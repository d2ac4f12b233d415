"""Which nodes of PostgreSQL's parse trees are understood, and with which fields; everything else is denied.

The names are those of PostgreSQL's ``parsenodes.h`` and ``primnodes.h``, as libpg_query writes them in JSON. A field
that is not listed stands for syntax that nobody has thought about here, so it is refused like an unknown node.
"""

from __future__ import annotations

from typing import Final

from exuvia.guard.policy import Level


def _fields(text: str) -> dict[str, frozenset[str]]:
    lines = (line.split(":") for line in text.strip().splitlines())
    return {node.strip(): frozenset(fields.split()) | {"location"} for node, fields in lines}


_READ: Final = _fields("""
SelectStmt: distinctClause targetList fromClause whereClause groupClause groupDistinct havingClause windowClause valuesLists sortClause limitOffset limitCount limitOption withClause op all larg rarg
WithClause: ctes recursive
CommonTableExpr: ctename aliascolnames ctematerialized ctequery search_clause cycle_clause
CTESearchClause: search_col_list search_breadth_first search_seq_column
CTECycleClause: cycle_col_list cycle_mark_column cycle_mark_value cycle_mark_default cycle_path_column
RangeVar: schemaname relname inh relpersistence alias
RangeSubselect: lateral subquery alias
RangeFunction: lateral ordinality is_rowsfrom functions alias coldeflist
RangeTableSample: relation method args repeatable
JoinExpr: jointype isNatural larg rarg usingClause join_using_alias quals alias
Alias: aliasname colnames
ResTarget: name indirection val
ColumnRef: fields
ColumnDef: colname typeName is_local collClause
A_Const: ival fval boolval sval bsval isnull
A_Expr: kind name lexpr rexpr rexpr_list_start rexpr_list_end
BoolExpr: boolop args
FuncCall: funcname args agg_order agg_filter over agg_within_group agg_star agg_distinct func_variadic funcformat
NamedArgExpr: arg name argnumber
WindowDef: name refname partitionClause orderClause frameOptions startOffset endOffset
SortBy: node sortby_dir sortby_nulls useOp
TypeCast: arg typeName
TypeName: names typmods typemod arrayBounds
CollateClause: arg collname
SubLink: subLinkType testexpr operName subselect
CaseExpr: arg args defresult
CaseWhen: expr result
CoalesceExpr: args
MinMaxExpr: op args
NullTest: arg nulltesttype
BooleanTest: arg booltesttype
RowExpr: args row_format colnames
A_ArrayExpr: elements
A_Indirection: arg indirection
A_Indices: is_slice lidx uidx
A_Star:
GroupingFunc: args refs
GroupingSet: kind content
ParamRef: number
SQLValueFunction: op typmod
List: items
String: sval
Integer: ival
Float: fval
Boolean: boolval
BitString: bsval
ExplainStmt: query options
VariableShowStmt: name
DefElem: defname arg defaction
JsonFuncExpr: op column_name context_item pathspec passing output on_empty on_error wrapper quotes
JsonValueExpr: raw_expr formatted_expr format
JsonFormat: format_type encoding
JsonOutput: typeName returning
JsonReturning: format typid typmod
JsonBehavior: btype expr coerce
JsonArgument: val name
JsonObjectConstructor: exprs output absent_on_null unique
JsonArrayConstructor: exprs output absent_on_null
JsonArrayQueryConstructor: query output format absent_on_null
JsonKeyValue: key value
JsonObjectAgg: constructor arg absent_on_null unique
JsonArrayAgg: constructor arg absent_on_null
JsonAggConstructor: output agg_filter agg_order over
JsonIsPredicate: expr format item_type unique_keys
JsonParseExpr: expr output unique_keys
JsonScalarExpr: expr output
JsonSerializeExpr: expr output
JsonTable: context_item pathspec passing columns on_error alias lateral
JsonTableColumn: coltype name typeName pathspec format wrapper quotes columns on_empty on_error
JsonTablePathSpec: string name name_location
""")  # noqa: E501 - one line a node

_WRITE: Final = _fields("""
InsertStmt: relation cols selectStmt onConflictClause returningList withClause override
OnConflictClause: action infer targetList whereClause
InferClause: indexElems whereClause conname
IndexElem: name expr collation ordering nulls_ordering
UpdateStmt: relation targetList whereClause fromClause returningList withClause
DeleteStmt: relation usingClause whereClause returningList withClause
MergeStmt: relation sourceRelation joinCondition mergeWhenClauses returningList withClause
MergeWhenClause: matchKind commandType override condition targetList values
MergeSupportFunc: msftype
MultiAssignRef: source colno ncolumns
SetToDefault: typeId
""")

_DDL: Final = _fields("""
CreateStmt: relation tableElts constraints oncommit if_not_exists partspec
ColumnDef: colname typeName is_local collClause constraints is_not_null raw_default
Constraint: contype conname deferrable initdeferred skip_validation initially_valid is_no_inherit raw_expr cooked_expr generated_when nulls_not_distinct keys including indexspace where_clause pktable fk_attrs pk_attrs fk_matchtype fk_upd_action fk_del_action fk_del_set_cols
PartitionSpec: strategy partParams
PartitionElem: name expr collation
CreateTableAsStmt: query into objtype if_not_exists
IntoClause: rel colNames onCommit skipData
AlterTableStmt: relation cmds objtype missing_ok
AlterTableCmd: subtype name num def behavior missing_ok
RenameStmt: renameType relationType relation subname newname behavior missing_ok
IndexStmt: idxname relation accessMethod options indexParams indexIncludingParams whereClause unique nulls_not_distinct if_not_exists
IndexElem: name expr indexcolname collation opclass opclassopts ordering nulls_ordering
ViewStmt: view aliases query replace withCheckOption
DropStmt: objects removeType behavior missing_ok
TruncateStmt: relations restart_seqs behavior
CommentStmt: objtype object comment
""")  # noqa: E501 - one line a node

FIELDS: Final[dict[Level, dict[str, frozenset[str]]]] = {"read": _READ, "write": _WRITE, "ddl": _DDL}

# libpg_query writes a field without its node's name where the field can hold only one kind of node.
UNWRAPPED: Final = {
    "withClause": "WithClause",
    "search_clause": "CTESearchClause",
    "cycle_clause": "CTECycleClause",
    "alias": "Alias",
    "join_using_alias": "Alias",
    "typeName": "TypeName",
    "over": "WindowDef",
    "collClause": "CollateClause",
    "onConflictClause": "OnConflictClause",
    "infer": "InferClause",
    "into": "IntoClause",
    "rel": "RangeVar",
    "relation": "RangeVar",
    "view": "RangeVar",
    "pktable": "RangeVar",
    "partspec": "PartitionSpec",
    "context_item": "JsonValueExpr",
    "format": "JsonFormat",
    "output": "JsonOutput",
    "returning": "JsonReturning",
    "on_empty": "JsonBehavior",
    "on_error": "JsonBehavior",
    "constructor": "JsonAggConstructor",
    "pathspec": "JsonTablePathSpec",
    "key": "JsonValueExpr",
    "value": "JsonValueExpr",
    "fval": "Float",
    "ival": "Integer",
    "sval": "String",
    "boolval": "Boolean",
    "bsval": "BitString",
}
_UNWRAPPED_IN: Final = {
    ("SelectStmt", "larg"): "SelectStmt",
    ("SelectStmt", "rarg"): "SelectStmt",
    ("JsonObjectAgg", "arg"): "JsonKeyValue",
    ("JsonArrayAgg", "arg"): "JsonValueExpr",
    ("JsonArgument", "val"): "JsonValueExpr",
    ("JsonParseExpr", "expr"): "JsonValueExpr",
    ("JsonSerializeExpr", "expr"): "JsonValueExpr",
}


def level_of(node: str) -> Level | None:
    """Return the lowest level at which a kind of node is understood; None for none."""
    return next((level for level, known in FIELDS.items() if node in known), None)


def is_known(node: str, field: str) -> bool:
    """Whether a field of a kind of node is understood at any level."""
    return any(field in known.get(node, ()) for known in FIELDS.values())


def kind_within(node: str, field: str) -> str | None:
    """Return the kind of node that a field holds without its name; None where it cannot."""
    return _UNWRAPPED_IN.get((node, field)) or UNWRAPPED.get(field)
