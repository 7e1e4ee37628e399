"""What the library says in Python, said as one writes it on the command line."""

from __future__ import annotations

import ast
import re
import shlex

_OPTIONS = frozenset(
    {"epsilon", "delta", "seeds", "model", "purpose", "release", "query", "share", "table",
     "target"}
)
"""Arguments that are options of the same name."""
_CALLS = frozenset({"arguments", "privet.read", "pv.Private"})
"""What these arguments may be given to: nothing, or what the commands call."""
_NAMED = re.compile(r"(?<![\w.])(query|table)=(?=[\s,;]|$)")
_LINE = re.compile(r"\w+ = ")
"""How a line of a schema or a policy begins; arguments have no spaces around the sign."""

_FRAME = re.compile(r"(pandas|polars)\.(\w+\(.+\))   # and give the frame")
"""Reading by a package whose frames are for Python alone."""


def in_prose(text: str) -> str:
    """A sentence with the arguments of Python in it as options.

    >>> in_prose("exactly one of query= and table=")
    'exactly one of --query and --table'
    """
    return _NAMED.sub(r"--\1", text)


def as_options(remedy: str) -> str:
    """A line of Python as options of the command line; anything else is left as it is.

    >>> as_options("delta=0.015")
    '--delta 0.015'
    >>> as_options("privet.read('x.duckdb', table='visits of 2020')")
    "--table 'visits of 2020'"
    >>> as_options('target = "ill"')
    'target = "ill"'
    """
    frame = _FRAME.fullmatch(remedy)
    if frame:
        return _conversion(*frame.groups())
    code, mark, note = remedy.partition("   # ")
    for source in (code, f"arguments({code})") if not _LINE.match(code) else ():
        options = _options(source)
        if options is not None:
            return options + mark + in_prose(note)
    return code + mark + in_prose(note)


def _options(source: str) -> str | None:
    """The arguments of one call as options; None if it is no call, or they are none."""
    try:
        call = ast.parse(source, mode="eval").body
    except (SyntaxError, ValueError):  # a sentence, a line of a schema, a command of the shell
        return None
    if not isinstance(call, ast.Call) or ast.unparse(call.func) not in _CALLS:
        return None
    if source.startswith("privet.read(") and not call.keywords:
        return _place(call) + "   # without --query and --table"
    words = []
    for keyword in call.keywords:
        if keyword.arg == "kinds" and isinstance(keyword.value, ast.Dict):
            kinds = ast.literal_eval(keyword.value)
            words += [f"--kind {shlex.quote(f'{name}={kind}')}" for name, kind in kinds.items()]
            continue
        if keyword.arg not in _OPTIONS or not isinstance(keyword.value, ast.Constant):
            return None
        # Numbers as they are written: 1e-5 is not 1e-05 to the eye.
        written = ast.get_source_segment(source, keyword.value) or ""
        value = keyword.value.value
        text = value if isinstance(value, str) else written
        words.append(f"--{keyword.arg} {shlex.quote(text)}")
    return " ".join(words) or None


def _conversion(package: str, call: str) -> str:
    """The shell's line for what Python does with a frame: a file that the commands read."""
    made = "to_csv('data.csv', index=False)" if package == "pandas" else "sink_csv('data.csv')"
    return f"python -c {shlex.quote(f'import {package}; {package}.{call}.{made}')}"


def _place(call: ast.Call) -> str:
    place = call.args[0] if call.args else None
    return shlex.quote(str(place.value)) if isinstance(place, ast.Constant) else "DATA"
