"""`python -m bench --list | NAME [--quick] | --all [--quick]`."""

from __future__ import annotations

import argparse
import sys

from bench import harness

PAGE = harness.ROOT / "docs" / "benchmarks.md"


def main(arguments: list[str] | None = None) -> int:
    """Run what was asked for; 0 only if it ran and every target that was set holds."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME")
    parser.add_argument("--list", action="store_true", help="name the benchmarks")
    parser.add_argument("--all", action="store_true", help=f"run all and rewrite {PAGE.name}")
    parser.add_argument("--quick", action="store_true", help="smaller, within a minute each")
    given = parser.parse_args(arguments)
    if given.list:
        sys.stdout.write("\n".join(harness.BENCHMARKS) + "\n")
        return 0
    names = list(harness.BENCHMARKS) if given.all else given.names
    strange = [name for name in names if name not in harness.BENCHMARKS]
    if strange or not names:
        parser.error(f"no benchmark {', '.join(strange)}; one of {', '.join(harness.BENCHMARKS)}")
    records = []
    for name in names:
        found = harness.run(name, quick=given.quick)
        harness.emit(found)
        records += found
    if given.all:
        PAGE.write_text(harness.table(records), encoding="utf-8")
    return 0 if all(record["holds"] is not False for record in records) else 1


if __name__ == "__main__":
    raise SystemExit(main())
