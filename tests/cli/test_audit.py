"""`cdnserve audit`: pages compared with the release, for people, for programs and for code hosts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from cdnserve.audit.findings import RULES
from cdnserve.markup.parser import scan
from tests.cli.conftest import Run
from tests.cli.processes import run_on_terminal
from tests.cli.test_sri import GREET, expression
from tests.npm.registry import Answer, serving

URL = "https://cdn.example.com/demo/1.0.0/greet.js"
GOOD = f'<script src="{URL}" integrity="{expression(GREET)}" crossorigin></script>\n'
BAD = f'<!doctype html>\n<title>é</title> <script\n  src="{URL}"></script>\n'
UNCHECKED = "it loads unchecked: whoever controls the other origin controls this page"
NOTE = f'<script src="{URL[6:]}" integrity="{expression(GREET)}" crossorigin></script>\n'


@pytest.fixture
def site(root: Path) -> Path:
    """A folder with a page that is right and one that is not."""
    folder = root.parent / "site"
    folder.mkdir()
    (folder / "bad.html").write_text(BAD, encoding="utf-8")
    (folder / "good.html").write_text(GOOD)
    return folder


def test_a_page_that_is_right(run: Run, site: Path) -> None:
    result = run("audit", "site/good.html")
    assert (0, "nothing found in 1 page\n", "") == (result.exit_code, result.stdout, result.stderr)


def test_a_page_that_is_not(run: Run, site: Path) -> None:
    """Each finding begins with its place; the fix has the tag's lines, to be pasted."""
    result = run("audit", "site")
    assert (1, "") == (result.exit_code, result.stderr)
    assert [
        f"site/bad.html:2:18: error: {UNCHECKED} [integrity-missing]",
        f"    url:  {URL}",
        f"    hint: it should be {expression(GREET)}",
        "    fix:",
        "        <script",
        f'          src="{URL}" integrity="{expression(GREET)}" crossorigin="anonymous">',
        "1 error in 2 pages",
        "     1 integrity-missing: a script or stylesheet of another origin loads unchecked",
        "       hint: take the fix; cdnserve audit --fetch computes more, cdnserve migrate hosts what public CDNs have",
    ] == result.stdout.splitlines()


def test_notes_alone_are_no_failure(run: Run, site: Path) -> None:
    (site / "bad.html").write_text(NOTE)
    result = run("audit", "site")
    assert (0, "1 note in 2 pages") == (result.exit_code, result.stdout.splitlines()[-3])


def test_without_a_manifest_pages_are_audited_all_the_same(run: Run, site: Path, root: Path) -> None:
    (root / "manifest.toml").unlink()
    result = run("audit", "site")
    assert 1 == result.exit_code
    assert "[integrity-missing]" in result.stdout
    assert "fix:" not in result.stdout


def test_a_root_without_a_manifest_may_be_asked_for(run: Run, site: Path) -> None:
    result = run("audit", "--root", "site", "site")
    assert (1, "") == (result.exit_code, result.stderr)
    assert "[integrity-missing]" in result.stdout


def test_a_root_that_was_asked_for_must_be_there(run: Run, site: Path) -> None:
    result = run("audit", "--root", "none", "site")
    assert 1 == result.exit_code
    assert "[root-missing]" in result.stderr


def test_a_page_below_the_root_has_an_address(run: Run, root: Path) -> None:
    """Its own files need no integrity, but must be there."""
    (root / "demo/page.html").write_text('<script src="1.0.0/greet.js"></script><script src="none.js"></script>')
    result = run("audit", "public/demo/page.html")
    assert ["[not-public]"] == [word for word in result.stdout.split() if word.startswith("[")]


def test_further_hosts(run: Run, site: Path) -> None:
    (site / "good.html").write_text(GOOD.replace("cdn.example.com", "edge.example"))
    assert 1 == run("audit", "site/good.html").exit_code
    assert 0 == run("audit", "--host", "edge.example", "site/good.html").exit_code


def test_where_no_page_can_be_read_nothing_is_counted(run: Run, site: Path) -> None:
    result = run("audit", "none.html")
    assert (1, "") == (result.exit_code, result.stdout)
    assert "none.html: there is no such page [page-missing]" in result.stderr


def test_json(run: Run, site: Path) -> None:
    result = run("audit", "--json", "site", "none.html")
    written = json.loads(result.stdout)
    assert (1, "") == (result.exit_code, result.stderr)
    assert ["site/bad.html", "site/good.html"] == [page["page"] for page in written["pages"]]
    (finding,) = written["pages"][0]["findings"]
    assert ("integrity-missing", "error", 2, 18, URL) == tuple(
        finding[key] for key in ("rule", "level", "line", "column", "url")
    )
    assert BAD.replace(finding["tag"], finding["fix"]).count("integrity=") == 1
    assert ["page-missing"] == [problem["reference"] for problem in written["problems"]]


def test_a_page_that_can_not_be_read_is_a_problem(run: Run, site: Path) -> None:
    """The other pages are audited."""
    (site / "bad.html").write_text("<div>" * 1000)
    result = run("audit", "site")
    assert (1, "nothing found in 1 page\n") == (result.exit_code, result.stdout)
    assert result.stderr.startswith("site/bad.html: ")
    assert "[page-unreadable]" in result.stderr


def test_a_page_by_url_and_files_that_are_fetched(run: Run, root: Path) -> None:
    with serving() as other:
        script = other.answer("/x.js", Answer(body=b"x"))
        with serving() as own:
            text = f'<script src="/own.js"></script><script src="{script}"></script>'
            page = own.answer("/a/", Answer(body=text.encode(), fields={"Content-Type": "text/html"}))
            findings = json.loads(run("audit", "--json", "--fetch", page).stdout)["pages"][0]["findings"]
    assert ["integrity-missing", "third-party-host"] == [finding["rule"] for finding in findings]
    assert expression(b"x") in findings[0]["fix"]


def test_what_varies_has_no_fix(run: Run, root: Path, site: Path) -> None:
    with serving() as other:
        script = other.answer("/x.js", Answer(body=b"x", fields={"Vary": "User-Agent"}))
        (site / "bad.html").write_text(f'<script src="{script}" crossorigin></script>')
        findings = json.loads(run("audit", "--json", "--fetch", "site/bad.html").stdout)["pages"][0]["findings"]
    assert ("integrity-missing", "") == (findings[0]["rule"], findings[0]["fix"])
    assert "Vary: User-Agent" in findings[0]["hint"]


def test_templates_of_a_folder_are_audited(run: Run, site: Path) -> None:
    (site / "bad.html").rename(site / "bad.html.erb")
    (site / "layout.php").write_text('<?php if ($a->b) { ?><script src="<?= $url ?>"></script><?php } ?>')
    result = run("audit", "--json", "site")
    found = {page["page"]: [one["rule"] for one in page["findings"]] for page in json.loads(result.stdout)["pages"]}
    expected = {
        "site/bad.html.erb": ["integrity-missing"],
        "site/good.html": [],
        "site/layout.php": ["template-address"],
    }
    assert expected == found


def test_two_formats_at_once_are_wrong_usage(run: Run, site: Path) -> None:
    assert 2 == run("audit", "--json", "--sarif", "site").exit_code


def test_a_terminal_shows_pages_and_no_control_characters(run: Run, site: Path) -> None:
    (site / "bad.html").write_text('<script src="https://a.example/\x1b[31m"></script>')
    status, shown = run_on_terminal("audit", "site", cwd=site.parent)
    assert 1 == status
    assert "bad.html" in shown
    assert "integrity-missing" in shown
    assert "/\x1b[31m" not in shown
    assert "/\\x1b[31m" in shown


class TestSarif:
    """SARIF 2.1.0: what its schema demands, and places that a code host can mark."""

    def log(self, run: Run, *pages: str) -> dict[str, Any]:
        result = run("audit", "--sarif", *pages)
        written: dict[str, Any] = json.loads(result.stdout)
        return written

    def test_the_log_has_one_run_with_all_rules(self, run: Run, site: Path) -> None:
        log = self.log(run, "site")
        assert {"$schema", "version", "runs"} == set(log)
        assert "2.1.0" == log["version"]
        (one,) = log["runs"]
        assert list(RULES) == [rule["id"] for rule in one["tool"]["driver"]["rules"]]
        assert "unicodeCodePoints" == one["columnKind"]
        assert [{"executionSuccessful": True, "toolExecutionNotifications": []}] == one["invocations"]

    def test_a_result_marks_the_tag(self, run: Run, site: Path) -> None:
        (result,) = self.log(run, "site")["runs"][0]["results"]
        assert ("integrity-missing", "error") == (result["ruleId"], result["level"])
        assert result["ruleId"] == list(RULES)[result["ruleIndex"]]
        (place,) = (location["physicalLocation"] for location in result["locations"])
        assert {"uri": "site/bad.html"} == place["artifactLocation"]
        tag = scan(BAD).tags[0].text
        assert tag == cut(BAD, place["region"])

    def test_a_fix_makes_the_page_right(self, run: Run, site: Path) -> None:
        (result,) = self.log(run, "site")["runs"][0]["results"]
        (change,) = result["fixes"][0]["artifactChanges"]
        (replacement,) = change["replacements"]
        tag = cut(BAD, replacement["deletedRegion"])
        (site / "bad.html").write_text(BAD.replace(tag, replacement["insertedContent"]["text"]), encoding="utf-8")
        assert [] == self.log(run, "site")["runs"][0]["results"]

    def test_a_page_that_can_not_be_read_is_a_notification(self, run: Run, site: Path) -> None:
        (invocation,) = self.log(run, "none.html", "site/good.html")["runs"][0]["invocations"]
        assert invocation["executionSuccessful"] is False
        (told,) = invocation["toolExecutionNotifications"]
        assert ("error", {"id": "page-missing"}) == (told["level"], told["descriptor"])

    def test_a_name_is_a_uri(self, run: Run, site: Path) -> None:
        (site / "bad.html").rename(site / "a b#é.html")
        (result,) = self.log(run, "site")["runs"][0]["results"]
        uri = result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"]
        assert "site/a%20b%23%C3%A9.html" == uri

    def test_a_lone_surrogate_is_not_written(self, run: Run, site: Path) -> None:
        (site / "bad.html").write_bytes(b"<meta charset=utf-8><script src='https://a.example/\xff'></script>")
        result = run("audit", "--sarif", "site")
        assert "\\udcff" not in result.stdout
        assert json.loads(result.stdout)["runs"][0]["results"]


def cut(text: str, region: dict[str, int]) -> str:
    """Return what a region marks: lines and columns from 1, the end behind the last character."""
    lines = text.splitlines(keepends=True)
    starts = [sum(map(len, lines[:at])) for at in range(len(lines) + 1)]
    start = starts[region["startLine"] - 1] + region["startColumn"] - 1
    return text[start : starts[region["endLine"] - 1] + region["endColumn"] - 1]
