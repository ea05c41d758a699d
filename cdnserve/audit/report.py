"""SARIF 2.1.0 (OASIS): findings as code hosts read them, with places, levels and ready changes.

Never names a file but as the command line did: the code host knows the folder.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from urllib.parse import quote

from cdnserve.audit.findings import RULES, Audited, Finding
from cdnserve.errors import Problem
from cdnserve.markup.tag import NEWLINE, Part, Tag

_SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
_RULES = tuple(RULES)


def as_sarif(audited: Sequence[Audited], problems: Sequence[Problem]) -> dict[str, object]:
    """Return a log with one run; a page that could not be read is a notification of the tool."""
    run = {
        "tool": {"driver": _driver()},
        # §3.14.17: our columns count characters, not UTF-16 code units.
        "columnKind": "unicodeCodePoints",
        "invocations": [
            {
                "executionSuccessful": not problems,
                "toolExecutionNotifications": [_notification(problem) for problem in problems],
            }
        ],
        "results": [_result(one.page, finding) for one in audited for finding in one.findings],
    }
    return {"$schema": _SCHEMA, "version": "2.1.0", "runs": [run]}


def _driver() -> dict[str, object]:
    rules = [
        {
            "id": name,
            "shortDescription": {"text": f"{rule.summary[0].upper()}{rule.summary[1:]}."},
            "defaultConfiguration": {"level": rule.level},
        }
        for name, rule in RULES.items()
    ]
    try:
        return {"name": "cdnserve", "version": version("cdnserve"), "rules": rules}
    except PackageNotFoundError:
        return {"name": "cdnserve", "rules": rules}


def _notification(problem: Problem) -> dict[str, object]:
    message = {"text": f"{problem.where}: {problem.message}" if problem.where else problem.message}
    return {"level": "error", "descriptor": {"id": problem.reference}, "message": message}


def _result(page: str, finding: Finding) -> dict[str, object]:
    parts = (f"{finding.message}.", finding.url, finding.hint)
    location = {"artifactLocation": _artifact(page), "region": _region(finding.place)}
    result: dict[str, object] = {
        "ruleId": finding.rule,
        "ruleIndex": _RULES.index(finding.rule),
        "level": finding.level,
        "message": {"text": "\n".join(_whole(part) for part in parts if part)},
        "locations": [{"physicalLocation": location}],
    }
    return result | ({"fixes": [_fix(page, finding)]} if finding.fix else {})


def _fix(page: str, finding: Finding) -> dict[str, object]:
    replacement = {"deletedRegion": _region(finding.tag), "insertedContent": {"text": _whole(finding.fix)}}
    change = {"artifactLocation": _artifact(page), "replacements": [replacement]}
    return {"description": {"text": "Write the tag as it should be."}, "artifactChanges": [change]}


def _region(place: Tag | Part) -> dict[str, int]:
    """Return where a tag or a part begins, and where the next character stands."""
    *before, last = NEWLINE.split(place.text)
    end = len(last) + (1 if before else place.column)
    return {
        "startLine": place.line,
        "startColumn": place.column,
        "endLine": place.line + len(before),
        "endColumn": end,
    }


def _artifact(page: str) -> dict[str, str]:
    if page.lower().startswith(("http://", "https://")):
        return {"uri": page}
    path = Path(page)
    uri = quote(path.as_posix(), errors="surrogateescape")
    return {"uri": f"file://{uri}" if path.is_absolute() else uri}


def _whole(text: str) -> str:
    # A lone surrogate, which carries an octet of no character, is no JSON that every reader takes.
    return text.encode("utf-8", "replace").decode("utf-8")
