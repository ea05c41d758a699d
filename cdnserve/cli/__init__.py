"""The command line: one file for each command, and the only place that prints."""

from cdnserve.cli.main import main

__all__ = ["main"]
