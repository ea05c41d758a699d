"""The documentation: every command, option, variable, event, file and target that it names is there."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from cdnserve.cli.main import COMMANDS, main
from cdnserve.server import access_log

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "cdnserve"
# Commands have help of their own in docs/commands.md, which other tests hold against the program.
PAGES = sorted({*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("docs/how-to/*.md")} - {ROOT / "CHANGELOG.md"})
DEPLOYED = sorted(file for file in (*ROOT.glob("deploy/**/*"), ROOT / "Dockerfile") if file.is_file())
# Options of other programs, as pages and files of deploy/ name them.
FOREIGN = {
    *("--strict", "--upgrade", "--hypothesis-profile", "--requests", "--packages", "--inplace", "--read-only"),
    *("--tmpfs", "--cap-drop", "--security-opt", "--from", "--kustomize", "--namespace", "--filename", "--detach"),
    *("--rm", "--now", "--distribution-id", "--invalidation-batch", "--no-cache-dir", "--require-hashes", "--no-deps"),
    *("--only-binary", "--dest", "--no-index", "--no-build-isolation", "--wheel-dir", "--mount", "--no-compile"),
    *("--invalidation-mode", "--directory", "--owner", "--group", "--interval", "--timeout", "--start-period"),
}
# What the tests read.
OTHER_VARIABLES = {"CDNSERVE_PROOF_KILLS"}
OPTION = re.compile(r"(?<![\w-])--[a-z][a-z0-9-]+")
VARIABLE = re.compile(r"\bCDNSERVE_[A-Z][A-Z_0-9]*\b")
CALL = re.compile(rf"\bcdnserve ({'|'.join(sorted(COMMANDS, key=len, reverse=True))})(?![\w-])([^`|;&#\n]*)")
# A file of the repository, in backticks or as the target of a link.
FILE = re.compile(r"(?:`|\]\((?:\.\./)*)((?:deploy|scripts|tests|bench|requirements|docs|\.ci)/[\w./-]*\w)")


def options_of(name: str) -> set[str]:
    """Return all spellings of a command's options."""
    command = main.get_command(click.Context(main), name)
    assert command
    return {"--help", *(spelling for option in command.params for spelling in (*option.opts, *option.secondary_opts))}


OPTIONS = {name: options_of(name) for name in COMMANDS}
READ = set(VARIABLE.findall("".join(file.read_text(encoding="utf-8") for file in PACKAGE.rglob("*.py"))))
READ |= {f"CDNSERVE_{option[2:].upper().replace('-', '_')}" for option in set().union(*OPTIONS.values())}


def untrue(text: str) -> Iterator[str]:
    """Yield what a text names of the program that the program does not have."""
    for name, rest in CALL.findall(text):
        yield from (f"{name} {option}" for option in set(OPTION.findall(rest)) - OPTIONS[name] - FOREIGN)
    known = set().union(FOREIGN, {"--version"}, *OPTIONS.values())
    yield from set(OPTION.findall(text)) - known
    yield from set(VARIABLE.findall(text)) - READ - OTHER_VARIABLES


def absent(text: str) -> Iterator[str]:
    """Yield the files, modules and targets of the repository that a text names and that aren't there."""
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    yield from (path for path in FILE.findall(text) if not (ROOT / path).exists())
    for module in re.findall(r"python3? -m (bench\.\w+)", text):
        if not (ROOT / f"{module.replace('.', '/')}.py").exists():
            yield module
    for target in re.findall(r"`make ([a-z-]+)", text):
        if not re.search(rf"^{target}:", makefile, re.MULTILINE):
            yield f"make {target}"


@pytest.mark.parametrize("file", [*PAGES, *DEPLOYED], ids=lambda file: file.relative_to(ROOT).as_posix())
def test_what_is_named_is_there(file: Path) -> None:
    text = file.read_text(encoding="utf-8")
    assert [] == [*untrue(text), *absent(text)]


def test_what_is_not_there_is_found() -> None:
    text = "`cdnserve gc --workers` `--no-such` CDNSERVE_NONE [x](../deploy/none.conf) python -m bench.none `make none`"
    found = ["gc --workers", "--no-such", "CDNSERVE_NONE", "deploy/none.conf", "bench.none", "make none"]
    assert found == [*untrue(text), *absent(text)]


def events() -> dict[str, set[str]]:
    """Return the events that the program logs, with their facts."""
    found: dict[str, set[str]] = {}
    for file in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_bytes())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "event":
                names = [part.id for part in ast.walk(node.args[0]) if isinstance(part, ast.Name) and part.id.isupper()]
                for name in names:
                    facts = found.setdefault(getattr(access_log, name), set())
                    facts |= {str(keyword.arg) for keyword in node.keywords}
    return found


def test_every_event_of_the_log_is_told_with_its_facts() -> None:
    text = (ROOT / "docs/operations.md").read_text(encoding="utf-8")
    table = text.partition("| `event` | facts |\n")[2].partition("\n\n")[0].splitlines()[1:]
    rows = [line.strip("| ").split(" | ", 1) for line in table]
    told = {
        name: set(re.findall("`([a-z]+)`", facts)) for names, facts in rows for name in re.findall("`(.+?)`", names)
    }
    # Made by the form of the log, and by what nobody made an event of.
    made = {name: facts for name, facts in told.items() if name not in ("problem", "other")}
    assert events() == made
