"""`outdated`: which requirements of the manifest are behind the registry, and by how much.

Never changes anything: `update` does.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cdnserve.libraries.outlook import Outlook, higher, look_out, named
from cdnserve.libraries.registries.metadata import Package
from cdnserve.libraries.scene import read_scene
from cdnserve.libraries.settings import Progress, Settings, Silent
from cdnserve.libraries.wording import shown


@dataclass(frozen=True, slots=True)
class Behind:
    """A requirement that is behind; `current` is `""` where nothing hosted satisfies it.

    Sizes are octets of all files, unpacked, as the registry counts them; `None` where it doesn't. `deprecated` is why
    the current version is.
    """

    name: str
    requirement: str
    current: str
    wanted: str
    latest: str
    current_size: int | None
    wanted_size: int | None
    latest_size: int | None
    deprecated: str

    @property
    def growth(self) -> int | None:
        """The change of size from the current version to the wanted one, or to the latest where they are the same."""
        target = self.latest_size if self.wanted == self.current else self.wanted_size
        return None if target is None or self.current_size is None else target - self.current_size


def outdated(
    root: Path, names: Sequence[str], settings: Settings, progress: Progress | None = None
) -> tuple[Behind, ...]:
    """Give the requirements that are behind, or whose version is deprecated; raise ConfigurationError."""
    scene = read_scene(root)
    outlooks = look_out(named(scene, names), scene.lock, settings, progress or Silent())
    return tuple(_behind(outlook) for outlook in outlooks if _is_behind(outlook))


def _is_behind(one: Outlook) -> bool:
    # An older version that stands beside a newer one is meant to be old.
    overtaken = one.leads and higher(one.wanted, one.latest) != one.wanted
    return one.wanted != one.current or overtaken or bool(_deprecated(one))


def _behind(outlook: Outlook) -> Behind:
    package, current = outlook.package, outlook.current
    return Behind(
        name=outlook.name,
        requirement=outlook.requirement,
        current=current,
        wanted=outlook.wanted,
        latest=outlook.latest,
        current_size=_size(package, current),
        wanted_size=_size(package, outlook.wanted),
        latest_size=_size(package, outlook.latest),
        deprecated=_deprecated(outlook),
    )


def _deprecated(outlook: Outlook) -> str:
    package, current = outlook.package, outlook.current
    return shown(package.deprecated(current)) if current in package.versions else ""


def _size(package: Package, version: str) -> int | None:
    # A version that was taken back may still be hosted here.
    return package.unpacked_size(version) if version in package.versions else None
