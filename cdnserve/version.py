"""The version of the program, as it is installed."""

from __future__ import annotations


def running_version() -> str:
    """Return the version of the installed package, empty where there is none."""
    # Few commands say it, and what reads it takes as long to load as half of a build that finds nothing changed.
    from importlib.metadata import PackageNotFoundError, version  # noqa: PLC0415

    try:
        return version("cdnserve")
    except PackageNotFoundError:
        return ""
