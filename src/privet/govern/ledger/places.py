"""Where a ledger lives: default path, address, and file systems that SQLite must not use."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from privet.errors import InvalidInput, Refused

# SQLite's write-ahead log needs memory shared by all its processes and honest locks. On these
# it corrupts silently (https://www.sqlite.org/wal.html, section 1; faq.html, question 5).
NETWORK = frozenset({
    "nfs", "nfs3", "nfs4", "cifs", "smbfs", "smb2", "smb3", "ncpfs", "afs", "ceph", "lustre",
    "gpfs", "beegfs", "glusterfs", "9p", "drvfs", "davfs", "orangefs", "pvfs2", "fuse.sshfs",
    "fuse.glusterfs", "fuse.ceph", "fuse.s3fs", "fuse.gcsfuse", "fuse.rclone", "fuse.davfs",
    "fuse.curlftpfs", "fuse.gvfsd-fuse", "fuse.blobfuse", "fuse.blobfuse2", "fuse.juicefs",
    "fuse.cephfs", "fuse.mfs", "fuse.goofys",
    # Folders that a virtual machine shares with its host, or with other machines.
    "virtiofs", "vboxsf", "vmhgfs", "fuse.vmhgfs-fuse",
})


@dataclass(frozen=True)
class Address:
    """A ledger's address.

    Attributes:
        url: the server's address, with its password; None for a file.
        path: the file, for SQLite; None for a server.
        shown: the address without a password, for messages.
        key: the private key file that belongs to it.
    """

    url: str | None
    path: Path | None
    shown: str
    key: Path


def data_folder() -> Path:
    """PRIVET_HOME, else `privet` in the user's data folder (XDG_DATA_HOME, ~/.local/share)."""
    home = os.environ.get("PRIVET_HOME")
    if home:
        return Path(home)
    return Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share") / "privet"


def find_address(address: str | os.PathLike[str] | None, key: Path | None = None) -> Address:
    """Read an address: None, a path, `sqlite:///path` or `postgresql://...`.

    Raises:
        InvalidInput: another database, or an address that cannot be read.
    """
    text = None if address is None else os.fspath(address)
    if text is None:
        path = data_folder() / "ledger.db"
    elif "://" not in text:
        path = Path(text).expanduser()
    elif text.startswith("sqlite:///") and "?" not in text:
        path = Path(text.removeprefix("sqlite:///"))
    else:
        return _server(text, key)
    if not path.name or str(path) == ":memory:":
        raise InvalidInput("a ledger needs a file", value=text, remedy="Ledger.open('ledger.db')")
    path = path.absolute()
    return Address(None, path, str(path), key or path.with_suffix(".key"))


def _server(text: str, key: Path | None) -> Address:
    import hashlib

    from sqlalchemy.engine import make_url
    from sqlalchemy.exc import ArgumentError

    try:
        url = make_url(text)
    except (ArgumentError, ValueError):
        # The address may hold a password, so it is not shown.
        raise InvalidInput(
            "the address of the ledger cannot be read",
            bound="a path, or postgresql://user@host/database",
        ) from None
    if url.get_backend_name() != "postgresql":
        raise InvalidInput(
            "a ledger lives in SQLite or PostgreSQL",
            value=url.get_backend_name(),
            bound="a path, or postgresql://user@host/database",
        )
    if url.drivername == "postgresql":
        url = url.set(drivername="postgresql+psycopg")
    name = f"{url.host or url.query.get('host', '')}:{url.port or 5432}/{url.database}"
    digest = hashlib.sha256(name.encode()).hexdigest()[:16]
    return Address(
        url.render_as_string(hide_password=False),
        None,
        url.render_as_string(hide_password=True),
        key or data_folder() / f"ledger-{digest}.key",
    )


def refuse_network(path: Path) -> None:
    """Refuse a file on a network file system, as far as the system tells (Linux).

    Raises:
        Refused: SQLite would corrupt silently there.
    """
    mounts = Path("/proc/mounts")
    if not mounts.exists():
        return
    kind = mount_type(path, mounts.read_text(errors="replace"))
    if kind in NETWORK:
        raise Refused(
            f"{path} lies on a network file system, where SQLite corrupts silently",
            value=kind,
            bound="a local disk, or PostgreSQL",
            remedy="Ledger.open('postgresql://user@host/database')",
        )


def mount_type(path: Path, mounts: str) -> str:
    """The type of the file system that holds a path, from the text of /proc/mounts.

    The last of equally long mount points wins: later mounts cover earlier ones.
    """
    real = path.resolve()
    best, kind = -1, ""
    for line in mounts.splitlines():
        fields = line.split(" ")
        if len(fields) < 3:
            continue
        point = Path(_unescaped(fields[1]))
        if len(point.parts) >= best and (point == real or point in real.parents):
            best, kind = len(point.parts), fields[2]
    return kind


def _unescaped(text: str) -> str:
    for code, char in (("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")):
        text = text.replace(code, char)
    return text
