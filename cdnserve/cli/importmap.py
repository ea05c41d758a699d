"""`cdnserve importmap`: an import map with integrity for hosted ES modules and all that they import.

Never a map with a hole: what can't be resolved to a hosted file is a problem.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import click

from cdnserve.cli.command import Command, algorithm_option, as_objects, json_option, report, root_option, state_option
from cdnserve.cli.context import build_release, open_release
from cdnserve.cli.terminal import write, write_json
from cdnserve.errors import ConfigurationError, Problem
from cdnserve.modules.hosted import ModuleRequest
from cdnserve.modules.package_json import inside
from cdnserve.rules.semver import is_package_name, is_range
from cdnserve.rules.urls import public_url
from cdnserve.snippets.importmap import script_json
from cdnserve.snippets.subject import Options, Subject, metadata, of_asset, read_algorithms
from cdnserve.snippets.tags import elements

# The @ of a scope does not begin a range, and a range has no slash. A file is not what begins like a range: "@>=3".
_NAME = re.compile(
    r"(?P<name>(?:@[^@/=]+/)?[^@/=]+)(?:@(?P<range>[^/]+?))?(?:/(?P<path>[^=]+))?(?:(?<![@<>|\s])=(?P<file>[^=]+))?",
    re.DOTALL,
)


@click.command(cls=Command)
@click.argument("names", nargs=-1, required=True, metavar="NAME...")
@click.option(
    "--format", "form", type=click.Choice(["json", "html"]), default="json", show_default=True, help="What to print."
)
@click.option("--preload", is_flag=True, help="With html: also a modulepreload link for each module.")
@click.option("--relative", is_flag=True, help="Addresses that begin with /, for pages of the same host.")
@algorithm_option
@root_option
@state_option
@json_option
def command(  # one for each option
    names: tuple[str, ...],
    form: str,
    preload: bool,
    relative: bool,
    algorithms: tuple[str, ...],
    root: Path,
    state: str | None,
    as_json: bool,
) -> None:
    """Print an import map with integrity for hosted ES modules.

    NAME is the name of a hosted library, with a range of versions and a path if need be: vue, vue@^3.4,
    lit/decorators.js, @scope/name@1/path. NAME=FILE chooses the file that it means: vue=dist/vue.esm-browser.js. The
    map names also what these modules import, in the versions that their package.json files ask for, and has the
    integrity of every file.
    """
    from cdnserve.modules.graph import module_graph, module_map
    from cdnserve.npm.hosted import HostedLibraries

    wanted, options = _wanted(names), Options(read_algorithms(algorithms))
    store, catalog = open_release(root, state, build_release(root, state))
    graph = module_graph(wanted, HostedLibraries(root, store, catalog))
    site = "" if relative else catalog.site.url
    subjects = [replace(of_asset(catalog, path, module=True), url=public_url(path, site)) for path in graph.modules]
    integrity = {subject.name: metadata(subject, options) for subject in subjects}
    found = module_map(graph, lambda path: public_url(path, site), integrity)
    warnings = (*graph.warnings, *_rule_warnings(subjects))
    if as_json:
        write_json({"importmap": found, "modules": graph.modules, "problems": as_objects(warnings)})
        return
    report(warnings)
    text = script_json(found)
    if form == "html":
        at_once = [one for one in subjects if preload and one.kind == "module" and one.name not in graph.later]
        links = (elements(subject, options)[0] for subject in at_once)
        text = "\n".join(['<script type="importmap">', text, "</script>", *links])
    write([[(line, "")] for line in text.split("\n")])


def _wanted(names: Sequence[str]) -> list[ModuleRequest]:
    found, wrong = [], []
    for name in names:
        match = _NAME.fullmatch(name)
        version, file = (match["range"], inside(match["file"] or "")) if match else (None, None)
        if match and is_package_name(match["name"]) and (version is None or is_range(version)) and file is not None:
            found.append(ModuleRequest(match["name"], version, f"./{match['path']}" if match["path"] else ".", file))
        else:
            hint = "say NAME, NAME@RANGE, NAME/PATH or NAME=FILE, as vue, vue@^3.4 or lit/decorators.js"
            wrong.append(Problem("module-name", "this names no hosted module", value=name, hint=hint))
    if wrong:
        raise ConfigurationError(wrong)
    return found


def _rule_warnings(subjects: Sequence[Subject]) -> list[Problem]:
    """Return what the rules of the modules mean for the page, each thing once."""
    first = {remark: subject.name for subject in reversed(subjects) for remark in subject.remarks}
    return [Problem("module-rule", remark, path, warning=True) for remark, path in sorted(first.items())]
