"""What `make docs` does to a page before MkDocs reads it.

Links to files of the repository that the site doesn't have become their text, as long as the file exists.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
_OUTSIDE = re.compile(r"\[([^\]]+)\]\(((?:\.\./)+[^)#]+)(?:#[^)]*)?\)")


def on_page_markdown(markdown: str, *, page: Any, **_: object) -> str:
    """Return a page's text, where a link to an existing file outside docs/ is plain text (MkDocs, Events)."""
    folder = Path(page.file.abs_src_path).parent

    def shown(link: re.Match[str]) -> str:
        target = Path(os.path.normpath(folder / link[2]))
        outside = target.is_relative_to(ROOT) and not target.is_relative_to(ROOT / "docs")
        return link[1] if outside and target.exists() else link[0]

    return _OUTSIDE.sub(shown, markdown)
