"""Compare the named exports that are found in CommonJS packages with what Node.js has when it runs them.

    scripts/compare_exports.py [--folder FOLDER] [NAME…]

It installs the packages that are named, or those of `compare_exports.txt`, without their install scripts, into FOLDER
(a temporary one). Node.js then requires each in a process of its own: **what is installed there is executed**, with the
rights of whoever calls this. The enumerable names of what `require` returns count, where they can stand in
`export {…}`; cjs-module-lexer's names are printed beside. FOLDER keeps the packages and the answers.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from cdnserve.modules.commonjs import LoadedModule, is_name, named_exports

LIST = Path(__file__).with_suffix(".txt")
LONGEST = 60.0
IGNORED = {"__esModule", "module.exports"}

# Prints the file, what Node.js has, and what cjs-module-lexer finds, also in what it names as exported again.
ASK = r"""
const {readFileSync} = require('fs'), {createRequire} = require('module')
const {parse, initSync} = require('cjs-module-lexer')
if (initSync) initSync()
const here = createRequire(process.cwd() + '/x.js'), file = here.resolve(process.argv[1])
const lexed = new Set(), seen = new Set()
const lex = (path) => {
  if (seen.has(path) || seen.size > 500) return
  seen.add(path)
  try {
    const found = parse(readFileSync(path, 'utf8'))
    found.exports.forEach((name) => lexed.add(name))
    for (const one of found.reexports) try { lex(createRequire(path).resolve(one)) } catch {}
  } catch {}
}
lex(file)
const value = here(file)
const names = value && ['object', 'function'].includes(typeof value) ? Object.keys(value) : []
process.stdout.write('\n' + JSON.stringify({file, names, lexed: [...lexed]}) + '\n', () => process.exit(0))
"""

# Answers each line, an importer and a specifier, with the file.
RESOLVE = r"""
const {createRequire} = require('module')
require('readline').createInterface({input: process.stdin}).on('line', (line) => {
  const [importer, specifier] = JSON.parse(line)
  let file = ''
  try { file = createRequire(importer).resolve(specifier) } catch {}
  console.log(JSON.stringify(file))
})
"""


@dataclass(frozen=True, slots=True)
class Comparison:
    """One package: the names of Node.js, those that were found, and those of cjs-module-lexer."""

    package: str
    node: frozenset[str] = frozenset()
    found: frozenset[str] = frozenset()
    lexed: frozenset[str] = frozenset()
    failure: str = ""


class Resolver:
    """Node.js, asked where a specifier leads: nothing is executed."""

    def __init__(self, folder: Path) -> None:
        self.node = subprocess.Popen(
            ["node", "-e", RESOLVE], cwd=folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def load(self, importer: str, specifier: str) -> LoadedModule | None:
        """Return what a module requires, where it lies in a file."""
        if self.node.stdin is None or self.node.stdout is None:
            return None
        self.node.stdin.write(json.dumps([importer, specifier]) + "\n")
        self.node.stdin.flush()
        file = json.loads(self.node.stdout.readline())
        return LoadedModule(file, Path(file).read_bytes()) if file.startswith("/") else None

    def close(self) -> None:
        """End the process."""
        self.node.communicate()


def install(folder: Path, packages: list[str]) -> None:
    """Install packages with npm, without their scripts."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "package.json").write_text('{"private": true}')
    names = sorted({"/".join(one.split("/")[: 2 if one.startswith("@") else 1]) for one in packages})
    options = ["--ignore-scripts", "--no-audit", "--no-fund", "--legacy-peer-deps", "--silent"]
    subprocess.run(["npm", "install", *options, "cjs-module-lexer", *names], cwd=folder, check=True)


def ask(folder: Path, package: str) -> dict[str, list[str]] | str:
    """Return what Node.js says about a package, or why it says nothing; the folder keeps it."""
    kept = folder / "answers" / f"{package.strip('/').replace('/', '+')}.json"
    if not kept.exists():
        kept.parent.mkdir(exist_ok=True)
        kept.write_text(json.dumps(asked(folder, package)))
    answer: dict[str, list[str]] | str = json.loads(kept.read_text())
    return answer


def asked(folder: Path, package: str) -> dict[str, list[str]] | str:
    """Have Node.js load a package."""
    try:
        done = subprocess.run(
            ["node", "-e", ASK, package],
            cwd=folder,
            env={"PATH": "/usr/local/bin:/usr/bin:/bin", "NODE_ENV": "production", "HOME": str(folder)},
            capture_output=True,
            text=True,
            timeout=LONGEST,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return "it took too long"
    lines = done.stdout.strip().splitlines()
    if done.returncode or not lines:
        return next((line for line in done.stderr.splitlines() if "Error" in line), "it failed")[:100]
    answer: dict[str, list[str]] = json.loads(lines[-1])
    return answer


def compare(package: str, answer: dict[str, list[str]] | str, resolver: Resolver) -> Comparison:
    """Find the names of one package, and set them beside what Node.js says."""
    if isinstance(answer, str):
        return Comparison(package, failure=answer)
    file = str(answer["file"])
    exports = named_exports(Path(file).read_bytes(), file, resolver.load)
    node, found, lexed = (
        frozenset(name for name in names if is_name(name)) - IGNORED
        for names in (answer["names"], exports.names, answer["lexed"])
    )
    return Comparison(package, node, found, lexed)


def compare_all(folder: Path, packages: list[str]) -> Iterator[Comparison]:
    """Compare packages one after the other."""
    resolver = Resolver(folder)
    try:
        with ThreadPoolExecutor(2) as pool:
            for package, answer in zip(packages, pool.map(lambda one: ask(folder, one), packages), strict=True):
                yield compare(package, answer, resolver)
    finally:
        resolver.close()


def shortened(names: frozenset[str]) -> str:
    """Return some of the names."""
    return " ".join(sorted(names)[:6]) + (" …" if len(names) > 6 else "")


def report(rows: list[Comparison], elsewhere: set[str]) -> None:
    """Print a row for each package that differs, and the sums."""
    for row in rows:
        mark = " (in a page it has others)" if row.package in elsewhere else ""
        if row.failure:
            print(f"{row.package}: Node.js can't say: {row.failure}")
        elif row.node != row.found:
            missing, wrong = shortened(row.node - row.found), shortened(row.found - row.node)
            share = f"{len(row.node & row.found)} of {len(row.node)}"
            print(f"{row.package}{mark}: {share}; missing {missing or '-'}; wrong {wrong or '-'}")
    told = [row for row in rows if not row.failure and row.package not in elsewhere]
    every = sum(len(row.node) for row in told)
    for name, sets in (("found", [row.found for row in told]), ("cjs-module-lexer", [row.lexed for row in told])):
        right = sum(len(row.node & one) for row, one in zip(told, sets, strict=True))
        wrong_ones = sum(len(one - row.node) for row, one in zip(told, sets, strict=True))
        whole = sum(row.node == one for row, one in zip(told, sets, strict=True))
        share = f"{right} of {every} names ({right / max(every, 1):.2%})"
        print(f"{name}: {share}, {wrong_ones} wrong; {whole} of {len(told)} packages whole")


def main() -> None:
    """Compare the packages that are named, or all."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--folder", type=Path, help="use this folder; where it has packages, install nothing")
    parser.add_argument("names", nargs="*", help="packages instead of the list's")
    arguments = parser.parse_args()
    listed = [line for line in LIST.read_text().splitlines() if not line.startswith("#")]
    elsewhere = {line.removesuffix(" !") for line in listed if line.endswith(" !")}
    packages = arguments.names or [line.removesuffix(" !") for line in listed]
    with tempfile.TemporaryDirectory() as temporary:
        folder = (arguments.folder or Path(temporary)).resolve()
        if not (folder / "node_modules").exists():
            install(folder, packages)
        report(list(compare_all(folder, packages)), elsewhere)


if __name__ == "__main__":
    main()
