"""Migrating: pages that load from public CDNs load the same files from here, with integrity.

Never changes a page before every library that it needs is verified and in its place.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cdnserve.errors import ConfigurationError, Problem
from cdnserve.manifest.files import MANIFEST
from cdnserve.manifest.model import Manifest
from cdnserve.manifest.reader import parse_manifest, read_manifest
from cdnserve.markup.files import read_own_pages, write_own_pages
from cdnserve.migrate.packages import RegistryAccess
from cdnserve.migrate.plan import Plan, make_plan
from cdnserve.npm.add import add
from cdnserve.npm.apply import Added
from cdnserve.npm.settings import DownloadProgress, NpmSettings, Silent


@dataclass(frozen=True, slots=True)
class MigrateOptions:
    """The public base URL, `""` for the manifest's, `hosts` to load from as before, and whether nothing is changed."""

    url: str = ""
    hosts: tuple[str, ...] = ()
    dry_run: bool = False


@dataclass(frozen=True, slots=True)
class Migration:
    """What was decided, and what was added for it."""

    plan: Plan
    added: Added


def migrate(
    targets: Sequence[Path],
    root: Path,
    options: MigrateOptions,
    settings: NpmSettings,
    progress: DownloadProgress | None,
) -> Migration:
    """Host what pages load from public CDNs, and rewrite the pages; raise ConfigurationError before any change."""
    manifest = read_manifest(root / MANIFEST)
    site_url = _site_url(options.url, manifest)
    pages = read_own_pages(targets, root)
    plan = make_plan(pages, manifest, site_url, options.hosts, RegistryAccess(root, settings, progress or Silent()))
    added = Added((), ())
    if not options.dry_run:
        if plan.libraries:
            added = add(root, plan.libraries, settings, progress)
        write_own_pages([(page.file, page.data) for page in plan.pages if page.is_changed])
    return Migration(plan, added)


def _site_url(url: str, manifest: Manifest) -> str:
    if url:
        # It is checked as the manifest's is.
        return parse_manifest(f"schema = 1\n[site]\nurl = {json.dumps(url)}\n", "--url").site.url
    if manifest.site.url:
        return manifest.site.url
    message = "pages of other origins need a whole URL, and the manifest has none"
    hint = 'say --url https://cdn.example.com, or put url = "https://cdn.example.com" below [site] in manifest.toml'
    raise ConfigurationError([Problem("migration-without-url", message, MANIFEST, hint=hint)])
