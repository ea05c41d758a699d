"""Findings: what an audit says about a page, the rules that it says it by, and the report as SARIF 2.1.0.

People write the ids of rules into the settings of code hosts; `docs/audit.md` explains each.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Literal
from urllib.parse import quote

from cdnserve.errors import Problem
from cdnserve.markup.tag import NEWLINE, Part, Tag
from cdnserve.markup.urls import web_url
from cdnserve.version import running_version

Level = Literal["error", "warning", "note"]
LEVELS: tuple[Level, ...] = ("error", "warning", "note")


@dataclass(frozen=True, slots=True)
class AuditRule:
    """What is looked for: `summary` is a sentence without a full stop, `remedy` what resolves it."""

    level: Level
    summary: str
    remedy: str


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong with one tag.

    `rule` is an id out of `RULES`; `url` is what the tag loads, as far as it is known; `fix` is the start tag as it
    should be, `""` where that can't be computed. `part` is the part of the tag's content that it is about, if any.
    """

    rule: str
    tag: Tag
    url: str
    message: str
    hint: str = ""
    fix: str = ""
    part: Part | None = None

    @property
    def place(self) -> Tag | Part:
        """What of the page's text it is about."""
        return self.part or self.tag

    @property
    def level(self) -> Level:
        """How bad it is: an error doesn't load or loads unchecked, a warning may, a note is for information."""
        return RULES[self.rule].level


RULES: Mapping[str, AuditRule] = MappingProxyType(
    {
        "integrity-missing": AuditRule(
            "error",
            "a script or stylesheet of another origin loads unchecked",
            "take the fix; cdnserve audit --fetch computes more, cdnserve migrate hosts what public CDNs have",
        ),
        "integrity-malformed": AuditRule(
            "error",
            "the integrity metadata holds no hash expression that can match",
            "take the fix, or copy what cdnserve sri prints",
        ),
        "integrity-weak": AuditRule(
            "error",
            "browsers check none of the algorithms in the integrity metadata",
            "take the fix, or copy what cdnserve sri prints",
        ),
        "integrity-mixed": AuditRule(
            "warning",
            "a part of the integrity metadata counts for nothing",
            "keep the expressions of one algorithm",
        ),
        "integrity-wrong": AuditRule(
            "error",
            "the file has other integrity metadata, so browsers block it",
            "if the address is right, take the fix; find out first why the file changed",
        ),
        "integrity-ignored": AuditRule(
            "note",
            "browsers don't look at integrity metadata here",
            "take integrity out of the tag",
        ),
        "integrity-of-alias": AuditRule(
            "error",
            "an alias leads to other bytes one day, and integrity blocks them",
            "name the exact version: cdnserve sri NAME prints the tag",
        ),
        "integrity-of-mutable": AuditRule(
            "warning",
            "the file may change, and integrity blocks it then",
            'publish it under a rule with cache = "immutable", with a version in its path',
        ),
        "version-not-pinned": AuditRule(
            "warning",
            "an alias of ours loads unchecked: it can't have integrity metadata",
            "name the exact version: cdnserve sri NAME prints the tag",
        ),
        "crossorigin-missing": AuditRule(
            "error",
            "without crossorigin the browser can't check or use what it gets",
            'write crossorigin="anonymous"',
        ),
        "crossorigin-credentials": AuditRule(
            "error",
            "the server allows no credentials, so browsers block the answer",
            'write crossorigin="anonymous"',
        ),
        "cors-refused": AuditRule(
            "error",
            "the manifest lets no page of another origin load the file",
            "give the rule a cors policy in manifest.toml",
        ),
        "third-party-host": AuditRule(
            "warning",
            "the file comes from a host that the manifest does not cover",
            "run cdnserve migrate PAGE; for a host of yours, say --host HOST",
        ),
        "insecure-url": AuditRule(
            "error",
            "the file comes over http: browsers block it, or anyone on the way changes it",
            "write https://",
        ),
        "protocol-relative": AuditRule(
            "note",
            "the address has no scheme, so the page's own decides",
            "write https://",
        ),
        "credentials-in-url": AuditRule(
            "warning",
            "the address has a user name or password in it, and Chromium blocks it without CORS",
            "write the address without them",
        ),
        "not-public": AuditRule(
            "error",
            "the address is ours, but nothing public lies there",
            "look at the hint; cdnserve explain PATH says which rule decides",
        ),
        "template-address": AuditRule(
            "note",
            "a template writes a part of the address, so it can't be judged",
            "audit the page that the template makes, by its URL",
        ),
        "preload-mismatch": AuditRule(
            "warning",
            "the preload's integrity is not the one of its use, so it is not used",
            "give both the same integrity",
        ),
        "svg-script": AuditRule(
            "warning",
            "a script in SVG has no integrity in any browser",
            "load it by an HTML script tag",
        ),
        "import-map-invalid": AuditRule(
            "error",
            "browsers ignore the import map, or a part of it",
            "correct the part that the message names; cdnserve importmap writes maps",
        ),
        "import-map-late": AuditRule(
            "warning",
            "the import map comes after a module, and some browsers ignore it then",
            "put the import map before all modules",
        ),
        "import-map-repeated": AuditRule(
            "warning",
            "there are several import maps, and some browsers read the first only",
            "put all of it into one import map",
        ),
        "module-unread": AuditRule(
            "warning",
            "a module in the page can't be read to its end",
            "correct the module",
        ),
        "fetch-failed": AuditRule(
            "warning",
            "the file could not be fetched, so its integrity is not known",
            "run the audit again when the host answers, or correct the address",
        ),
    }
)


@dataclass(frozen=True, slots=True)
class Audited:
    """A page that was audited: its name, and what was found in the order of the page."""

    page: str
    findings: tuple[Finding, ...]


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
            "help": {"text": f"{rule.remedy[0].upper()}{rule.remedy[1:]}."},
            "defaultConfiguration": {"level": rule.level},
        }
        for name, rule in RULES.items()
    ]
    version = running_version()
    return {"name": "cdnserve", **({"version": version} if version else {}), "rules": rules}


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
    if web_url(page):
        return {"uri": page}
    path = Path(page)
    uri = quote(path.as_posix(), errors="surrogateescape")
    return {"uri": f"file://{uri}" if path.is_absolute() else uri}


def _whole(text: str) -> str:
    # A lone surrogate, which carries an octet of no character, is no JSON that every reader takes.
    return text.encode("utf-8", "replace").decode("utf-8")
