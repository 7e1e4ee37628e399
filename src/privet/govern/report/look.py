"""What the pages share: templates beside this module, escaped texts, one style sheet.

The texts come from data sets, requesters and files, so nothing in them is trusted: Jinja2
escapes all of it, and a content security policy in each page forbids requests, and scripts
other than the page's own.
"""

from __future__ import annotations

import base64
import hashlib
import re
from functools import lru_cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jinja2 import Template

_UNPRINTABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")
"""Characters that HTML or UTF-8 cannot hold."""
_TURNING = re.compile("[\u202a-\u202e\u2066-\u2069]")
"""Characters that would turn around the sentence that a name stands in."""


OWN = "privet.govern.report"


def fill(name: str, *, package: str = OWN, **values: Any) -> str:
    """The text of a page from a package's template of that name."""
    text = _template(name, package).render(css=safe(beside("look.css")), **values)
    return _UNPRINTABLE.sub("\ufffd", _TURNING.sub("", text))


def safe(text: str) -> Any:
    """Mark text of this package, or text that is escaped already, as HTML."""
    from markupsafe import Markup

    return Markup(text)


def beside(name: str, package: str = OWN) -> str:
    """The text of a file of a package, by default of this one."""
    return files(package).joinpath(name).read_text(encoding="utf-8")


def pinned(script: str) -> str:
    """The source expression that lets a content security policy run this script only."""
    digest = hashlib.sha256(script.encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"


@lru_cache(maxsize=4)
def _template(name: str, package: str) -> Template:
    from jinja2 import Environment, StrictUndefined

    room = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    return room.from_string(beside(name, package))
