"""SQLite's SQL as sqlglot's trees, read exactly as SQLite reads it.

sqlglot's SQLite dialect is built to be lenient and to speak to other dialects: it folds functions of different meaning
into one node, drops unary plus (which removes a column's affinity), reads ``a = b LIKE c`` as ``a = (b LIKE c)``, and
takes keywords of other engines (types before strings, lambdas, intervals). The dialect here keeps functions as they are
written and follows the precedence table of https://sqlite.org/lang_expr.html#operators_and_parse_affecting_attributes.
"""

from __future__ import annotations

from typing import Any, ClassVar

from sqlglot import exp
from sqlglot.dialects.sqlite import SQLite
from sqlglot.errors import SqlglotError
from sqlglot.parsers.sqlite import SQLiteParser
from sqlglot.tokens import Token, TokenType

from exuvia.engines.postgres.translate.values import NotExact

Node = Any  # sqlglot is not typed strictly; its trees are checked where they are read


def _operator(name: str) -> Any:
    return lambda _self, this, expression: exp.Anonymous(this=name, expressions=[this, expression])


class _Parser(SQLiteParser):  # type: ignore[misc, unused-ignore]
    FUNCTIONS: ClassVar[dict[str, Any]] = {}
    FUNCTION_PARSERS: ClassVar[dict[str, Any]] = {
        "CAST": lambda self: self._parse_cast_text(),
        "RAISE": lambda self: self._parse_raise(),
    }
    NO_PAREN_FUNCTION_PARSERS: ClassVar[dict[str, Any]] = {"CASE": lambda self: self._parse_case()}
    NO_PAREN_FUNCTIONS: ClassVar[dict[Any, Any]] = {
        TokenType.CURRENT_DATE: exp.CurrentDate,
        TokenType.CURRENT_TIME: exp.CurrentTime,
        TokenType.CURRENT_TIMESTAMP: exp.CurrentTimestamp,
    }
    LAMBDAS: ClassVar[dict[Any, Any]] = {}
    COLUMN_OPERATORS: ClassVar[dict[Any, Any]] = {TokenType.DOT: None}
    CAST_COLUMN_OPERATORS: ClassVar[set[Any]] = set()
    CONCAT_OPERATORS: ClassVar[dict[Any, Any]] = {
        TokenType.DPIPE: lambda _self, this, expression: exp.DPipe(this=this, expression=expression),
        TokenType.ARROW: _operator("->"),
        TokenType.DARROW: _operator("->>"),
    }
    UNARY_PARSERS: ClassVar[dict[Any, Any]] = {
        TokenType.PLUS: lambda self: exp.Anonymous(this="+", expressions=[self._parse_unary()]),
        TokenType.NOT: lambda self: exp.Not(this=self._parse_equality()),
        TokenType.TILDE: lambda self: exp.BitwiseNot(this=self._parse_unary()),
        TokenType.DASH: lambda self: exp.Neg(this=self._parse_unary()),
    }
    _PATTERNS: ClassVar[dict[Any, str]] = {
        TokenType.LIKE: "LIKE",
        TokenType.GLOB: "GLOB",
        TokenType.MATCH: "MATCH",
        TokenType.RLIKE: "REGEXP",
    }

    def _warn_unsupported(self) -> None:
        self.raise_error("Unknown syntax")

    def _parse_interval(self, *_args: Any, **_kwargs: Any) -> Node:
        return None

    def _parse_type(self, *_args: Any, **_kwargs: Any) -> Node:
        atom = self._parse_atom()
        return atom if atom is not None else self._parse_column()

    def _parse_cast_text(self) -> Node:
        this = self._parse_assignment()
        if not self._match(TokenType.ALIAS):
            self.raise_error("Expected AS after CAST")
        words = []
        while self._curr and self._curr.token_type not in (TokenType.L_PAREN, TokenType.R_PAREN):
            words.append(self._curr.text)
            self._advance()
        if self._match(TokenType.L_PAREN):
            while self._curr and not self._match(TokenType.R_PAREN):
                self._advance()
        return exp.Anonymous(this="CAST", expressions=[this, exp.Literal.string(" ".join(words))])

    def _parse_raise(self) -> Node:
        action = exp.Var(this=self._curr.text.upper())
        self._advance()
        message = [self._parse_assignment()] if self._match(TokenType.COMMA) else []
        return exp.Anonymous(this="RAISE", expressions=[action, *message])

    def _parse_equality(self, parse_is: bool = True) -> Node:  # noqa: ARG002  # sqlglot's signature
        this = self._parse_comparison()
        while True:
            following = self._one_equality(this)
            if following is None:
                return this
            this = following

    def _one_equality(self, this: Node) -> Node:
        if self._match_set((TokenType.EQ, TokenType.NEQ)):
            kind = exp.EQ if self._prev.token_type == TokenType.EQ else exp.NEQ
            return kind(this=this, expression=self._parse_comparison())
        if self._match(TokenType.IS):
            return self._is(this)
        if self._match(TokenType.ISNULL):
            return exp.NullSafeEQ(this=this, expression=exp.Null())
        if self._match(TokenType.NOTNULL):
            return exp.NullSafeNEQ(this=this, expression=exp.Null())
        negate = self._match(TokenType.NOT)
        if negate and self._match(TokenType.NULL):
            return exp.NullSafeNEQ(this=this, expression=exp.Null())
        found = self._range(this)
        if found is None and negate:
            self.raise_error("Unexpected NOT")
        return exp.Not(this=found) if negate else found

    def _is(self, this: Node) -> Node:
        negate = bool(self._match(TokenType.NOT))
        if self._match_text_seq("DISTINCT", "FROM"):
            negate = not negate
        kind = exp.NullSafeNEQ if negate else exp.NullSafeEQ
        return kind(this=this, expression=self._parse_comparison())

    def _range(self, this: Node) -> Node:
        if self._match(TokenType.BETWEEN):
            low = self._parse_comparison()
            if not self._match(TokenType.AND):
                self.raise_error("Expected AND")
            return exp.Between(this=this, low=low, high=self._parse_comparison())
        if self._match(TokenType.IN):
            return self._parse_in(this)
        if self._curr and self._curr.token_type in self._PATTERNS:
            name = self._PATTERNS[self._curr.token_type]
            self._advance()
            operands = [this, self._parse_comparison()]
            if self._match(TokenType.ESCAPE):
                operands.append(self._parse_comparison())
            return exp.Anonymous(this=name, expressions=operands)
        return None

    def _parse_comparison(self, this: Node = None) -> Node:
        this = this or self._parse_bitwise()
        while self._match_set(self.COMPARISON):
            kind = self.COMPARISON[self._prev.token_type]
            this = kind(this=this, expression=self._parse_bitwise())
        return this

    def _parse_factor_operand(self) -> Node:
        this = self._parse_concat_operand()
        while self._curr and (build := self.CONCAT_OPERATORS.get(self._curr.token_type)):
            self._advance()
            this = build(self, this, self._parse_concat_operand())
        return this

    def _parse_range(self, this: Node = None, parse_is: bool = False) -> Node:  # noqa: ARG002  # sqlglot's signature
        return this or self._parse_bitwise()


class _Dialect(SQLite):  # type: ignore[misc, unused-ignore]
    Parser = _Parser

    class Tokenizer(SQLite.Tokenizer):  # type: ignore[misc, unused-ignore]
        COMMANDS = SQLite.Tokenizer.COMMANDS - {TokenType.REPLACE}


_DIALECT = _Dialect()


def tokens(sql: str) -> list[Token]:
    """Return the tokens of ``sql``.

    Raises:
        NotExact: The text cannot be read.
    """
    try:
        return list(_DIALECT.tokenize(sql))
    except SqlglotError as error:
        raise NotExact(f"it cannot be read ({_first_line(error)})") from None


def statement(sql: str) -> Node:
    """Return the tree of the one statement in ``sql``; NotExact when it cannot be read."""
    try:
        found = [tree for tree in _DIALECT.parse(sql) if tree is not None]
    except (SqlglotError, RecursionError, ValueError, IndexError, AttributeError) as error:
        raise NotExact(f"it cannot be read ({_first_line(error)})") from None
    if len(found) != 1 or isinstance(found[0], exp.Command):
        raise NotExact("it cannot be read as one statement")
    return found[0]


def expression(sql: str) -> Node:
    """Return the tree of an expression; NotExact when it cannot be read."""
    tree = statement(f"SELECT {sql}")
    used = {key for key, value in tree.args.items() if value and key != "expressions"}
    if not isinstance(tree, exp.Select) or used or len(tree.expressions) != 1:
        raise NotExact("it cannot be read as one expression")
    if isinstance(tree.expressions[0], exp.Alias):
        raise NotExact("it cannot be read as one expression")
    return tree.expressions[0]


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0].rstrip(".")
