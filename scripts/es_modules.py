"""Make ES modules of packages that people use most, run each in Chromium, and write docs/es-modules-tried.md.

Run by hand, with a network: `.venv/bin/python -m scripts.es_modules`. With names as arguments only these are tried, and
nothing is written.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

from cdnserve.snippets.importmap import script_json
from scripts.es_modules_cases import CASES, Case

PAGE = Path(__file__).parent.parent / "docs/es-modules-tried.md"
MANIFEST = """schema = 1
[[publish]]
path = "npm/**"
cors = "any"
cache = "immutable"
[[publish]]
path = "page.html"
cors = "none"
cache = "revalidate"
documents = "live"
"""
FLAGS = ["--no-sandbox", "--disable-gpu", "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1"]
HEAD = """# ES modules that were tried

Each package was added with `--esm --deps` in its newest version, and a page in Chromium imported it from the hosted
files alone, every module with integrity, and used it. `python -m scripts.es_modules` makes this page.

"""


@dataclass(frozen=True, slots=True)
class Tried:
    """One package: its version, how many modules a page loads, and why it doesn't work, `""` if it does."""

    case: Case
    version: str
    modules: int
    reason: str


def tried(case: Case, browser: Browser) -> Tried:
    """Add one package to a root of its own, and use it in a page."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "public"
        root.mkdir()
        (root / "manifest.toml").write_text(MANIFEST)
        added = _cdnserve("add", *case.specs, "--esm", "--deps", "--root", str(root), "--json")
        if added.returncode:
            return Tried(case, "", 0, _problem(added))
        libraries = {one["name"]: one["version"] for one in json.loads(added.stdout)["libraries"]}
        version = libraries.get(case.name, "")
        (root / "page.html").write_text("")
        mapped = _cdnserve("importmap", *case.imports, "--relative", "--root", str(root), "--json")
        if mapped.returncode:
            return Tried(case, version, 0, _problem(mapped))
        table = json.loads(mapped.stdout)["importmap"]
        (root / "page.html").write_text(_page(case, f'<script type="importmap">{script_json(table)}</script>'))
        with _serving(root) as url:
            said, asked, complaints = _visit(f"{url}/page.html", browser)
    without = [one for one in asked if one.removeprefix(url) not in (*table["integrity"], "/page.html")]
    reason = "" if said == "true" else f"{said} {' '.join(complaints)}".strip()
    return Tried(case, version, len(asked) - 1, reason or (f"without integrity: {without[0]}" if without else ""))


def _page(case: Case, head: str) -> str:
    return f"""<!doctype html><meta charset=utf-8><link rel=icon href=data:,>{head}<div id=root></div>
<script type=module>
window.onerror = (message) => {{ window.said ??= String(message) }};
window.onunhandledrejection = (event) => {{ window.said ??= String(event.reason) }};
const until = async (test) => {{
  for (let at = 0; at < 200; at += 1) {{
    if (test()) return true;
    await new Promise((done) => setTimeout(done, 20));
  }}
  return "it never came true: " + test + " " + document.body.innerHTML.slice(0, 300);
}};
const styleOf = (element) => element ? getComputedStyle(element) : {{}};
const root = document.getElementById("root");
try {{
  const said = await (async () => {{ {case.use} }})();
  window.said ??= String(said);
}} catch (error) {{ window.said ??= String(error.stack ?? error) }}
</script>"""


def _visit(url: str, browser: Browser) -> tuple[str, list[str], list[str]]:
    context = browser.new_context()
    page = context.new_page()
    asked: list[str] = []
    complaints: list[str] = []
    page.on("request", lambda request: asked.append(request.url) if request.url.startswith("http") else None)
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.goto(url)
    try:
        page.wait_for_function("window.said !== undefined", timeout=15_000)
        return str(page.evaluate("window.said")), asked, complaints
    except Exception:
        return "the page never finished", asked, complaints
    finally:
        context.close()


@contextmanager
def _serving(root: Path) -> Iterator[str]:
    command = [sys.executable, "-m", "cdnserve", "serve", str(root), "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        try:
            first = process.stdout.readline() if process.stdout else ""
            yield first.removeprefix("listening on ").strip()
        finally:
            process.send_signal(signal.SIGTERM)


def _cdnserve(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "cdnserve", *arguments], capture_output=True, text=True, timeout=600, check=False
    )


def _problem(done: subprocess.CompletedProcess[str]) -> str:
    """Return the first problem that a command tells; `--json` has them all on stdout."""
    first = next(one for one in json.loads(done.stdout)["problems"] if not one["warning"])
    return " ".join(filter(None, (first["where"], first["message"], first["value"] and f"({first['value']})")))


def table(found: list[Tried]) -> str:
    """Return the page."""
    works = sum(not one.reason for one in found)
    lines = [
        f"{works} of {len(found)} work.",
        "",
        "| package | modules that a page loads | works |",
        "| --- | --- | --- |",
    ]
    for one in found:
        reason = " ".join(one.reason.split())[:200].replace("|", "\\|")
        name = f"{one.case.name} {one.version}".strip()
        lines.append(f"| {name} | {one.modules or ''} | {f'no: {reason}' if reason else 'yes'} |")
    return HEAD + "\n".join([*lines, ""])


def main(names: list[str]) -> None:
    """Try packages and write the table."""
    chosen = [case for case in CASES if not names or case.name in names]
    path = shutil.which(os.environ.get("CDNSERVE_CHROMIUM") or "chromium")
    found = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        for case in chosen:
            found.append(tried(case, browser))
            print(f"{case.name} {found[-1].version}: {found[-1].reason or 'works'} ({found[-1].modules})", flush=True)
        browser.close()
    if not names:
        PAGE.write_text(table(found), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
