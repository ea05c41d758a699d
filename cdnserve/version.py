"""The version of the program, as it is installed."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version


def running_version() -> str:
    """Return the version of the installed package, empty where there is none."""
    try:
        return version("cdnserve")
    except PackageNotFoundError:
        return ""
