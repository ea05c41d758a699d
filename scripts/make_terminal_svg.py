"""Make docs/terminal.svg: README.md's first commands, as a terminal shows them. Needs the registry."""

from __future__ import annotations

import io
import os
import pty
import signal
import subprocess
import tempfile
import time
from pathlib import Path

from rich.console import Console
from rich.text import Text

from scripts.smoke import ROOT, first_commands, free_port

COLUMNS = 110
SECONDS = 60
# As rich's own, but with the system's fonts: nothing is loaded from elsewhere.
FORMAT = """\
<svg class="rich-terminal" viewBox="0 0 {width} {height}" xmlns="http://www.w3.org/2000/svg">
<style>
.{unique_id}-matrix {{
  font: {char_height}px/{line_height}px ui-monospace, Menlo, Consolas, "DejaVu Sans Mono", monospace;
}}
{styles}
</style>
<defs>
<clipPath id="{unique_id}-clip-terminal">
<rect x="0" y="0" width="{terminal_width}" height="{terminal_height}" />
</clipPath>
{lines}
</defs>
{chrome}
<g transform="translate({terminal_x}, {terminal_y})" clip-path="url(#{unique_id}-clip-terminal)">
{backgrounds}
<g class="{unique_id}-matrix">
{matrix}
</g>
</g>
</svg>
"""


def on_terminal(command: str, folder: Path, until: bytes) -> str:
    """Run a command on a terminal until it ends, or has written this; return what it wrote."""
    leader, follower = pty.openpty()
    environment = {**os.environ, "TERM": "xterm-256color", "COLUMNS": str(COLUMNS), "CDNSERVE_PORT": str(free_port())}
    process = subprocess.Popen(
        ["bash", "-c", command],
        cwd=folder,
        env=environment,
        stdin=follower,
        stdout=follower,
        stderr=follower,
        start_new_session=True,
    )
    os.close(follower)
    written, deadline = b"", time.monotonic() + SECONDS
    while time.monotonic() < deadline and not (until and until in written and written.endswith(b"\n")):
        try:
            written += os.read(leader, 65_536)
        except OSError:
            break  # the command has ended
    if process.poll() is None and until:
        os.killpg(process.pid, signal.SIGTERM)
    process.wait()
    os.close(leader)
    text = written.decode().replace("\r\n", "\n").replace(f":{environment['CDNSERVE_PORT']}", ":8000")
    # Of a line that was drawn again, only what stands at the end.
    return "\n".join(line.rpartition("\r")[2] for line in text.split("\n"))


def main() -> None:
    """Write docs/terminal.svg."""
    console = Console(record=True, width=COLUMNS, file=io.StringIO(), force_terminal=True)
    with tempfile.TemporaryDirectory() as name:
        for command in first_commands():
            until = b"pages: " if command.endswith("serve") else b""
            console.print(Text(f"$ {command}", style="bold"))
            console.print(Text.from_ansi(on_terminal(command, Path(name), until)))
    svg = console.export_svg(title="cdnserve", code_format=FORMAT, unique_id="cdnserve")
    (ROOT / "docs/terminal.svg").write_text(svg, encoding="utf-8")


if __name__ == "__main__":
    main()
