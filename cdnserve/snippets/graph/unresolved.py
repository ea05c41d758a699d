"""What keeps a module from being imported in a browser, in words that say what can be done (HTML, import maps).

Never decides it: the resolution does.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from shlex import quote

from cdnserve.errors import Problem
from cdnserve.rules.exports import Refused
from cdnserve.snippets.graph.hosted import Package, Shelf

# What Node.js has built in (its documentation's index), without those that only have a name with "node:".
_BUILT_IN = frozenset(
    (
        *("assert", "async_hooks", "buffer", "child_process", "cluster", "console", "constants", "crypto", "dgram"),
        *("diagnostics_channel", "dns", "domain", "events", "fs", "http", "http2", "https", "inspector", "module"),
        *("net", "os", "path", "perf_hooks", "process", "punycode", "querystring", "readline", "repl", "stream"),
        *("string_decoder", "timers", "tls", "tty", "url", "util", "v8", "vm", "wasi", "worker_threads", "zlib"),
    )
)


def not_hosted(name: str, wanted: str | None, dependent: Package | None, shelf: Shelf) -> Problem:
    """Say that no version that will do is hosted."""
    spec = f"{name}@{wanted}" if wanted else name
    where = str(dependent) if dependent else ""
    if name in _BUILT_IN and not shelf.versions(name):
        message = "it needs what only Node.js has built in"
        hint = f"if the npm package of that name does the same in browsers: cdnserve add {name}"
        return Problem("module-built-in", message, where, name, hint)
    hosted = ", ".join(shelf.versions(name))
    message = "no hosted version of the package satisfies the range" if hosted else "the package is not hosted"
    if not hosted and shelf.is_here(name):
        message = "the package is here, but no rule publishes a file of it"
    instead = f"; hosted are {hosted}" if hosted else ""
    return Problem("module-not-hosted", message, where, spec, f"run cdnserve add {quote(spec)}{instead}")


def with_one_command(problems: Iterable[Problem]) -> list[Problem]:
    """Say with the last package that is not hosted how all of them are added at once."""
    told = list(problems)
    absent = [at for at, problem in enumerate(told) if problem.reference == "module-not-hosted"]
    specs = list(dict.fromkeys(told[at].value for at in absent))
    if len(specs) > 1:
        last = told[absent[-1]]
        every = " ".join(map(quote, specs))
        told[absent[-1]] = replace(last, hint=f"{last.hint}; all that are missing: cdnserve add {every}")
    return told


def common_js(package: Package, path: str) -> Problem:
    """Say that there is only a CommonJS file."""
    message = "not an ES module: a browser can't import it"
    hint = "look for another build or another package; a bundler can convert it, an import map can't"
    return Problem("module-common-js", message, str(package), path, hint)


def unlisted(path: str) -> Problem:
    """Say that the file is there but not public."""
    hint = "let a [[publish]] rule of the manifest publish it"
    return Problem("module-unlisted", "the file is here, but no rule publishes it", path, hint=hint)


def missing(where: str, specifier: str) -> Problem:
    """Say that no public file is meant."""
    message = "this leads to no public file"
    hint = "see what is public: cdnserve list; the library's files globs may have left it out"
    return Problem("module-missing", message, where, specifier, hint)


def not_exported(package: Package, said: str, why: Refused) -> Problem:
    """Say what the package.json makes of it."""
    return Problem("module-not-exported", why.value, str(package), said, "import a path that the package exports")


def taken_away(where: str, specifier: str) -> Problem:
    """Say that the package has nothing for browsers in its place."""
    message = "the package's browser field takes this module away, and an import map can't give an empty one"
    return Problem("module-excluded", message, where, specifier, "use a build of the package that is made for browsers")


def by_scheme(where: str, specifier: str) -> Problem | None:
    """Say what a specifier with a scheme means; nothing for `data:`, whose content stands in the checked file."""
    scheme = specifier.partition(":")[0].lower()
    if scheme == "data":
        return None
    if scheme == "node":
        message = "it needs what only Node.js has built in"
        return Problem("module-built-in", message, where, specifier, "use a build of the package for browsers")
    message = "this is loaded from elsewhere, and no integrity is known for it"
    return Problem("module-elsewhere", message, where, specifier, "host it here instead", warning=True)
