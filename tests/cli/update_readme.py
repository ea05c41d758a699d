"""Write the help texts of today into README.md and docs/commands.md: `python tests/cli/update_readme.py`."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from tests.cli.readme import COMMANDS, README, refreshed


def main() -> None:
    """Rewrite them where they differ."""
    for document in (README, COMMANDS):
        document.write_text(refreshed(document.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()
