"""Libraries: npm packages as files under the root, verified before a byte of them is unpacked.

Never serves anything, and never prints: commands get values, problems and progress.
"""

from __future__ import annotations

from cdnserve.libraries.adding import Terms, add
from cdnserve.libraries.outcomes import Added, Move, Placed, Removed, Synced, Updated
from cdnserve.libraries.outdated import Behind, outdated
from cdnserve.libraries.removing import remove
from cdnserve.libraries.settings import Limits, Progress, Settings, Silent
from cdnserve.libraries.spec import Spec, Wish, parse_wish
from cdnserve.libraries.syncing import Checked, check, sync
from cdnserve.libraries.updating import Manner, update

__all__ = [
    "Added",
    "Behind",
    "Checked",
    "Limits",
    "Manner",
    "Move",
    "Placed",
    "Progress",
    "Removed",
    "Settings",
    "Silent",
    "Spec",
    "Synced",
    "Terms",
    "Updated",
    "Wish",
    "add",
    "check",
    "outdated",
    "parse_wish",
    "remove",
    "sync",
    "update",
]
