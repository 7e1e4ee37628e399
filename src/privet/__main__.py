"""Run the command line as `python -m privet`."""

from __future__ import annotations

from privet.cli.main import main

if __name__ == "__main__":
    main()
