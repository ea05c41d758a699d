"""`cdnserve migrate`, against a registry on loopback."""

from __future__ import annotations

import base64
import hashlib
import json
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.conftest import Run
from tests.cli.processes import bare, run_on_terminal
from tests.npm.registry import LocalRegistry, packed, serving

SCRIPT = "window.hello = 1;\n"
MODULE = "export const word = 'hello';\n"
SITE = "https://cdn.example.com"
RULE = '\n[[publish]]\npath = "npm/**"\ncors = "any"\ncache = "immutable"\n'


def described(name: str, **fields: object) -> str:
    return json.dumps({"name": name, **fields})


def hashed(text: str, algorithm: str = "sha384") -> str:
    return f"{algorithm}-{base64.b64encode(hashlib.new(algorithm, text.encode()).digest()).decode()}"


FONT = "@font-face { font-family: 'Lora'; src: url(./files/lora.woff2) }\n"
HELLO = {"package.json": described("hello", main="main.js"), "main.js": SCRIPT, "dist/hello.js": SCRIPT}
PACKAGES = {
    "hello": ("1.2.0", HELLO),
    "dygraphs": ("2.1.0", {"package.json": described("dygraphs"), "dist/dygraph.js": SCRIPT}),
    "words": ("2.0.0", {"package.json": described("words", module="m.js"), "m.js": MODULE}),
    "deep": (
        "3.0.0",
        {
            "package.json": described("deep"),
            "a.js": "import './b.js'; import('./c.js'); export {}\n",
            "b.js": MODULE,
            "c.js": MODULE,
            "d.js": MODULE,
        },
    ),
    "needy": ("1.0.0", {"package.json": described("needy", module="m.js"), "m.js": "import 'hello'; export {}\n"}),
    "@fontsource/lora": (
        "5.0.0",
        {"package.json": described("@fontsource/lora"), "400.css": FONT, "700.css": FONT, "files/lora.woff2": "wOF2"},
    ),
}


@pytest.fixture
def registry() -> Iterator[LocalRegistry]:
    """A registry with a script, two modules and a font."""
    with serving() as running:
        for name, (version, files) in PACKAGES.items():
            running.publish(name, version, packed(files))
        yield running


@pytest.fixture
def listed(root: Path) -> Path:
    """The root with a rule for libraries."""
    manifest = root / "manifest.toml"
    manifest.write_text(manifest.read_text() + RULE)
    return root


def page(listed: Path, body: str, name: str = "page.html") -> Path:
    file = listed.parent / name
    file.write_bytes(body.encode())
    return file


def tag(path: str, text: str) -> str:
    return f'"{SITE}/npm/{path}" integrity="{hashed(text)}" crossorigin="anonymous"'


def test_a_page_is_migrated(run: Run, listed: Path, registry: LocalRegistry) -> None:
    file = page(
        listed,
        "\ufeff<!doctype html>\r\n"
        '<link rel=stylesheet href="https://fonts.googleapis.com/css2?family=Lora:wght@400;700">\r\n'
        '<script src="https://cdn.jsdelivr.net/npm/hello@^1/dist/hello.min.js"></script> \r\n'
        '<script src="https://unpkg.com/hello"></script>\t\r\n'
        '<script src="https://cdnjs.cloudflare.com/ajax/libs/dygraph/2.1.0/dygraph.js"></script>\r\n'
        '<script type=module src="https://esm.sh/words@2"></script>é',
    )
    result = run("migrate", "page.html", "--registry", registry.url)
    assert (0, "") == (result.exit_code, result.stderr)
    assert (
        "\ufeff<!doctype html>\r\n"
        f"<link rel=stylesheet href={tag('@fontsource/lora@5.0.0/400.css', FONT)}>\r\n"
        f"<link rel=stylesheet href={tag('@fontsource/lora@5.0.0/700.css', FONT)}>\r\n"
        f"<script src={tag('hello@1.2.0/dist/hello.js', SCRIPT)}></script> \r\n"
        f"<script src={tag('hello@1.2.0/main.js', SCRIPT)}></script>\t\r\n"
        f"<script src={tag('dygraphs@2.1.0/dist/dygraph.js', SCRIPT)}></script>\r\n"
        f"<script type=module src={tag('words@2.0.0/m.js', MODULE)}></script>é"
    ) == file.read_bytes().decode()
    assert (listed / "npm/hello@1.2.0/main.js").is_file()
    assert 'hello = "1.2.0"' in (listed / "manifest.toml").read_text()
    assert "5 addresses moved in 1 of 1 page, 0 left\n" in result.stdout
    assert "page.html:3: moved https://cdn.jsdelivr.net/npm/hello@^1/dist/hello.min.js -> " in result.stdout
    assert "jsDelivr made dist/hello.min.js itself" in result.stdout


def test_the_default_file_of_a_script_tag_is_none_for_node(run: Run, listed: Path, registry: LocalRegistry) -> None:
    """Where the CDN's own fails in browsers, the package's build for them takes its place, with a remark."""
    node = "module.exports = require('./a');"
    described_as = described("alpine", main="cjs.js", unpkg="dist/cdn.min.js")
    registry.publish(
        "alpine", "3.0.0", packed({"package.json": described_as, "cjs.js": node, "dist/cdn.min.js": SCRIPT})
    )
    registry.publish("server", "1.0.0", packed({"package.json": described("server"), "index.js": node}))
    file = page(
        listed,
        '<script src="https://cdn.jsdelivr.net/npm/alpine"></script>\n'
        '<script src="https://cdn.jsdelivr.net/npm/server"></script>\n'
        '<script src="https://cdn.jsdelivr.net/npm/server/index.js"></script>',
    )
    result = run("migrate", "page.html", "--registry", registry.url)
    assert 1 == result.exit_code
    first, second, third = file.read_text().split("\n")
    assert f"<script src={tag('alpine@3.0.0/dist/cdn.min.js', SCRIPT)}></script>" == first
    assert "the default file there is cjs.js, which runs in Node.js only; this is a build for browsers" in result.stdout
    assert '<script src="https://cdn.jsdelivr.net/npm/server"></script>' == second
    assert "index.js, its default file, runs in Node.js only, and it has no build for script tags" in result.stderr
    assert f"<script src={tag('server@1.0.0/index.js', node)}></script>" == third


def test_a_file_that_the_newest_version_lacks_comes_from_the_newest_that_has_it(
    run: Run, listed: Path, registry: LocalRegistry
) -> None:
    """With jsDelivr, within the range."""
    for version in ("1.0.0", "1.1.0", "1.2.0", "1.3.0", "2.0.0", "3.0.0"):
        has = {"old.js": SCRIPT} if version in {"1.0.0", "1.1.0"} else {}
        registry.publish("lib", version, packed({"package.json": described("lib"), **has}))
    file = page(
        listed,
        '<script src="https://cdn.jsdelivr.net/npm/lib/old.js"></script>\n'
        '<script src="https://cdn.jsdelivr.net/npm/lib@1/old.js"></script>\n'
        '<script src="https://cdn.jsdelivr.net/npm/lib@^2/old.js"></script>\n'
        '<script src="https://cdn.jsdelivr.net/npm/lib@1.3.0/old.js"></script>\n'
        '<script src="https://unpkg.com/lib/old.js"></script>',
    )
    result = run("migrate", "page.html", "--registry", registry.url)
    assert (1, 2) == (result.exit_code, result.stdout.count("(lib@1.1.0 is the newest that has it)"))
    moved = f"<script src={tag('lib@1.1.0/old.js', SCRIPT)}></script>"
    assert [moved, moved] == file.read_text().split("\n")[:2]
    assert 3 == file.read_text().count('old.js"></script>')


def test_what_jsdelivr_minifies_itself_is_told(run: Run, listed: Path, registry: LocalRegistry) -> None:
    page(listed, '<script src="https://cdn.jsdelivr.net/npm/hello"></script>')
    result = run("migrate", "page.html", "--registry", registry.url)
    assert "main.js (jsDelivr minifies main.js itself; the package has it as it is)\n" in result.stdout


UNKNOWN = "https://cdnjs.cloudflare.com/ajax/libs/hello/1.2.0/hello.js"


def test_a_name_of_cdnjs_that_nobody_vouches_for_is_not_asked_of_the_registry(
    run: Run, listed: Path, registry: LocalRegistry
) -> None:
    """It may be somebody else's there, and so is `dygraph`: the library is npm's `dygraphs`."""
    registry.publish("dygraph", "2.1.0", packed({"package.json": "{}", "dist/dygraph.js": "evil()"}))
    page(listed, f'<script src="{UNKNOWN}"></script><script src="{UNKNOWN}" integrity="sha999-AAAA"></script>')
    result = run("migrate", "page.html", "--registry", registry.url)
    reason = "it isn't known which npm package this is; the one of the same name may be somebody else's"
    assert (1, 2) == (result.exit_code, result.stderr.count(f"left {UNKNOWN}: {reason}\n"))
    assert [] == registry.asked
    page(listed, '<script src="https://cdnjs.cloudflare.com/ajax/libs/dygraph/2.1.0/dygraph.js"></script>')
    assert 0 == run("migrate", "page.html", "--registry", registry.url).exit_code
    assert [] == [path for path in registry.paths() if path.startswith("/dygraph") and "dygraphs" not in path]


def test_a_name_of_cdnjs_that_nobody_vouches_for_needs_the_octets_that_the_page_demands(
    run: Run, listed: Path, registry: LocalRegistry
) -> None:
    file = page(listed, f'<script src="{UNKNOWN}" integrity="{hashed(SCRIPT)}"></script>')
    result = run("migrate", "page.html", "--registry", registry.url)
    assert (0, "") == (result.exit_code, result.stderr)
    assert f"{SITE}/npm/hello@1.2.0/dist/hello.js" in file.read_text()
    page(listed, f'<script src="{UNKNOWN}" integrity="{hashed("other")}"></script>')
    result = run("migrate", "page.html", "--registry", registry.url)
    assert (1, 1) == (result.exit_code, result.stderr.count("it isn't known which npm package this is"))


def test_of_several_places_the_one_with_the_octets_that_the_page_demands_is_taken(
    run: Run, listed: Path, registry: LocalRegistry
) -> None:
    """cdnjs copies two folders of this library, and others in other versions."""
    files = {"package.json": "{}", "moment-timezone.js": "let a;", "builds/moment-timezone.js": "let b;"}
    registry.publish("moment-timezone", "0.5.43", packed(files))
    url = "https://cdnjs.cloudflare.com/ajax/libs/moment-timezone/0.5.43/moment-timezone.js"
    file = page(listed, f'<script src="{url}" integrity="{hashed("let b;", "sha512")}"></script>')
    assert 0 == run("migrate", "page.html", "--registry", registry.url).exit_code
    assert "npm/moment-timezone@0.5.43/builds/moment-timezone.js" in file.read_text()


def test_a_second_run_changes_nothing(run: Run, listed: Path, registry: LocalRegistry) -> None:
    file = page(listed, "<script src='https://unpkg.com/hello'></script>")
    run("migrate", "page.html", "--registry", registry.url)
    before = (file.read_bytes(), file.stat().st_mtime_ns, (listed / "manifest.toml").read_bytes())
    result = run("migrate", "page.html", "--registry", registry.url)
    assert (0, "0 addresses moved in 0 of 1 page, 0 left\n") == (result.exit_code, result.stdout)
    assert before == (file.read_bytes(), file.stat().st_mtime_ns, (listed / "manifest.toml").read_bytes())


@pytest.mark.parametrize(
    ("html", "reason"),
    [
        pytest.param("<script src=https://cdn.jsdelivr.net/gh/a/b@1/c.js></script>", "GitHub", id="not npm's"),
        pytest.param("<script src=https://unpkg.com/none></script>", "the registry has no none", id="no such package"),
        pytest.param("<script src=https://unpkg.com/hello@9></script>", "the registry has no hello@9", id="no version"),
        pytest.param("<script src=https://unpkg.com/.x></script>", "can't have a package", id="no name of npm's"),
        pytest.param(
            "<script src=https://unpkg.com/hello/x.js></script>", "has no x.js (hello@1.2.0)", id="no such file"
        ),
        pytest.param("<script type=module src=https://esm.sh/needy></script>", "imports hello", id="a bare import"),
        pytest.param(
            f"<script src=https://unpkg.com/hello integrity='{hashed('other')}'></script>",
            "its integrity is not that of npm's file",
            id="other bytes than npm's",
        ),
        pytest.param("<script>import('https://esm.sh/words')</script>", "script's own text", id="in a script"),
        pytest.param(
            '<script src="https://fonts.googleapis.com/css2?family=Lora:wght@400;700"></script>',
            "loaded as something else",
            id="fonts as a script",
        ),
        pytest.param(
            '<link rel=stylesheet href="https://fonts.googleapis.com/css2?family=Lora:wght@900">',
            "has no 900.css",
            id="a weight that the font lacks",
        ),
    ],
)
def test_what_has_no_counterpart_is_listed_and_left(
    run: Run, listed: Path, registry: LocalRegistry, html: str, reason: str
) -> None:
    file = page(listed, f"<p>\n{html}\n")
    before = (listed / "manifest.toml").read_bytes()
    result = run("migrate", "page.html", "--registry", registry.url)
    assert 1 == result.exit_code
    assert result.stderr.startswith("page.html:2: left https://")
    assert reason in result.stderr
    whole, kind, remedy = result.stdout.splitlines()
    assert "0 addresses moved in 0 of 1 page, 1 left" == whole
    assert kind.startswith("     1 ")
    assert remedy.startswith("       hint: ")
    assert f"<p>\n{html}\n" == file.read_text()
    assert before == (listed / "manifest.toml").read_bytes()
    assert not (listed / "npm").exists()


def test_what_can_be_moved_is_moved_though_something_is_left(run: Run, listed: Path, registry: LocalRegistry) -> None:
    file = page(listed, "<script src=https://unpkg.com/hello></script><script src=https://unpkg.com/none></script>")
    assert 1 == run("migrate", "page.html", "--registry", registry.url).exit_code
    assert f"{SITE}/npm/hello@1.2.0/main.js" in file.read_text()
    assert "https://unpkg.com/none" in file.read_text()


def test_integrity_that_is_npms_is_kept(run: Run, listed: Path, registry: LocalRegistry) -> None:
    known = hashed(SCRIPT, "sha512")
    file = page(listed, f'<script integrity="{known}" src="https://unpkg.com/hello@1.2.0" crossorigin></script>')
    assert 0 == run("migrate", "page.html", "--registry", registry.url).exit_code
    expected = f'<script integrity="{known}" src="{SITE}/npm/hello@1.2.0/main.js" crossorigin></script>'
    assert expected == file.read_text()


def test_an_import_map_is_migrated_and_knows_what_modules_import(
    run: Run, listed: Path, registry: LocalRegistry
) -> None:
    imports = {"hello": "https://unpkg.com/hello@1.2.0/main.js", "needy": "https://esm.sh/needy"}
    file = page(listed, f"<script type=importmap>{json.dumps({'imports': imports})}</script>")
    assert 0 == run("migrate", "page.html", "--registry", registry.url).exit_code
    found = json.loads(file.read_text().partition(">")[2].rpartition("</script>")[0])
    urls = {"hello": f"{SITE}/npm/hello@1.2.0/main.js", "needy": f"{SITE}/npm/needy@1.0.0/m.js"}
    assert urls == found["imports"]
    assert {urls["hello"]: hashed(SCRIPT), urls["needy"]: hashed("import 'hello'; export {}\n")} == found["integrity"]


def test_hints_are_told_to_be_needed_no_more(run: Run, listed: Path, registry: LocalRegistry) -> None:
    hints = "<link rel=preconnect href=https://unpkg.com><link rel=dns-prefetch href=//esm.sh>"
    file = page(
        listed, f"{hints}<script src=https://unpkg.com/hello></script><script src=https://esm.sh/needy></script>"
    )
    result = run("migrate", "page.html", "--registry", registry.url)
    assert "unneeded https://unpkg.com: nothing is loaded from there any more" in result.stdout
    assert "needed //esm.sh: something of this CDN is left" in result.stdout
    assert file.read_text().startswith(hints)


def test_a_dry_run_prints_a_diff_and_changes_nothing(run: Run, listed: Path, registry: LocalRegistry) -> None:
    file = page(listed, "<p>\n<script src=https://unpkg.com/hello></script>\n")
    before = (file.read_bytes(), (listed / "manifest.toml").read_bytes())
    result = run("migrate", "--dry-run", "page.html", "--registry", registry.url)
    assert 0 == result.exit_code
    assert [
        "--- a/page.html",
        "+++ b/page.html",
        "@@ -1,2 +1,2 @@",
        " <p>",
        "-<script src=https://unpkg.com/hello></script>",
        f'+<script src={SITE}/npm/hello@1.2.0/main.js integrity="{hashed(SCRIPT)}" crossorigin="anonymous"></script>',
    ] == result.stdout.splitlines()
    assert "would add hello@1.2.0\n1 address would be moved in 1 of 1 page, 0 left\n" == result.stderr
    assert before == (file.read_bytes(), (listed / "manifest.toml").read_bytes())
    assert not (listed / "npm").exists()
    assert not (listed / "manifest.lock").exists()


def test_a_dry_run_names_no_library_that_is_here(run: Run, listed: Path, registry: LocalRegistry) -> None:
    page(listed, "<p>\n<script src=https://unpkg.com/hello></script>\n")
    assert 0 == run("add", "hello", "--registry", registry.url).exit_code
    result = run("migrate", "--dry-run", "page.html", "--registry", registry.url)
    assert "1 address would be moved in 1 of 1 page, 0 left\n" == result.stderr


def test_a_dry_run_says_what_else_changes_and_keeps_tabs(run: Run, listed: Path, registry: LocalRegistry) -> None:
    page(
        listed,
        "\t<link rel=preconnect href=https://esm.sh>\n\t<script type=module src=https://esm.sh/words></script>\n",
    )
    result = run("migrate", "--dry-run", "page.html", "--registry", registry.url)
    assert "-\t<script type=module src=https://esm.sh/words></script>" in result.stdout.splitlines()
    assert "page.html:1: unneeded https://esm.sh: nothing is loaded from there any more" in result.stderr
    assert "(the package's own module, where esm.sh has one that it made of it)" in result.stderr


STYLE = "@font-face { src: url(fonts/a.woff2) }"
PARTED = {
    "package.json": described("parted"),
    "LICENSE": "free",
    "a.css": STYLE,
    "b.css": "b {}",
    "fonts/a.woff2": "wOF2",
    "fonts/b.woff2": "wOF2",
    "self.js": "let here = document.currentScript;",
}


def style(url: str) -> str:
    return f"<link rel=stylesheet href={url}>"


def kept(listed: Path, library: str) -> set[str]:
    folder = listed / "npm" / library
    return {file.relative_to(folder).as_posix() for file in folder.rglob("*") if file.is_file()}


def test_a_lean_migration_hosts_what_pages_load(run: Run, listed: Path, registry: LocalRegistry) -> None:
    """The manifest names the files; what another page loads is added to them, in all versions of the library."""
    for version in ("1.0.0", "2.0.0"):
        registry.publish("parted", version, packed(PARTED))
    page(listed, style("https://unpkg.com/parted@1/a.css"))
    result = run("migrate", "--lean", "page.html", "--registry", registry.url)
    assert (0, "") == (result.exit_code, result.stderr)
    assert "parted@1.0.0  4 of 7 files kept\n" in result.stdout
    first = {"package.json", "LICENSE", "a.css", "fonts/a.woff2"}
    assert first == kept(listed, "parted@1.0.0")
    manifest = listed / "manifest.toml"
    assert 'parted = { version = "1.0.0", files = ["a.css", "fonts/a.woff2"] }\n' in manifest.read_text()
    page(listed, style("https://unpkg.com/parted@2/b.css"))
    assert 0 == run("migrate", "--lean", "page.html", "--registry", registry.url).exit_code
    expected = 'parted = { version = ["1.0.0", "2.0.0"], files = ["a.css", "fonts/a.woff2", "b.css"] }\n'
    assert expected in manifest.read_text()
    assert [first | {"b.css"}] * 2 == [kept(listed, f"parted@{version}") for version in ("1.0.0", "2.0.0")]
    assert 0 == run("sync", "--check").exit_code


@pytest.mark.parametrize(
    ("name", "address", "reason"),
    [
        pytest.param("parted", "self.js", "self.js finds out where it lies", id="by what is in its script"),
        pytest.param("leaflet", "a.css", "it may load more of its files when it runs", id="by its name"),
    ],
)
def test_what_loads_more_when_it_runs_is_kept_whole(
    run: Run, listed: Path, registry: LocalRegistry, name: str, address: str, reason: str
) -> None:
    registry.publish(name, "1.0.0", packed(PARTED))
    tags = style(f"https://unpkg.com/{name}/{address}") if address == "a.css" else ""
    page(listed, tags or f"<script src=https://unpkg.com/{name}/{address}></script>")
    result = run("migrate", "--lean", "page.html", "--registry", registry.url)
    assert f"{name}@1.0.0  all 7 files kept (" in result.stdout
    assert f"{reason})\n" in result.stdout
    assert set(PARTED) == kept(listed, f"{name}@1.0.0")
    assert f'{name} = "1.0.0"\n' in (listed / "manifest.toml").read_text()


def test_a_part_that_a_person_chose_becomes_the_whole_only_for_what_it_lacks(
    run: Run, listed: Path, registry: LocalRegistry
) -> None:
    registry.publish("parted", "1.0.0", packed(PARTED))
    run("add", "parted@1.0.0", "--files", "self.js", "--registry", registry.url)
    page(listed, "<script src=https://unpkg.com/parted/self.js></script>")
    assert 0 == run("migrate", "--lean", "page.html", "--registry", registry.url).exit_code
    assert {"package.json", "LICENSE", "self.js"} == kept(listed, "parted@1.0.0")
    page(listed, f"<script src=https://unpkg.com/parted/self.js></script>{style('https://unpkg.com/parted/b.css')}")
    assert 0 == run("migrate", "--lean", "page.html", "--registry", registry.url).exit_code
    assert set(PARTED) == kept(listed, "parted@1.0.0")
    assert {"version": "1.0.0"} == tomllib.loads((listed / "manifest.toml").read_text())["libraries"]["parted"]


def test_what_is_hosted_whole_stays_whole(run: Run, listed: Path, registry: LocalRegistry) -> None:
    run("add", "hello@1.2.0", "--registry", registry.url)
    before = (listed / "manifest.toml").read_bytes()
    page(listed, "<script src=https://unpkg.com/hello></script>")
    result = run("migrate", "--lean", "page.html", "--registry", registry.url)
    assert "hello@1.2.0  all 3 files kept (it is hosted whole already)\n" in result.stdout
    assert before == (listed / "manifest.toml").read_bytes()


def test_what_is_there_for_a_dependent_stays_whole(run: Run, listed: Path, registry: LocalRegistry) -> None:
    """The manifest does not name it, but the library that imports it needs more than the page."""
    bare = {"package.json": described("bare", module="m.js", dependencies={"words": "^2"}), "m.js": "import 'words'"}
    registry.publish("bare", "1.0.0", packed(bare))
    assert 0 == run("add", "bare", "--deps", "--registry", registry.url).exit_code
    page(listed, "<script type=module src=https://unpkg.com/words/m.js></script>")
    result = run("migrate", "--lean", "page.html", "--registry", registry.url)
    assert "words@2.0.0  all 2 files kept (it is hosted whole already)\n" in result.stdout


def test_a_folder_of_an_import_map_is_kept_with_all_that_it_loads(
    run: Run, listed: Path, registry: LocalRegistry
) -> None:
    files = {"package.json": "{}", "all/a.js": "import '../b.js'; export {}", "all/c.js": MODULE, "b.js": MODULE}
    registry.publish("addons", "1.0.0", packed({**files, "d.js": MODULE}))
    table = {"imports": {"addons/": "https://unpkg.com/addons@1.0.0/all/"}}
    page(listed, f"<script type=importmap>{json.dumps(table)}</script>")
    result = run("migrate", "--lean", "page.html", "--registry", registry.url)
    assert 0 == result.exit_code, result.stderr
    assert set(files) == kept(listed, "addons@1.0.0")
    assert 'files = ["all/**", "b.js"]' in (listed / "manifest.toml").read_text()
    table = {"imports": {"addons/": "https://unpkg.com/addons@1.0.0/"}}
    page(listed, f"<script type=importmap>{json.dumps(table)}</script>")
    result = run("migrate", "--lean", "page.html", "--registry", registry.url)
    assert "addons@1.0.0  all 5 files kept (an import map leads to all of it)\n" in result.stdout
    assert {*files, "d.js"} == kept(listed, "addons@1.0.0")


def test_a_lean_dry_run_says_what_would_be_kept(run: Run, listed: Path, registry: LocalRegistry) -> None:
    page(listed, "<script src=https://unpkg.com/hello></script>")
    result = run("migrate", "--lean", "--dry-run", "page.html", "--registry", registry.url)
    assert "would add hello@1.2.0\nhello@1.2.0  2 of 3 files kept\n" in result.stderr
    written = json.loads(run("migrate", "--lean", "--json", "page.html", "--registry", registry.url).stdout)
    (part,) = written["parts"]
    assert ("hello@1.2.0", ["main.js"], 2, 3, "") == tuple(
        part[key] for key in ("library", "files", "kept", "total", "reason")
    )


def imported(file: Path) -> dict[str, dict[str, str]]:
    """Return the import map that a page begins with."""
    found: dict[str, dict[str, str]] = json.loads(file.read_text().partition(">")[2].partition("</script>")[0])
    return found


def test_an_import_map_lists_all_that_loads_with_a_module(run: Run, listed: Path, registry: LocalRegistry) -> None:
    file = page(listed, '<script type=importmap>{"imports": {"deep": "https://unpkg.com/deep@3/a.js"}}</script>')
    result = run("migrate", "page.html", "--registry", registry.url)
    assert 0 == result.exit_code
    assert "cdnserve importmap" not in result.stdout
    folder = f"{SITE}/npm/deep@3.0.0"
    assert [f"{folder}/{name}.js" for name in "abc"] == list(imported(file)["integrity"])


def test_a_prefix_lists_what_the_page_imports_by_it(run: Run, listed: Path, registry: LocalRegistry) -> None:
    table = '<script type=importmap>{"imports": {"deep/": "https://unpkg.com/deep@3/"}}</script>'
    file = page(listed, f"{table}<script type=module>import 'deep/a.js'; import 'deep/none.js'</script>")
    assert 0 == run("migrate", "page.html", "--registry", registry.url).exit_code
    folder = f"{SITE}/npm/deep@3.0.0"
    assert {"deep/": f"{folder}/"} == imported(file)["imports"]
    assert [f"{folder}/{name}.js" for name in "abc"] == list(imported(file)["integrity"])
    # The audit looks at the same modules: one that is not there is all that it finds.
    assert ["[not-public]"] == [word for word in run("audit", "page.html").stdout.split() if word.startswith("[")]


def test_a_prefix_that_nobody_knows_the_modules_of_is_remarked(run: Run, listed: Path, registry: LocalRegistry) -> None:
    table = '<script type=importmap>{"imports": {"deep/": "https://unpkg.com/deep@3/"}}</script>'
    file = page(listed, f"{table}<script type=module src=app.js></script>")
    result = run("migrate", "page.html", "--registry", registry.url)
    assert (0, {"imports"}) == (result.exit_code, set(imported(file)))
    assert "cdnserve importmap lists those that you name" in result.stdout


def test_what_is_there_without_scripts_is_migrated(run: Run, listed: Path, registry: LocalRegistry) -> None:
    url = "https://fonts.googleapis.com/css2?family=Lora"
    file = page(
        listed,
        f'<head><link rel=preload as=style href="{url}"><noscript><link rel=stylesheet href="{url}"></noscript>'
        f'<body><noscript><link rel=stylesheet href="{url}"></noscript>',
    )
    assert 0 == run("migrate", "page.html", "--registry", registry.url).exit_code
    assert 3 == file.read_text().count(tag("@fontsource/lora@5.0.0/400.css", FONT))
    assert "googleapis" not in file.read_text()


def test_a_face_that_a_font_lacks_is_left_out_as_google_does(run: Run, listed: Path, registry: LocalRegistry) -> None:
    url = "https://fonts.googleapis.com/css?family=Lora:400,500,700,black|Lora:400i,bold"
    file = page(listed, f'<link rel=stylesheet href="{url}">')
    result = run("migrate", "page.html", "--registry", registry.url)
    assert (0, "") == (result.exit_code, result.stderr)
    faces = [f"<link rel=stylesheet href={tag(f'@fontsource/lora@5.0.0/{face}.css', FONT)}>" for face in (400, 700)]
    assert "".join(faces) == file.read_text()
    assert "Lora has no 500; Lora has no 900; Lora has no 400-italic" in result.stdout
    assert "the files say font-display: swap, not auto" in result.stdout


@pytest.mark.parametrize(
    ("before", "faces"),
    [
        pytest.param(["400", "400,700"], [["400"], ["700"]], id="one more"),
        pytest.param(["400,700", "700"], [["400", "700"], []], id="none more"),
        pytest.param(["400", "700"], [["400"], ["700"]], id="others"),
    ],
)
def test_a_face_that_an_earlier_tag_brings_is_not_brought_again(
    run: Run, listed: Path, registry: LocalRegistry, before: list[str], faces: list[list[str]]
) -> None:
    address = "https://fonts.googleapis.com/css?display=swap&family=Lora:"
    file = page(listed, "".join(f'\n<link rel=stylesheet href="{address}{one}">' for one in before))
    result = run("migrate", "page.html", "--registry", registry.url)
    assert (0, "") == (result.exit_code, result.stderr)
    expected = (
        f"\n<link rel=stylesheet href={tag(f'@fontsource/lora@5.0.0/{face}.css', FONT)}>"
        for one in faces
        for face in one
    )
    assert "".join(expected) == file.read_text()
    assert ("earlier tags bring the same faces" in result.stdout) == (before != ["400", "700"])


@pytest.mark.parametrize(
    ("before", "after"),
    [
        pytest.param("<noscript>{}</noscript>", "{}", id="which browsers with scripts don't load"),
        pytest.param("<template>{}</template>", "{}", id="of which nothing is loaded yet"),
        pytest.param("{}", "<link media=print rel=stylesheet {}", id="with other attributes"),
    ],
)
def test_a_face_is_brought_again_where_the_earlier_tag_may_not_bring_it(
    run: Run, listed: Path, registry: LocalRegistry, before: str, after: str
) -> None:
    address = 'href="https://fonts.googleapis.com/css?display=swap&family=Lora">'
    link = "" if after.startswith("<") else "<link rel=stylesheet "
    file = page(listed, before.format(f"<link rel=stylesheet {address}") + link + after.format(address))
    assert 0 == run("migrate", "page.html", "--registry", registry.url).exit_code
    assert 2 == file.read_text().count("@fontsource/lora@5.0.0/400.css")


def test_a_script_tag_that_loads_a_module_is_remarked(run: Run, listed: Path, registry: LocalRegistry) -> None:
    """Nobody runs it, neither before nor after."""
    file = page(listed, '<script src="https://unpkg.com/words@2.0.0/m.js?a=b"></script>')
    result = run("migrate", "page.html", "--registry", registry.url)
    assert (0, "") == (result.exit_code, result.stderr)
    assert 'it is an ES module, which fails in a script tag without type="module"' in result.stdout
    assert f'src="{SITE}/npm/words@2.0.0/m.js?a=b"' in file.read_text()


def test_with_json_everything_is_an_object(run: Run, listed: Path, registry: LocalRegistry) -> None:
    page(listed, "<script src=https://unpkg.com/hello></script>\n<script src=https://unpkg.com/none></script>")
    result = run("migrate", "page.html", "--json", "--registry", registry.url)
    found = json.loads(result.stdout)
    assert 1 == result.exit_code
    assert ["hello@1.2.0"] == found["libraries"]
    assert ["npm/hello@1.2.0"] == [one["folder"] for one in found["added"]]
    (one,) = found["pages"]
    assert ("page.html", True) == (one["path"], one["changed"])
    moved, left = one["references"]
    assert (1, "moved", [f"{SITE}/npm/hello@1.2.0/main.js"]) == (moved["line"], moved["fate"], moved["to"])
    assert (2, "left", []) == (left["line"], left["fate"], left["to"])
    assert "the registry has no none" in left["remark"]


def test_without_a_rule_nothing_is_changed(run: Run, root: Path, registry: LocalRegistry) -> None:
    file = page(root, "<script src=https://unpkg.com/hello></script>")
    result = run("migrate", "page.html", "--registry", registry.url)
    assert 1 == result.exit_code
    assert "npm/hello@1.2.0/main.js: no rule publishes this file" in result.stderr
    assert 'path = "npm/**"' in result.stderr.replace("\\n", "\n")
    assert "https://unpkg.com/hello" in file.read_text()
    assert not (root / "npm").exists()


def test_a_rule_without_cors_is_a_problem(run: Run, root: Path, registry: LocalRegistry) -> None:
    (root / "manifest.toml").write_text(f'schema = 1\n[site]\nurl = "{SITE}"\n[[publish]]\npath = "npm/**"\n')
    page(root, "<script src=https://unpkg.com/hello></script>")
    result = run("migrate", "page.html", "--registry", registry.url)
    assert 1 == result.exit_code
    assert "manifest.toml:4: its rule has cors" in result.stderr


def test_without_a_url_there_is_a_problem(run: Run, root: Path, registry: LocalRegistry) -> None:
    (root / "manifest.toml").write_text(f"schema = 1{RULE}")
    file = page(root, "<script src=https://unpkg.com/hello></script>")
    result = run("migrate", "page.html", "--registry", registry.url)
    assert 1 == result.exit_code
    assert "public/manifest.toml: pages of other origins need a whole URL" in result.stderr
    assert 0 == run("migrate", "page.html", "--url", "https://x.example/lib/", "--registry", registry.url).exit_code
    assert 'src=https://x.example/lib/npm/hello@1.2.0/main.js integrity="sha384-' in file.read_text()


def test_a_url_that_is_none_is_a_problem(run: Run, listed: Path, registry: LocalRegistry) -> None:
    page(listed, "<script src=https://unpkg.com/hello></script>")
    result = run("migrate", "page.html", "--url", "cdn.example.com", "--registry", registry.url)
    assert 1 == result.exit_code
    assert "[site-url-invalid]" in result.stderr


def test_one_page_that_can_not_be_read_keeps_all_from_changing(run: Run, listed: Path, registry: LocalRegistry) -> None:
    file = page(listed, "<script src=https://unpkg.com/hello></script>")
    page(listed, "x" * (8 * 2**20 + 1), "large.html")
    result = run("migrate", "page.html", "large.html", "none.html", "--registry", registry.url)
    assert 1 == result.exit_code
    assert "[page-missing]" in result.stderr
    result = run("migrate", "page.html", "large.html", "--registry", registry.url)
    assert "large.html: the page has more than 8,388,608 characters [page-too-large]" in result.stderr
    assert "https://unpkg.com/hello" in file.read_text()
    assert [] == registry.asked


def test_a_registry_that_can_not_be_asked_is_a_problem(run: Run, listed: Path, registry: LocalRegistry) -> None:
    page(listed, "<script src=https://unpkg.com/hello></script>")
    result = run("migrate", "page.html", "--registry", f"{registry.url}x?y")
    assert (1, "") == (result.exit_code, result.stdout)
    assert "[registry-address]" in result.stderr


def test_files_that_the_manifest_does_not_keep_have_no_counterpart(
    run: Run, listed: Path, registry: LocalRegistry
) -> None:
    manifest = listed / "manifest.toml"
    manifest.write_text(manifest.read_text() + '[libraries]\nhello = { version = "1.2.0", files = ["dist/*"] }\n')
    page(listed, "<script src=https://unpkg.com/hello@1.2.0/main.js></script>")
    result = run("migrate", "page.html", "--registry", registry.url)
    assert 1 == result.exit_code
    assert "has no main.js" in result.stderr


def test_a_page_in_utf_16_keeps_its_encoding(run: Run, listed: Path, registry: LocalRegistry) -> None:
    file = listed.parent / "page.html"
    file.write_bytes("\ufeff<p>é<script src=https://unpkg.com/hello></script>".encode("utf-16-le"))
    assert 0 == run("migrate", "page.html", "--registry", registry.url).exit_code
    assert file.read_bytes().decode("utf-16-le").startswith(f"\ufeff<p>é<script src={SITE}/npm/hello@1.2.0/main.js ")


def test_octets_that_are_no_characters_are_kept(run: Run, listed: Path, registry: LocalRegistry) -> None:
    file = listed.parent / "page.html"
    before = b"<meta charset=utf-8>\xff\xfe\xe9<script src=https://unpkg.com/hello></script>\x80\r"
    file.write_bytes(before)
    assert 0 == run("migrate", "page.html", "--registry", registry.url).exit_code
    after = file.read_bytes()
    assert after.startswith(b"<meta charset=utf-8>\xff\xfe\xe9<script src=https://cdn.example.com/npm/")
    assert after.endswith(b"></script>\x80\r")


def test_a_terminal_sees_colours(listed: Path, registry: LocalRegistry) -> None:
    page(listed, "<script src=https://unpkg.com/hello></script>")
    command = ("migrate", "--dry-run", "page.html", "--registry", registry.url)
    status, written = run_on_terminal(*command, cwd=listed.parent, HOME=str(listed.parent))
    assert 0 == status
    assert "-<script src=https://unpkg.com/hello></script>" in bare(written).splitlines()


def test_a_base_is_followed(run: Run, listed: Path, registry: LocalRegistry) -> None:
    file = page(
        listed,
        "<base href=https://unpkg.com/hello@1.2.0/>\n<script src=./main.js></script>\n<script src=/none></script>",
    )
    result = run("migrate", "page.html", "--registry", registry.url)
    assert 1 == result.exit_code
    assert f"<script src={SITE}/npm/hello@1.2.0/main.js integrity=" in file.read_text()
    assert result.stderr.startswith("page.html:3: left https://unpkg.com/none: ")


def test_another_host_is_left_and_told(run: Run, listed: Path, registry: LocalRegistry) -> None:
    """Whatever remains is listed, and what it has in common is counted."""
    hosts = ("a.example/a.js", "cdn.tailwindcss.com", "js.stripe.com/v3/", "b.example/b.js")
    page(listed, "\n".join(f"<script src=https://{host}></script>" for host in hosts))
    result = run("migrate", "page.html", "--registry", registry.url)
    assert 1 == result.exit_code
    assert [f"page.html:{line + 1}: left https://{host}" for line, host in enumerate(hosts)] == [
        line.partition(": ")[0] + ": " + line.split(": ")[1] for line in result.stderr.splitlines()
    ]
    whole, first, remedy, *others = result.stdout.splitlines()
    assert "0 addresses moved in 0 of 1 page, 4 left" == whole
    assert (
        "     2 cdnserve does not know this host: if it is yours, say --host; if not, host the file yourself" == first
    )
    assert remedy.startswith("       hint: if it is yours, say --host a.example --host b.example; if not, put the file")
    assert {"Tailwind's CDN", "js.stripe.com"} == {line[7:].partition(":")[0] for line in others[::2]}
    assert "       hint: nothing but its own host would do: --host js.stripe.com keeps it" in others[1::2]


def test_what_is_left_ends_with_a_command(run: Run, listed: Path, registry: LocalRegistry) -> None:
    """It names the packages that the addresses surely stand for."""
    page(listed, "<script>import('https://esm.sh/words@2'); import('https://unpkg.com/hello')</script>")
    result = run("migrate", "page.html", "--registry", registry.url)
    hint = "       hint: run cdnserve add words@2 hello, and write the address that cdnserve sri prints there by hand"
    assert hint == result.stdout.splitlines()[-1]
    written = json.loads(run("migrate", "--json", "page.html", "--registry", registry.url).stdout)
    assert list(written["left"]) == list(written["remedies"])


def test_ones_own_hosts_are_not_told(run: Run, listed: Path, registry: LocalRegistry) -> None:
    page(listed, f"<script src={SITE}/a.js></script><script src=//www.example.com/a.js></script>")
    result = run("migrate", "page.html", "--host", "https://www.example.com/", "--registry", registry.url)
    assert (0, "0 addresses moved in 0 of 1 page, 0 left\n") == (result.exit_code, result.stdout)


def test_a_folder_without_a_page_is_a_problem(run: Run, listed: Path, registry: LocalRegistry) -> None:
    (listed.parent / "empty").mkdir()
    result = run("migrate", "empty", "--registry", registry.url)
    assert (1, "") == (result.exit_code, result.stdout)
    assert "empty: no page lies in this folder" in result.stderr
    assert "[page-missing]" in result.stderr


TEMPLATE = b"""\
<?php if ($a->b > 1 && !isset($c["d"])) { /* \xff */ ?>\r
<head><script <?php if ($defer->on) { ?>defer<?php } ?> src="https://unpkg.com/hello@1.2.0/main.js"></script>
<link rel=stylesheet href="<?= $url->css ?>"><script src="https://unpkg.com/hello@<?= $v ?>/main.js"></script>
{{ a > b }} {% if c > d %}\t<%= "<script src='" + e + "'>" %> {{{ raw }}} @if (x > 1) { <p> } ${f > g}
<?php echo '<script src="https://unpkg.com/hello"></script>'; """


@pytest.mark.parametrize(
    "name",
    ["a.php", "a.j2", "a.jinja", "a.html.erb", "a.vue", "a.hbs", "a.twig", "a.liquid", "a.njk", "a.cshtml", "a.PHP"],
)
def test_a_template_keeps_all_but_its_addresses(run: Run, listed: Path, registry: LocalRegistry, name: str) -> None:
    folder = listed.parent / "site"
    folder.mkdir()
    (folder / name).write_bytes(TEMPLATE)
    result = run("migrate", "site", "--registry", registry.url)
    old = b'"https://unpkg.com/hello@1.2.0/main.js"'
    assert TEMPLATE.replace(old, tag("hello@1.2.0/main.js", SCRIPT).encode()) == (folder / name).read_bytes()
    assert 1 == result.exit_code
    assert "1 address moved in 1 of 1 page, 2 left, 1 that only a template knows\n" in result.stdout
    assert f"site/{name}:3: left https://unpkg.com/hello@<?= $v ?>/main.js: a template writes a part" in result.stderr
    assert f"site/{name}:5: left https://unpkg.com/hello: it stands in the code of a template" in result.stderr
    assert f"site/{name}:3: unknown <?= $url->css ?>: a template writes a part of the address" in result.stdout


def test_razor_is_not_given_code(run: Run, listed: Path, registry: LocalRegistry) -> None:
    """An @ behind a letter is part of a word; one behind a slash begins an expression."""
    font = '<link rel=stylesheet href="https://fonts.googleapis.com/css2?family=Lora">'
    file = page(listed, f'{font}<script src="https://unpkg.com/hello"></script>', "a.cshtml")
    result = run("migrate", "a.cshtml", "--registry", registry.url)
    assert f"{font}<script src={tag('hello@1.2.0/main.js', SCRIPT)}></script>" == file.read_text()
    assert "write it by hand, with @@" in result.stderr


def test_what_only_a_template_knows_is_no_failure(run: Run, listed: Path, registry: LocalRegistry) -> None:
    page(listed, "<script src='{{ url }}'></script>")
    result = run("migrate", "page.html", "--registry", registry.url)
    assert (0, "0 addresses moved in 0 of 1 page, 0 left, 1 that only a template knows") == (
        result.exit_code,
        result.stdout.splitlines()[-1],
    )


IMPORTING = '<script type="module">\n  import { word } from "https://esm.sh/words@2";\n  import("https://unpkg.com/deep/a.js");\n</script>\n'


def test_what_a_module_imports_gets_an_import_map(run: Run, listed: Path, registry: LocalRegistry) -> None:
    file = page(listed, f"<head>\n  {IMPORTING}")
    assert 0 == run("migrate", "page.html", "--registry", registry.url).exit_code
    before, _, rest = file.read_text().partition('<script type="importmap">')
    text, closed, after = rest.partition("</script>")
    assert ("<head>\n  ", f"</script>\n  {IMPORTING}") == (before, closed + after)
    written = json.loads(text)
    words, deep = f"{SITE}/npm/words@2.0.0/m.js", f"{SITE}/npm/deep@3.0.0"
    assert {"https://esm.sh/words@2": words, "https://unpkg.com/deep/a.js": f"{deep}/a.js"} == written["imports"]
    assert [words, *(f"{deep}/{name}.js" for name in "abc")] == list(written["integrity"])
    result = run("migrate", "page.html", "--registry", registry.url)
    assert (0, "0 addresses moved in 0 of 1 page, 0 left\n") == (result.exit_code, result.stdout)
    assert "third-party-host" not in run("audit", "page.html").stdout


@pytest.mark.parametrize(
    ("table", "names"),
    [
        pytest.param("{}", [], id="an empty import map"),
        pytest.param('{"imports": {}}', [], id="no imports"),
        pytest.param('{"imports": {"app": "./app.js"}}', ["app"], id="imports"),
        pytest.param('{\n  "scopes": {}\n}', [], id="other parts"),
        pytest.param('{"imports": {"app": "https://unpkg.com/hello@1.2.0/main.js"}}', ["app"], id="imports that move"),
    ],
)
def test_what_a_module_imports_is_added_to_the_import_map(
    run: Run, listed: Path, registry: LocalRegistry, table: str, names: list[str]
) -> None:
    file = page(listed, f"<script type=importmap>{table}</script>{IMPORTING}")
    result = run("migrate", "page.html", "--registry", registry.url)
    assert 0 == result.exit_code, result.stderr
    assert file.read_text().endswith(IMPORTING)
    written = imported(file)
    assert [*names, "https://esm.sh/words@2", "https://unpkg.com/deep/a.js"] == list(written["imports"])
    assert f"{SITE}/npm/words@2.0.0/m.js" in written["integrity"]


def test_an_import_map_has_the_nonce_of_the_module(run: Run, listed: Path, registry: LocalRegistry) -> None:
    file = page(listed, "<script type=module nonce=abc>import 'https://esm.sh/words'</script>")
    assert 0 == run("migrate", "page.html", "--registry", registry.url).exit_code
    assert file.read_text().startswith('<script type="importmap" nonce="abc">{')


def test_what_no_import_map_can_lead_is_left(run: Run, listed: Path, registry: LocalRegistry) -> None:
    html = f"<script type=module src=app.js></script><script type=importmap>{{}}</script>{IMPORTING}"
    file = page(listed, html)
    result = run("migrate", "page.html", "--registry", registry.url)
    assert 1 == result.exit_code
    assert 2 == result.stderr.count("an import map would have to stand before all modules")
    assert html == file.read_text()
