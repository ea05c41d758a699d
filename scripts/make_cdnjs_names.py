"""Make `cdnserve/cdns/cdnjs.json`: what cdnjs calls the packages of npm, out of the facts that were looked up.

    scripts/make_cdnjs_names.py FACTS.json

FACTS has `source` (a text with the commit and date of cdnjs's descriptions) and `libraries`: cdnjs's name → npm's
name and the folders that cdnjs copies.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

TARGET = Path(__file__).parent.parent / "cdnserve" / "cdns" / "cdnjs.json"


def compact(facts: str) -> str:
    """Return the data file's text: a line for each library, npm's name first, then the folders."""
    read = json.loads(facts)
    rows = {name: [package, *folders] for name, (package, folders) in sorted(read["libraries"].items())}
    lines = ",\n".join(f"{json.dumps(name)}:{json.dumps(row, separators=(',', ':'))}" for name, row in rows.items())
    return f'{{"source":{json.dumps(read["source"])},\n"libraries":{{\n{lines}\n}}}}\n'


if __name__ == "__main__":
    TARGET.write_text(compact(Path(sys.argv[1]).read_text("utf-8")), "utf-8")
