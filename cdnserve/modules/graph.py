"""The module graph (HTML, fetch the descendants of a module script): every hosted file that names given to it load."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from cdnserve.errors import ConfigurationError, Problem, Problems
from cdnserve.modules.hosted import (
    Edge,
    Graph,
    HostedPackage,
    HostedPackages,
    ModuleRequest,
    Modules,
    ReadModules,
    package_of,
)
from cdnserve.modules.resolve import ResolvedModule, Resolver, common_js, not_hosted, with_one_command

MOST_MODULES = 20_000


def module_graph(wanted: Sequence[ModuleRequest], packages: HostedPackages, read: ReadModules | None = None) -> Graph:
    """Follow the imports of hosted packages; raise ConfigurationError with everything that can't be resolved."""
    graph = explored(wanted, packages, read=read)
    Problems(with_one_command(graph.warnings)).raise_errors()
    return graph


def explored(
    wanted: Sequence[ModuleRequest],
    packages: HostedPackages,
    perhaps: Sequence[ModuleRequest] = (),
    read: ReadModules | None = None,
) -> Graph:
    """Follow the imports of hosted packages as far as they lead; what can't be resolved is among what is to be told.

    `perhaps` are what a page may import as well: what only these lead to may be absent.
    """
    modules = Modules(packages, read)
    entries, problems = _choose(wanted, Resolver(modules, {}), packages)
    asked = {package.name: package.version for _, package in reversed(entries)}
    files = {(package, one.subpath): one.file for one, package in entries if one.file}
    walk = _Walk(modules, Resolver(modules, asked, files))
    for one, package in entries:
        walk.enter(one, package)
    others = ((one, walk.resolver.choose(one.name, one.range)) for one in perhaps)
    walk.run([(one, package) for one, package in others if package])
    problems += walk.problems
    return Graph(
        edges=tuple(dict.fromkeys(walk.edges)),
        modules=tuple(sorted(walk.seen)),
        later=frozenset(walk.seen - walk.first),
        warnings=tuple(dict.fromkeys(problems)),
    )


def _choose(
    wanted: Sequence[ModuleRequest], resolver: Resolver, packages: HostedPackages
) -> tuple[list[tuple[ModuleRequest, HostedPackage]], list[Problem]]:
    chosen = [(one, resolver.choose(one.name, one.range)) for one in wanted]
    entries = [(one, package) for one, package in chosen if package]
    problems = [not_hosted(one.name, one.range, None, packages) for one, package in chosen if not package]
    first: dict[str, str] = {}
    for one, package in entries:
        meant = f"{package}={one.file}" if one.file else str(package)
        if first.setdefault(one.specifier, meant) != meant:
            message = "a page's import map can give one name to one version and one file only"
            problems.append(Problem("module-twice", message, "", f"{first[one.specifier]} and {meant}", "ask for one"))
    return entries, problems


class _Walk:
    """One walk from the entries; static imports first, so that `first` is what loads without any `import()`."""

    def __init__(self, modules: Modules, resolver: Resolver) -> None:
        self.modules = modules
        self.resolver = resolver
        self.edges: list[Edge] = []
        self.problems: list[Problem] = []
        self.seen: set[str] = set()
        self.first: set[str] = set()
        self.queue: deque[str] = deque()
        self.dynamic: list[tuple[str, str]] = []
        self.below: list[str] = []
        self.may_be_absent = False

    def enter(self, wanted: ModuleRequest, package: HostedPackage) -> None:
        if wanted.subpath.endswith("/"):
            self.enter_folder(wanted, package)
            return
        found = self.resolver.entry(package, wanted.subpath)
        if isinstance(found, Problem):
            self.problems.append(replace(found, warning=found.warning or self.may_be_absent))
            return
        self.edges.append(Edge(None, wanted.specifier, found.path))
        self.visit(found.path)

    def enter_folder(self, wanted: ModuleRequest, package: HostedPackage) -> None:
        found = self.resolver.prefix(package, wanted.subpath)
        if isinstance(found, Problem):
            self.problems.append(found)
            return
        folder, modules = found
        self.edges.append(Edge(None, wanted.specifier, folder))
        self.below += modules

    def run(self, perhaps: Sequence[tuple[ModuleRequest, HostedPackage]]) -> None:
        self.drain()
        self.first = set(self.seen)
        while self.dynamic:
            module, specifier = self.dynamic.pop(0)
            self.follow(module, specifier, is_dynamic=True)
            self.drain()
        # Which of these a page imports, nobody knows.
        self.may_be_absent = True
        for one, package in perhaps:
            self.enter(one, package)
        for path in self.below:
            self.visit(path)
        self.drain()
        while self.dynamic:
            self.follow(*self.dynamic.pop(0), is_dynamic=True)
            self.drain()

    def drain(self) -> None:
        while self.queue:
            module = self.queue.popleft()
            imports = self.modules.imports(module)
            self.doubt(module)
            for specifier in imports.static:
                self.follow(module, specifier)
            self.dynamic += [(module, specifier) for specifier in imports.dynamic]

    def visit(self, path: str) -> None:
        if path in self.seen:
            return
        if len(self.seen) == MOST_MODULES:
            message = f"more than {MOST_MODULES:,} modules load each other; an import map of them would be no help"
            raise ConfigurationError([Problem("module-graph-size", message, path, hint="use a bundled build")])
        self.seen.add(path)
        self.queue.append(path)

    def follow(self, module: str, specifier: str, *, is_dynamic: bool = False) -> None:
        found = self.resolver.follow(module, specifier)
        if isinstance(found, Problem):
            # What import() asks for may never be needed.
            self.problems.append(replace(found, warning=found.warning or is_dynamic or self.may_be_absent))
        elif found:
            self.take(module, found)
            self.check_names(module, specifier, found.path)

    def check_names(self, module: str, specifier: str, path: str) -> None:
        """Note where a name is taken from a file that exports none."""
        package = package_of(path)
        if package and specifier in self.modules.imports(module).named and self.modules.exports_nothing(path):
            self.problems.append(replace(common_js(package, path), warning=self.may_be_absent))

    def take(self, module: str, found: ResolvedModule) -> None:
        if found.key:
            self.edges.append(Edge(package_of(module), found.key, found.path, found.is_path))
        if found.undeclared:
            message = "its package.json does not name this dependency, so the newest hosted version was taken"
            where = str(package_of(module))
            self.problems.append(Problem("module-undeclared", message, where, found.undeclared, warning=True))
        self.visit(found.path)

    def doubt(self, module: str) -> None:
        imports = self.modules.imports(module)
        if imports.computed:
            message = "it computes what it imports with import(), so that is not in the map, and not checked"
            self.problems.append(Problem("module-computed", message, module, warning=True))
        if imports.needs_bundler:
            message = "it reads process.env, which browsers don't have: this file is made for bundlers"
            hint = "choose a build for browsers, as with NAME=dist/NAME.browser.js"
            self.problems.append(Problem("module-for-bundlers", message, module, hint=hint, warning=True))
        if not imports.is_whole:
            message = "not all of this file could be parsed; what is imported there may be missing"
            self.problems.append(Problem("module-syntax", message, module, warning=True))


ModuleMap = dict[str, dict[str, str] | dict[str, dict[str, str]]]


def module_map(graph: Graph, url_of: Callable[[str], str], integrity: Mapping[str, str]) -> ModuleMap:
    """Return the import map; `url_of` makes a URL of a logical path, `integrity` has the metadata of each module.

    A name that means the same to everybody stands in `imports`. Where two dependents need different files, it stands
    in `scopes`, and in `imports` only if the page asked for it.
    """
    by_key: defaultdict[str, dict[HostedPackage | None, str]] = defaultdict(dict)
    scopes: defaultdict[str, dict[str, str]] = defaultdict(dict)
    for edge in graph.edges:
        if edge.dependent and _is_private(edge):
            key = url_of(edge.key) if edge.is_path else edge.key
            scopes[url_of(f"{edge.dependent.folder}/")][key] = url_of(edge.path)
        else:
            by_key[edge.key][edge.dependent] = edge.path
    imports = {key: url_of(path) for key, meant in by_key.items() if (path := _shared(meant))}
    for key, meant in by_key.items():
        for dependent, path in meant.items():
            if dependent and imports.get(key) != url_of(path):
                scopes[url_of(f"{dependent.folder}/")][key] = url_of(path)
    checked = {url_of(path): integrity[path] for path in graph.modules}
    return {
        "imports": _sorted(imports),
        **({"scopes": {scope: _sorted(scopes[scope]) for scope in sorted(scopes)}} if scopes else {}),
        "integrity": _sorted(checked),
    }


def _is_private(edge: Edge) -> bool:
    # A path and a #name mean something to their own package only.
    return edge.is_path or edge.key.startswith("#")


def _shared(meant: Mapping[HostedPackage | None, str]) -> str | None:
    """Return what a name means to the page, or to all dependents alike."""
    if None in meant:
        return meant[None]
    return next(iter(meant.values())) if len(set(meant.values())) == 1 else None


def _sorted(entries: Mapping[str, str]) -> dict[str, str]:
    return {key: entries[key] for key in sorted(entries)}
