"""Import maps (HTML Standard, import maps): names for modules, and integrity for whatever modules import."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

from cdnserve.errors import ConfigurationError, Problem
from cdnserve.modules.graph import ModuleMap, module_graph, module_map
from cdnserve.modules.hosted import HostedPackages, ModuleRequest, ReadModules
from cdnserve.modules.package_json import inside
from cdnserve.release.catalog import Catalog
from cdnserve.rules.semver import is_package_name, is_range
from cdnserve.rules.urls import public_url
from cdnserve.snippets.subject import Options, Subject, metadata, of_asset

# Module scripts, and JSON and CSS modules: the only fetches that look into `integrity`.
_IMPORTABLE = ("script", "module", "json", "style")
_NAMED = ("script", "module")

_LIBRARY = re.compile(r"(?:^|/)((?:@[^/@]+/)?[^/@]+)@[^/]+/(.+)", re.DOTALL)
_ENDING = re.compile(r"(?:\.min)?\.[mc]?js\Z")
_FOR_HTML = str.maketrans({"<": "\\u003c", ">": "\\u003e", "&": "\\u0026"})


def importmap(subjects: Sequence[Subject], options: Options) -> str:
    """Write an import map as JSON that is safe inside an HTML script element."""
    return script_json(import_map(subjects, options))


def script_json(value: object) -> str:
    r"""Write JSON that is safe inside an HTML script element.

    >>> print(script_json("</script>"))
    "\u003c/script\u003e"
    """
    return json.dumps(value, indent=2).translate(_FOR_HTML)


def import_map(subjects: Sequence[Subject], options: Options) -> dict[str, dict[str, str]]:
    """Return the import map: specifier to URL for scripts, URL to integrity metadata for what modules can import."""
    importable = [subject for subject in subjects if subject.kind in _IMPORTABLE]
    checked = {_url_like(subject.url): metadata(subject, options) for subject in importable}
    return {
        "imports": specifiers([subject for subject in importable if subject.kind in _NAMED]),
        "integrity": {url: value for url, value in checked.items() if value},
    }


def specifiers(subjects: Sequence[Subject]) -> dict[str, str]:
    """Name subjects: a library's only file by the library, its files by library and path, others by file name.

    Names that would be the same are written out in full, so that none is lost.
    """
    once = {_url_like(subject.url): subject for subject in subjects}
    libraries = Counter(found[1] for found in map(_library, once.values()) if found)
    short = {url: _short(subject, libraries) for url, subject in once.items()}
    taken = Counter(name for url, subject in once.items() for name in {short[url], subject.name})
    alone = {url: name for url, name in short.items() if taken[name] == 1}
    return {alone.get(url) or subject.name: url for url, subject in once.items()}


def _short(subject: Subject, libraries: Counter[str]) -> str:
    found = _library(subject)
    if not found:
        return _ENDING.sub("", _path(subject).rpartition("/")[2])
    return found[1] if libraries[found[1]] == 1 else f"{found[1]}/{found[2]}"


def _library(subject: Subject) -> re.Match[str] | None:
    return _LIBRARY.search(_path(subject))


def _path(subject: Subject) -> str:
    """Return the name without scheme, query and fragment where it is a URL."""
    rest = subject.name.partition("://")[2]
    return re.split(r"[?#]", rest, maxsplit=1)[0] if rest else subject.name


def _url_like(url: str) -> str:
    # "If specifier starts with "/", "./", or "../"" (HTML, resolving a URL-like module specifier): a key without
    # one of these or a scheme is ignored, and its module runs unchecked.
    return url if "://" in url or url.startswith(("/", "./", "../")) else f"./{url}"


@dataclass(frozen=True, slots=True)
class HostedImportMap:
    """An import map for hosted packages: the modules that it leads to, and those that load without any `import()`."""

    map: ModuleMap
    modules: tuple[str, ...]
    at_once: tuple[Subject, ...]
    warnings: tuple[Problem, ...]


def hosted_import_map(
    requests: Sequence[ModuleRequest],
    packages: HostedPackages,
    catalog: Catalog,
    options: Options,
    *,
    relative: bool = False,
    read: ReadModules | None = None,
) -> HostedImportMap:
    """Map what is asked for, and all that it imports; raise ConfigurationError with everything that is not hosted.

    With `relative`, addresses begin with `/`. What is `read` already isn't parsed again.
    """
    graph = module_graph(requests, packages, read)
    site = "" if relative else catalog.site.url
    subjects = [replace(of_asset(catalog, path, module=True), url=public_url(path, site)) for path in graph.modules]
    integrity = {subject.name: metadata(subject, options) for subject in subjects}
    return HostedImportMap(
        map=module_map(graph, lambda path: public_url(path, site), integrity),
        modules=graph.modules,
        at_once=tuple(one for one in subjects if one.kind == "module" and one.name not in graph.later),
        warnings=(*graph.warnings, *_rule_warnings(subjects)),
    )


def _rule_warnings(subjects: Sequence[Subject]) -> list[Problem]:
    """Return what the rules of the modules mean for the page, each thing once."""
    first = {remark: subject.name for subject in reversed(subjects) for remark in subject.remarks}
    return [Problem("module-rule", remark, path, warning=True) for remark, path in sorted(first.items())]


# The @ of a scope does not begin a range, and a range has no slash. A file is not what begins like a range: "@>=3".
_REQUEST = re.compile(
    r"(?P<name>(?:@[^@/=]+/)?[^@/=]+)(?:@(?P<range>[^/]+?))?(?:/(?P<path>[^=]+))?(?:(?<![@<>|\s])=(?P<file>[^=]+))?",
    re.DOTALL,
)


def module_requests(names: Sequence[str]) -> list[ModuleRequest]:
    """Read NAME, NAME@RANGE, NAME/PATH and NAME=FILE; raise ConfigurationError with everything that is none of these.

    >>> module_requests(["@lit/task@^1/x.js"])
    [ModuleRequest(name='@lit/task', range='^1', subpath='./x.js', file='')]
    """
    found, wrong = [], []
    for name in names:
        match = _REQUEST.fullmatch(name)
        version, file = (match["range"], inside(match["file"] or "")) if match else (None, None)
        if match and is_package_name(match["name"]) and (version is None or is_range(version)) and file is not None:
            found.append(ModuleRequest(match["name"], version, f"./{match['path']}" if match["path"] else ".", file))
        else:
            hint = "say NAME, NAME@RANGE, NAME/PATH or NAME=FILE, as vue, vue@^3.4 or lit/decorators.js"
            bare = name.removesuffix("/")
            if bare != name and is_package_name(bare):
                exports = f"what it exports: cdnserve info {bare}"
                hint = f"a slash ends a folder of it, as three/addons/; say {bare}, or {exports}"
            wrong.append(Problem("module-name", "this names no hosted module", value=name, hint=hint))
    if wrong:
        raise ConfigurationError(wrong)
    return found
