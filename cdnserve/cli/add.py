"""`cdnserve add`: npm packages into the root, the manifest and the lock; it ends with their tags."""

from __future__ import annotations

import sys
from dataclasses import asdict
from pathlib import Path

import click

from cdnserve.cli.command import (
    Command,
    as_objects,
    default_root,
    json_option,
    registry_option,
    report,
    root_option,
    state_option,
)
from cdnserve.cli.npm import library_settings, write_libraries, write_tags
from cdnserve.cli.progress import download_progress
from cdnserve.cli.terminal import write_json
from cdnserve.errors import Problem


@click.command(cls=Command, examples=("add jquery@3 bootstrap --publish", "add react react-dom --esm --deps"))
@click.argument("specs", nargs=-1, required=True, metavar="NAME[@VERSION]...")
@click.option("--as", "pin", default="", metavar="NAME@VERSION", help="Add an own build: a folder or a .tgz.")
@click.option("--files", multiple=True, metavar="GLOB", help="Keep these files only; may be repeated.")
@click.option("--exact", is_flag=True, help="Write the exact version into the manifest, no range.")
@click.option("--deps", is_flag=True, help="Add also what their ES modules import from other packages.")
@click.option("--esm", is_flag=True, help="Make ES modules of them, for browsers, beside their files.")
@click.option("--publish", is_flag=True, help="Where no rule publishes the libraries, add one to the manifest.")
@root_option
@state_option
@registry_option
@json_option
def command(  # one for each option
    specs: tuple[str, ...],
    pin: str,
    files: tuple[str, ...],
    exact: bool,
    deps: bool,
    esm: bool,
    publish: bool,
    root: Path,
    state: str | None,
    registry: str,
    as_json: bool,
) -> None:
    """Add npm packages to the public libraries.

    VERSION is an exact version, an npm range in quotes, or a tag; without it the tag "latest" is meant. Each
    tarball is verified before anything of it is unpacked into ROOT/npm/NAME@VERSION/. The manifest gets the range
    or version, the lock the exact version and its integrity. Versions that are here already stay beside the new
    one. With --deps the packages come too that their ES modules import, in versions that each dependent allows;
    the manifest keeps only what was asked for. Nothing is changed unless all goes well. Where there is no
    manifest, a first one is written. The tags at the end are those of cdnserve sri, after a build; with --json
    there are none.

    With --esm one ES module is made of each entry that a page may import, in the folder +esm of the library: from
    CommonJS too, minified, for production, with what it needs of other packages as imports. esbuild makes them, from
    the PATH or the registry; nothing of a package is run. With --deps what these import is made into modules where
    browsers can't import it.

    With --as an own build is added, a folder or a .tgz from npm pack, as a library that no registry has:
    cdnserve add ./dist --as @acme/ui@1.2.0
    """
    from cdnserve.npm.add import AddOptions, add

    if pin and len(specs) != 1:
        raise click.UsageError("--as names one folder or one .tgz")

    begin = root == Path(default_root()) or root.is_dir()
    options = AddOptions(files, exact, deps, esm, publish, begin)
    with download_progress() as progress:
        if pin:
            from cdnserve.npm.own_build import add_own

            added = add_own(root, Path(specs[0]), pin, library_settings(registry), progress, options)
        else:
            added = add(root, specs, library_settings(registry), progress, options)
    if as_json:
        libraries = [asdict(one) for one in added.libraries]
        write_json({"libraries": libraries, "problems": as_objects(added.warnings), "begun": added.begun})
        return
    hidden = [problem for problem in added.warnings if problem.reference == "library-unlisted"]
    is_published = not hidden or _publish(root, hidden)
    report([problem for problem in added.warnings if not is_published or problem not in hidden])
    write_libraries(root, added.libraries, begun=added.begun)
    write_tags(root, state, [] if not is_published else added.asked, prefer_modules=deps or esm)


def _publish(root: Path, hidden: list[Problem]) -> bool:
    """Ask whether the libraries shall be published where somebody can answer; return whether they are now."""
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        return False
    from cdnserve.npm.add import publish_libraries

    folders = ", ".join(problem.where for problem in hidden)
    question = f"No rule publishes {folders}. Publish npm/** for any page, as files that never change?"
    if is_wanted := click.confirm(question, default=True, err=True):
        publish_libraries(root)
    return is_wanted
