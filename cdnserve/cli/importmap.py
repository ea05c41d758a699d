"""`cdnserve importmap`: an import map with integrity for hosted ES modules and all that they import."""

from __future__ import annotations

from pathlib import Path

import click

from cdnserve.cli.command import (
    Command,
    algorithm_option,
    as_objects,
    complete_library,
    json_option,
    report,
    root_option,
    state_option,
    store_option,
)
from cdnserve.cli.npm import write_hostless
from cdnserve.cli.release import current_release
from cdnserve.cli.terminal import write, write_json
from cdnserve.npm.hosted import HostedLibraries
from cdnserve.snippets.importmap import hosted_import_map, module_requests, script_json
from cdnserve.snippets.subject import Options, read_algorithms
from cdnserve.snippets.tags import elements


@click.command(cls=Command, examples=("importmap vue", "importmap vue --format html --preload"))
@click.argument("names", nargs=-1, required=True, metavar="NAME...", shell_complete=complete_library)
@click.option(
    "--format", "form", type=click.Choice(["json", "html"]), default="json", show_default=True, help="What to print."
)
@click.option("--preload", is_flag=True, help="With html: also a modulepreload link for each module.")
@click.option("--relative", is_flag=True, help="Addresses that begin with /, for pages of the same host.")
@algorithm_option
@root_option
@state_option
@store_option
@json_option
def command(  # one for each option
    names: tuple[str, ...],
    form: str,
    preload: bool,
    relative: bool,
    algorithms: tuple[str, ...],
    root: Path,
    state: str | None,
    store: str,
    as_json: bool,
) -> None:
    """Print an import map with integrity for hosted ES modules.

    NAME is the name of a hosted library, with a range of versions and a path if need be: vue, vue@^3.4,
    lit/decorators.js, @scope/name@1/path. A path that ends with a slash means all modules below: three/addons/.
    NAME=FILE chooses the file that it means: vue=dist/vue.esm-browser.js. The map names also what these modules
    import, in the versions that their package.json files ask for, and has the integrity of every file.
    """
    requests, options = module_requests(names), Options(read_algorithms(algorithms))
    releases, catalog, _ = current_release(root, state, store)
    packages = HostedLibraries(None if store else root, releases, catalog)
    found = hosted_import_map(requests, packages, catalog, options, relative=relative)
    if as_json:
        write_json({"importmap": found.map, "modules": found.modules, "problems": as_objects(found.warnings)})
        return
    report(found.warnings)
    text = script_json(found.map)
    if form == "html":
        links = (elements(subject, options)[0] for subject in found.at_once if preload)
        text = "\n".join(['<script type="importmap">', text, "</script>", *links])
    write([[(line, "")] for line in text.split("\n")])
    if not relative and not catalog.site.url:
        write_hostless(root)
