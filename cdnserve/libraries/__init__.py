"""Libraries: npm packages as files under the root, verified before a byte of them is unpacked.

Never serves anything, and never prints: commands get values, problems and progress.
"""

from __future__ import annotations

from cdnserve.libraries.adding import add
from cdnserve.libraries.outcomes import Added, Placed, Synced
from cdnserve.libraries.settings import Limits, Progress, Settings, Silent
from cdnserve.libraries.spec import Spec, parse_spec
from cdnserve.libraries.syncing import sync

__all__ = [
    "Added",
    "Limits",
    "Placed",
    "Progress",
    "Settings",
    "Silent",
    "Spec",
    "Synced",
    "add",
    "parse_spec",
    "sync",
]
