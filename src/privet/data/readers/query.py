"""What a query may be: one statement that reads.

This is the first of two locks. It looks at words alone, before anything is sent; the second is
a connection that the database itself holds to reading (`database`, `duck.connect`). Some
databases have no such connection, and then the words are all there is, so that a doubtful one is
refused: INTO, say, which makes a table of what a SELECT finds.
"""

from __future__ import annotations

import re

from privet.errors import InvalidInput

_STARTS = frozenset({"SELECT", "WITH", "VALUES", "TABLE", "FROM"})
_WRITES = frozenset({"INSERT", "UPDATE", "DELETE", "MERGE", "INTO"})
# A comment of MySQL that begins with /*! is run, so it is none. Text is what quotes enclose.
_ASIDE = re.compile(
    r"""--[^\n]*|/\*(?!!).*?\*/"""
    r"""|'(?:[^']|'')*'|"(?:[^"]|"")*"|`(?:[^`]|``)*`|\[[^\]]*\]"""
    r"""|(?P<tag>\$\w*\$).*?(?P=tag)""",
    re.DOTALL,
)


def require_reading(query: str) -> None:
    """Refuse what is not one statement that reads, before it reaches a database.

    Raises:
        InvalidInput: it begins with another word than SELECT, WITH, VALUES, TABLE or FROM, names
            a statement that writes, or goes on after a semicolon.
    """
    bare = _ASIDE.sub(lambda found: " " if found[0][:2] in ("--", "/*") else " '' ", query)
    words = re.findall(r"\w+", bare.upper())
    if not words or words[0] not in _STARTS or not re.match(r"[\s(]*\w", bare):
        raise _refused("does not begin as one that reads", query)
    if ";" in bare.strip().rstrip(";").rstrip():
        raise _refused("holds several statements", query)
    written = next((word for word in words if word in _WRITES), None)
    if written is not None:
        raise _refused(f"holds the word {written}, which writes", query,
                       remedy='query="SELECT ..."   # a column of that name: in quotes')


def _refused(problem: str, query: str, remedy: str = 'query="SELECT ..."') -> InvalidInput:
    return InvalidInput(f"data are read only, and the query {problem}", value=query,
                        bound="one SELECT, WITH, VALUES, TABLE or FROM", remedy=remedy)
