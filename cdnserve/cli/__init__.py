"""The command line: one file for each command, and the only place that prints.

Never opens a file, and imports a command only when it is asked for.
"""

from cdnserve.cli.program import main

__all__ = ["main"]
