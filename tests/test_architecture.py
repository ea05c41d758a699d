"""The shape of the package: names mean one thing, modules have a readable size, no circles, and the map is true."""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from statistics import median

import pytest

import cdnserve
from cdnserve.cli.main import COMMANDS, module_name
from tests.layers import LAYERS, imports, module_of

PACKAGE = Path(cdnserve.__file__).parent
TESTS = Path(__file__).parent
MAP = PACKAGE.parent / "docs/architecture.md"

# Public class names that two modules share, each with the reason why no other name is better.
RECURRING: dict[str, str] = {}
# 180 when the package was laid out; a first manifest, HTTP/2's fast lane, own builds, `info`, the part of a library
# that pages load and one room for progress have come since.
MOST_MODULES = 185
MOST_MODULES += 10  # the values and questions of `web`, and its routes
MOST_MODULES += 6  # object stores: objects, remote, publish, gc_store, purges, and `publish`
MOST_MODULES += 3  # replicas: how they follow a store, their blobs, and these as contents
MOST_MODULES += 10  # the pages: what each shows, how it is rendered, fonts and sources; and the manifest's `[site]`
MOST_MODULES += 4  # ES modules that are made: what of, by which program, how, and for addresses of other CDNs
MOST_MODULES += 5  # the API: its operations, parameters and description, `explain` for others, clients of other CDNs
MOST_MODULES += 7  # the names of CommonJS: its modules; values, operators, evaluation, syntax of their JavaScript
MOST_MODULES += 2  # connections that are answered as they are taken, and TLS over a transport
MOST_MODULES += 3  # modules that are made: which entries, how they are kept for the next time, and their seal
MOST_MODULES += 1  # a folder as an object store, whose writes last
MOST_MODULES += 1  # what few ask for as it is lies there only coded
MOST_MODULES += 1  # heads that are filled in for files of one form
MOST_MODULES += 1  # the syntax tree of a script, which two readers had made each in its own way
MOST_LINES, LEAST_LINES = 450, 40
# The languages and formats of others need longer modules than rules do: it was 170 before CommonJS and object stores.
LEAST_MEDIAN, MOST_MEDIAN = 120, 185
# Tests are named for their module: tests/<room>/test_<module>.py, or test_<module>_<aspect>.py. These folders and files
# are the exceptions, each with what its tests are about instead.
TESTED_WHOLE = {
    "browser": "what Chromium makes of what is served",
    "bundles": "archives of roots, from their making to what is refused",
    "contract": "the contract of HTTP, CORS and caching, held against running edges",
    "deploy": "the files in deploy/, and the simulation that goes with them",
    "edges": "the caches of others before the origin",
    "image": "the container image",
    "proofs": "what production relies on, while clients load and nothing may be lost",
    "scenarios": "what several modules of a room do together, and documents about them",
    "test_architecture": "the shape of the package",
    "test_demo": "the demo library in public/",
    "test_documents": "the documentation, held against the program",
    "test_ground": "the locked requirements and what the project stands on",
    "test_layers": "the line of layers",
    "test_patterns": "every regular expression",
    "test_pumped": "requests and whole documents, repeated",
}
# A command is as short as what it does; a specification, the version and the way in may be short, too.
SHORT_MODULES = {"version", "__main__"} | {f"cli/{module_name(command)}" for command in COMMANDS}
# What a command would do itself if it did more than parse, call and print.
WORK = {"asyncio", "concurrent", "hashlib", "shutil", "socket", "ssl", "subprocess", "tempfile", "threading", "urllib3"}
# A function returns; it does not give, say or tell.
SPEECH = re.compile(r"(?:Give|Hear|Say|Tell)s?\b")

# The modules whose docstring says what they never do, and the test of their room that proves it.
PROVEN = {
    "cli/check": "test_a_warning_alone_is_a_failure",
    "cli/command": "test_a_fault_of_ours_is_not_hidden",
    "cli/forget": "test_without_a_terminal_it_wants_a_yes",
    "cli/logs": "test_control_characters_are_escaped_line_by_line",
    "cli/main": "test_nothing_heavy_is_loaded_without_need",
    "manifest/origins": "test_any_text_is_told_about_or_sent_by_browsers",
    "manifest/s3_cors_translate": "test_no_origin_is_let_in_that_the_store_keeps_out",
    "migrate/rewrite": "test_what_stands_around_is_kept",
    "modules/commonjs": "test_what_takes_too_many_steps_is_given_up",
    "modules/imports": "test_no_source_takes_more_than_linear_time",
    "npm/bundle_export": "test_a_broken_promise_is_told_and_the_old_archive_stays",
    "npm/cache": "test_what_is_damaged_is_not_given_and_removed",
    "npm/download": "test_a_token_does_not_follow_to_another_origin",
    "npm/fetch": "test_other_bytes_than_the_lock_demands_are_refused",
    "npm/hosted": "test_a_package_json_elsewhere_is_not_read",
    "npm/registry": "test_a_token_goes_only_where_it_belongs",
    "npm/remove": "test_what_was_published_can_come_back_with_the_same_bytes_only",
    "npm/signatures": "test_keys_of_another_kind_are_left_out",
    "npm/spec": "test_what_is_no_package_name_is_refused",
    "npm/sync": "test_a_changed_file_is_a_problem_and_never_overwritten",
    "npm/unpack": "test_nothing_is_written_outside_the_folder",
    "origin/aliases": "test_any_path_gets_an_answer_of_the_contract_or_leads_to_a_public_file",
    "origin/respond": "test_any_request_gets_a_sound_reply",
    "origin/suggest": "test_a_few_of_many_paths_are_looked_at",
    "release/blobs": "test_a_wrong_blob_is_replaced",
    "release/gc": "test_what_a_server_uses_stays",
    "release/read": "test_what_was_swapped_in_since_the_scan_is_not_read",
    "release/scan": "test_links_that_lead_nowhere_good_are_left_out",
    "release/writer": "test_a_build_killed_at_any_step_leaves_a_whole_release",
    "rules/cors": "test_only_an_admitted_origin_is_ever_echoed",
    "rules/exports": "test_no_file_lies_outside_of_the_package",
    "rules/globs": "test_compares_each_segment_at_most_once_for_each_of_the_globs",
    "rules/ranges": "test_anything_else_is_ignored",
    "snippets/fetch": "test_a_redirect_from_https_to_http_is_refused",
    "snippets/tags": "test_every_element_that_can_asks_with_cors",
}


def recurring(package: Path) -> dict[str, list[str]]:
    """Find the public names that more than one module gives to a class of its own."""
    places: dict[str, list[str]] = defaultdict(list)
    for file in sorted(package.rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_bytes())):
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                places[node.name].append(file.relative_to(package).as_posix())
    return {name: files for name, files in places.items() if len(files) > 1}


def misshapen(package: Path) -> Iterator[str]:
    """Yield the modules that are too long or too short, and whether there are too many."""
    files = [file for file in sorted(package.rglob("*.py")) if file.name != "__init__.py"]
    if len(files) > MOST_MODULES:
        yield f"{len(files)} modules"
    for file in files:
        lines = len(file.read_text(encoding="utf-8").splitlines())
        name = file.relative_to(package).with_suffix("").as_posix()
        may_be_short = name.startswith("rules/") or name in SHORT_MODULES
        if lines > MOST_LINES or (lines < LEAST_LINES and not may_be_short):
            yield f"{name}: {lines} lines"


def circle(package: Path) -> list[str]:
    """Return modules that import each other, wherever the imports stand; empty where there are none."""
    read = [module_of(file, package) for file in package.rglob("*.py")]
    modules = {(package.name, *module.parts): module for module in read}
    needs: dict[str, set[str]] = {}
    for own, module in modules.items():
        targets = {target for _, target in imports(ast.parse(module.file.read_bytes()), module)}
        # What is imported from a module is a name in it, or a module of its folder.
        found = {target if target in modules else target[:-1] for target in targets}
        needs[".".join(own)] = {".".join(target) for target in found if target in modules and target != own}
    try:
        TopologicalSorter(needs).prepare()
    except CycleError as error:
        return list(error.args[1])
    return []


def unmirrored(tests: Path, package: Path) -> Iterator[str]:
    """Yield the tests that are named for no module of the package, nor stand where whole things are tested."""
    for file in sorted(tests.rglob("test_*.py")):
        *rooms, name = parts = file.relative_to(tests).with_suffix("").parts
        modules = {module.stem for module in package.joinpath(*rooms).glob("*.py")}
        tested = (name == f"test_{module}" or name.startswith(f"test_{module}_") for module in modules)
        if not TESTED_WHOLE.keys() & set(parts) and not any(tested):
            yield "/".join(parts)


def promising(package: Path) -> set[str]:
    """Return the modules whose docstring says that they never do something."""
    docstrings = {file: ast.get_docstring(ast.parse(file.read_bytes())) or "" for file in package.rglob("*.py")}
    found = (file for file, text in docstrings.items() if re.search(r"\bNever\b", text))
    return {file.relative_to(package).with_suffix("").as_posix() for file in found}


def docstrings(file: Path) -> Iterator[str]:
    """Yield the docstrings of a module, its classes and its functions."""
    for node in ast.walk(ast.parse(file.read_bytes())):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            yield ast.get_docstring(node) or ""


def named_modules(text: str) -> list[str]:
    """List the modules that a page names, as `release/build`."""
    return re.findall(r"`([a-z_]+(?:/[a-z0-9_]+)+)`", text)


def test_a_public_class_name_means_one_thing() -> None:
    """Or it stands in the list above, with its reason."""
    assert set(RECURRING) == set(recurring(PACKAGE))
    assert all(RECURRING.values())


def test_modules_are_few_and_of_a_readable_size() -> None:
    assert [] == list(misshapen(PACKAGE))


def test_the_median_module_is_a_page_or_two() -> None:
    sizes = [len(file.read_text(encoding="utf-8").splitlines()) for file in PACKAGE.rglob("*.py")]
    assert LEAST_MEDIAN <= median(size for size in sizes if size > 1) <= MOST_MEDIAN


def test_commands_leave_the_work_to_others() -> None:
    modules = [module_of(file, PACKAGE) for file in (PACKAGE / "cli").glob("*.py")]
    found = {target[0] for module in modules for _, target in imports(ast.parse(module.file.read_bytes()), module)}
    assert set() == found & WORK


def test_docstrings_say_what_a_function_returns() -> None:
    told = [f"{file.name}: {text}" for file in PACKAGE.rglob("*.py") for text in docstrings(file) if SPEECH.match(text)]
    assert [] == told


def test_no_modules_import_each_other() -> None:
    """Not in a function, either."""
    assert [] == circle(PACKAGE)


def test_tests_mirror_the_modules() -> None:
    assert [] == list(unmirrored(TESTS, PACKAGE))
    assert [] == [name for name in TESTED_WHOLE if not [*TESTS.rglob(name), *TESTS.rglob(f"{name}.py")]]


def test_what_a_module_never_does_is_proven() -> None:
    """By a test that is there."""
    assert set(PROVEN) == promising(PACKAGE)
    for module, test in PROVEN.items():
        tests = TESTS.joinpath(module.partition("/")[0]).rglob("test_*.py")
        assert any(f"def {test}(" in file.read_text(encoding="utf-8") for file in tests), test


def test_every_module_on_the_map_exists() -> None:
    named = named_modules(MAP.read_text(encoding="utf-8"))
    assert {"release/build", "origin/respond", "npm/add", "migrate/plan"} <= set(named)
    assert [] == [name for name in named if not (PACKAGE / f"{name}.py").is_file()]


def test_the_map_has_the_layers_in_their_order() -> None:
    """All but those that are no layer of their own: the version, and the way in."""
    rows = re.findall(r"^\| (`.*?) \|", MAP.read_text(encoding="utf-8"), re.MULTILINE)
    told = [name for row in rows for name in re.findall("`([a-z]+)`", row)]
    assert [room for rooms in LAYERS for room in rooms if room not in ("version", "__main__")] == told


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """A package that has each of the faults, and what is none."""
    padding = "\n" * LEAST_LINES
    files = {
        "__init__.py": "",
        "npm/__init__.py": "",
        "npm/long.py": "\n" * (MOST_LINES + 1),
        "npm/short.py": "x = 1\n",
        "cli/add.py": "x = 1\n",
        "cli/short.py": "x = 1\n",
        "npm/first.py": f"class Same: ...\nclass _Own: ...\nfrom shaped.npm import second{padding}",
        "npm/second.py": f"class Same: ...\nclass _Own: ...\ndef f():\n    from shaped.npm.first import Same{padding}",
    }
    for name, source in files.items():
        file = tmp_path / "shaped" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(source, encoding="utf-8")
    return tmp_path / "shaped"


def test_a_name_with_two_meanings_is_found(package: Path) -> None:
    assert {"Same": ["npm/first.py", "npm/second.py"]} == recurring(package)


def test_a_module_of_the_wrong_size_is_found(package: Path) -> None:
    assert ["cli/short: 1 lines", f"npm/long: {MOST_LINES + 1} lines", "npm/short: 1 lines"] == list(misshapen(package))
    for number in range(MOST_MODULES):
        (package / f"cli/m{number}.py").touch()
    assert f"{MOST_MODULES + 6} modules" in list(misshapen(package))


def test_a_circle_is_found(package: Path) -> None:
    assert {"shaped.npm.first", "shaped.npm.second"} == set(circle(package))
    (package / "npm/second.py").write_text("")
    assert [] == circle(package)


def test_a_test_of_no_module_is_found(package: Path) -> None:
    tests = package.parent / "tests"
    for name in ("npm/test_first.py", "npm/test_first_aspect.py", "npm/test_third.py", "npm/scenarios/test_third.py"):
        (tests / name).parent.mkdir(parents=True, exist_ok=True)
        (tests / name).touch()
    (tests / "test_first.py").touch()
    assert ["npm/test_third", "test_first"] == list(unmirrored(tests, package))
