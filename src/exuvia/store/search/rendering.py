"""A query's tree as each engine's full-text query. Words hold nothing but letters and digits, so nothing can break out
of the quotation marks that they are put into."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from exuvia.store.search.syntax import All, AnyOf, Node, Term


def fts5(node: Node) -> str:
    """Write a query for FTS5's MATCH (https://www.sqlite.org/fts5.html#full_text_query_syntax)."""
    match node:
        case Term(words, prefix):
            return f'"{" ".join(words)}"' + (" *" if prefix else "")
        case AnyOf(parts):
            return f"({' OR '.join(map(fts5, parts))})"
        case All(parts, without):
            found = f"({' AND '.join(map(fts5, parts))})"
            return f"({found} NOT ({' OR '.join(map(fts5, without))}))" if without else found


def tsquery(node: Node) -> str:
    """Write what every row that matches has, as PostgreSQL's tsquery: of a phrase its words, wherever they stand."""
    match node:
        case Term(words, prefix):
            lexemes = [f"'{word}'" for word in words]
            lexemes[-1] += ":*" if prefix else ""
            return f"({' & '.join(lexemes)})" if len(lexemes) > 1 else lexemes[0]
        case AnyOf(parts):
            return f"({' | '.join(map(tsquery, parts))})"
        case All(parts, without):
            # a row may have an excluded phrase's words apart
            excluded = [f"!{tsquery(part)}" for part in without if not has_phrase(part)]
            return f"({' & '.join([*map(tsquery, parts), *excluded])})"


def has_phrase(node: Node) -> bool:
    """Tell whether a query asks for words beside each other, which its ``tsquery`` does not."""
    if isinstance(node, Term):
        return len(node.words) > 1
    parts = (*node.parts, *node.without) if isinstance(node, All) else node.parts
    return any(map(has_phrase, parts))


def condition(node: Node, ask: Callable[[Term], str]) -> str:
    """Write a query as a condition of SQL.

    Args:
        node: The query.
        ask: Writes the condition for a term.
    """
    match node:
        case Term():
            return ask(node)
        case AnyOf(parts):
            return f"({' OR '.join(condition(part, ask) for part in parts)})"
        case All(parts, without):
            asked = [condition(part, ask) for part in parts]
            asked += [f"NOT {condition(part, ask)}" for part in without]
            return f"({' AND '.join(asked)})"


def spaced(term: Term) -> str:
    """Return how a term stands in a folded text: each word with a blank before and after it."""
    text = " " + "  ".join(term.words)
    return text if term.prefix else text + " "


def branches(node: Node) -> Iterator[Node]:
    """Yield the parts of which any is enough, so that each can be looked for by itself; or the query as a whole."""
    match node:
        case AnyOf(parts):
            yield from parts
        case All((AnyOf(parts),), without) if without:
            yield from (All((part,), without) for part in parts)
        case _:
            yield node
