"""Write the help texts of today into README.md: `python tests/cli/update_readme.py`."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from tests.cli.readme import README, refreshed


def main() -> None:
    """Rewrite the README where it differs."""
    README.write_text(refreshed(README.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()
