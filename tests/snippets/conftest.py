"""What these tests share with those of npm: registries on loopback, and a root with a manifest."""

from __future__ import annotations

from tests.npm.conftest import elsewhere, registry, root

__all__ = ["elsewhere", "registry", "root"]
