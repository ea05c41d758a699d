"""The audit: a page and what is known of its files become findings.

Never stops at the first: all checks look at all loads.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from cdnserve.snippets.pages import checks, reaching, whole
from cdnserve.snippets.pages.facts import Facts, Scene, facts
from cdnserve.snippets.pages.finding import Finding
from cdnserve.snippets.pages.ours import Ours

_CHECKS = (
    checks.missing,
    checks.malformed,
    checks.wrong,
    checks.alias,
    checks.mutable,
    checks.ignored,
    checks.svg,
    checks.failed,
    reaching.crossorigin,
    reaching.cors,
    reaching.scheme,
)


def audit(scene: Scene) -> tuple[Finding, ...]:
    """Find what is wrong with how a page loads scripts, styles and modules, in the order of the page."""
    found = [finding for load in scene.loads.every for finding in _of_load(facts(load, scene), scene.ours)]
    found += [*whole.preloads(scene.loads), *whole.maps(scene.loads)]
    return tuple(sorted(found, key=lambda finding: finding.place.start))


def _of_load(known: Facts, ours: Ours) -> Iterator[Finding]:
    if known.load.is_templated:
        found = [*reaching.template(known, ours)]
    else:
        found = [finding for check in _CHECKS for finding in check(known)]
        found += [*reaching.host(known, ours), *reaching.public(known, ours)]
    return (replace(finding, part=known.load.part) for finding in found)
