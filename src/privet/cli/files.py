"""Writing files whole or not at all."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO, cast

from privet.errors import InvalidInput

_IN_MEMORY = 1 << 24
"""Characters, about, up to which a nameless file needs no disk."""


def writable(
    path: str | Path, *, option: str = "--out", reads: Sequence[str | None] = ()
) -> Path:
    """Check, before any work is done, that the file could be written.

    Args:
        reads: files that the same command reads, or that must not be replaced unasked.

    Raises:
        InvalidInput: its folder does not exist or may not be written to, or it is a folder, or
            one of the files that are read.
    """
    target = Path(path)
    for name in reads:
        if name is not None and target.exists() and Path(name).exists() and target.samefile(name):
            raise InvalidInput(f"{option} would replace a file that this command reads",
                               value=str(path), bound="another file",
                               remedy=f"{option} {target.with_name('new-' + target.name)}")
    folder = target.parent
    if target.is_dir():
        raise InvalidInput(f"{option} is a folder", value=str(path), bound="the name of a file",
                           remedy=f"{option} {target / 'result'}")
    if not folder.is_dir():
        raise InvalidInput(f"the folder of {option} does not exist", value=str(folder),
                           bound="an existing folder", remedy=f"mkdir -p {folder}")
    try:
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise InvalidInput(f"the folder of {option} cannot be written to ({error.strerror})",
                           value=str(folder), bound="a folder that you may write to",
                           remedy=f"{option} {Path.home() / target.name}") from None
    return target


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """Give the name of a temporary file beside `path`; it takes its place only on success."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".part")
    os.close(handle)
    part = Path(name)
    try:
        yield part
        part.chmod(0o666 & ~_umask())
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


@contextmanager
def whole_text(path: Path) -> Iterator[TextIO]:
    """Give a text file to write, bit by bit; it takes the place of `path` only on success."""
    with whole_file(path) as part, part.open("w", encoding="utf-8", newline="") as file:
        yield file
        file.flush()
        os.fsync(file.fileno())


def write_text(path: Path, text: str) -> None:
    """Write text, replacing the file whole or not at all."""
    with whole_text(path) as file:
        file.write(text)


@contextmanager
def spooled() -> Iterator[TextIO]:
    """Give a nameless text file to write and read again; a small one stays in memory."""
    with tempfile.SpooledTemporaryFile(
        max_size=_IN_MEMORY, mode="w+", encoding="utf-8", newline=""
    ) as file:
        yield cast(TextIO, file)


def _umask() -> int:
    mask = os.umask(0o022)
    os.umask(mask)
    return mask
