"""The view of a release: what is listed, and what each question is answered with."""

from __future__ import annotations

import base64
import hashlib

import msgspec
import pytest

from cdnserve.errors import ConfigurationError
from cdnserve.modules.free_names import free_node_names
from cdnserve.release.history import compare
from cdnserve.rules.caching import Cache
from cdnserve.snippets.importmap import script_json
from cdnserve.snippets.subject import Options, read_algorithms
from cdnserve.snippets.tags import html
from cdnserve.snippets.targets import Hosted, library_subjects
from cdnserve.web.view import CatalogView, freshness, readers
from tests.web import site
from tests.web.built import BuiltSite

GREET = "npm/greet@1.0.0/dist/greet.js"


def integrity(octets: bytes, algorithm: str = "sha384") -> str:
    return f"{algorithm}-{base64.b64encode(hashlib.new(algorithm, octets).digest()).decode()}"


def test_libraries_are_told_by_their_newest_listed_version(view: CatalogView) -> None:
    """A version that isn't listed is none; nor is a library all of whose versions aren't."""
    assert ["@scope/words", "fornode", "greet"] == [one.name for one in view.libraries]
    greet = view.library("greet")
    assert greet is not None
    assert ("1.1.0", ("1.1.0", "1.0.0"), 4) == (greet.version, greet.versions, greet.files)
    assert view.library("hidden") is None
    assert view.version("greet", "2.0.0") is None


def test_texts_of_a_package_are_one_line_and_links_are_links(view: CatalogView) -> None:
    version = view.version("greet", "1.1.0")
    assert version is not None
    facts = version.package
    assert "Says hello to <b>people</b> \u202e" == facts.description
    assert ("MIT", "", "https://example.com/greet") == (facts.licence, facts.homepage, facts.repository)
    assert ("greeting", "polite") == facts.keywords
    assert [("@scope/words", "1.2.0"), ("left-pad", ""), ("hidden", "")] == [
        (one.name, one.hosted) for one in facts.dependencies
    ]


def test_what_to_paste_is_what_the_commands_print(web_site: BuiltSite, view: CatalogView) -> None:
    version = view.version("greet", "1.1.0")
    assert version is not None
    assert ("npm/greet@1.1.0/dist/greet.js", "npm/greet@1.1.0/dist/greet.css") == version.default_files
    hosted = Hosted(web_site.root, web_site.store, web_site.store.load())
    options = Options(read_algorithms(()))
    printed = [html([subject], options) for subject in library_subjects("greet@1.1.0", hosted)]
    assert printed == [one.text for one in version.snippets if one.use == "tag"]
    assert integrity(site.NEWER) in printed[0]
    assert ["https://cdn.example.com/npm/greet@1.1.0/dist/greet.js"] == [
        one.text for one in version.snippets if (one.use, one.kind) == ("url", "script")
    ]
    policies = f"script-src '{integrity(site.NEWER)}'; style-src https://cdn.example.com/npm/greet@1.1.0/dist/greet.css"
    assert [policies] == [one.text for one in version.snippets if one.use == "csp"]


def test_a_library_of_modules_has_an_import_map(view: CatalogView) -> None:
    version = view.version("@scope/words", "1.2.0")
    assert version is not None
    (text,) = [one.text for one in version.snippets if one.use == "importmap"]
    mapped = msgspec.json.decode(text)
    base = "https://cdn.example.com/npm/@scope/words@1.2.0"
    assert {"@scope/words": f"{base}/words.js"} == mapped["imports"]
    assert {f"{base}/words.js": integrity(site.WORDS), f"{base}/space.js": integrity(site.SPACE)} == mapped["integrity"]
    assert text == script_json(view.import_map(["@scope/words@1.2.0"]).map)


def test_a_script_is_looked_into_once(web_site: BuiltSite, monkeypatch: pytest.MonkeyPatch) -> None:
    looked = list[bytes]()

    def noted(source: bytes) -> tuple[str, ...]:
        looked.append(source)
        return free_node_names(source)

    monkeypatch.setattr("cdnserve.modules.scripts.free_node_names", noted)
    assert CatalogView(web_site.origin, web_site.store, web_site.read).version("greet", "1.0.0")
    assert [site.GREET] == [source for source in looked if source]


def test_a_library_for_node_says_so(view: CatalogView) -> None:
    version = view.version("fornode", "1.0.0")
    assert version is not None
    assert () == version.default_files
    assert "runs in Node.js only" in version.remark
    assert version.hint


def test_a_file_has_its_codings_its_integrity_and_its_policies(web_site: BuiltSite, view: CatalogView) -> None:
    found = view.file(GREET)
    assert found is not None
    file = found.file
    assert ("text/javascript; charset=utf-8", len(site.GREET)) == (file.media_type, file.size)
    assert file.integrity is not None
    for algorithm in ("sha256", "sha384", "sha512"):
        assert integrity(site.GREET, algorithm) == getattr(file.integrity, algorithm)
    identity = base64.urlsafe_b64encode(hashlib.sha256(site.GREET).digest()).rstrip(b"=").decode()
    assert f'"{identity}"' == file.codings[0].etag
    assert ["identity", "br", "gzip"] == [one.coding for one in file.codings]
    assert file.served_size == file.codings[1].size
    assert ("any", "greet@1.0.0") == (file.cors, file.library)
    assert "every origin" in found.readers
    assert "never changes" in found.freshness
    assert site.GREET == view.content(GREET, 10_000)
    assert view.content(GREET, 10) is None


@pytest.mark.parametrize(
    "path",
    ["partners/secret.js", "quiet/quiet.js", "unpublished/file.js", "npm/hidden@1.0.0/hidden.js", "absent.js", ""],
)
def test_what_is_not_listed_is_not_there(view: CatalogView, path: str) -> None:
    assert view.file(path) is None
    assert view.content(path, 10_000) is None


def test_what_a_rule_lists_is_there_whoever_may_read_it(view: CatalogView) -> None:
    found = view.file("shown/shown.js")
    assert found is not None
    assert ("none", "") == (found.file.cors, found.file.library)


def test_folders(view: CatalogView) -> None:
    assert ["own", "shown", ""] == [one.path for one in view.own_folders]
    own = view.folder("own")
    assert own is not None
    assert (["own/deep"], ["own/app.js"]) == ([one.path for one in own.folders], [one.path for one in own.files])
    assert view.folder("partners") is None
    package = view.files("npm/greet@1.1.0", 2, 3)
    assert (4, ["npm/greet@1.1.0/package.json"]) == (package.total, [one.path for one in package.items])
    assert () == view.files("npm/greet@1.1.0", 10**9, 3).items


@pytest.mark.parametrize(
    ("wanted", "version"),
    [(None, "1.1.0"), ("latest", "1.1.0"), ("^1", "1.1.0"), ("1.0.x", "1.0.0"), ("2", None), ("x" * 300, None)],
)
def test_a_range_means_a_listed_version(view: CatalogView, wanted: str | None, version: str | None) -> None:
    found = view.resolve("greet", wanted)
    assert version == (found.version if found else None)
    assert view.resolve("hidden", wanted) is None


@pytest.mark.parametrize("algorithm", ["sha256", "sha384", "sha512"])
def test_octets_are_found_by_each_hash(view: CatalogView, algorithm: str) -> None:
    found = view.with_hash(integrity(site.GREET, algorithm))
    assert found is not None
    assert [GREET, "own/deep/er/copy.js"] == [one.path for one in found.files]
    secret = view.with_hash(integrity(site.SECRET, algorithm))
    assert secret is not None
    assert () == secret.files


@pytest.mark.parametrize("text", ["", "sha384", "sha1-AAAA", "sha384-!", f"{integrity(b'a')} {integrity(b'b')}"])
def test_what_is_no_hash_finds_nothing(view: CatalogView, text: str) -> None:
    assert view.with_hash(text) is None


@pytest.mark.parametrize(
    ("query", "found"),
    [
        pytest.param("greet", ["greet", GREET], id="a name comes before paths"),
        pytest.param("WORDS", ["@scope/words", "npm/@scope/words@1.2.0/package.json"], id="a name in a scope"),
        pytest.param("polite hello", ["greet"], id="every word, wherever it is"),
        pytest.param("own", ["own", "own/app.js"], id="a folder"),
        pytest.param("secret", [], id="what is not listed"),
        pytest.param("hidden", [], id="a library that is not listed"),
        pytest.param(" ", [], id="no word"),
        pytest.param("x" * 10_000, [], id="a long word"),
    ],
)
def test_search(view: CatalogView, query: str, found: list[str]) -> None:
    names = [hit.name for hit in view.search(query, 1, 100).items]
    assert found[:1] == names[:1]
    assert set(found) <= set(names)
    assert bool(found) == bool(names)


def test_versions_are_compared_file_by_file(view: CatalogView) -> None:
    compared = view.compare("greet", "1.0.0", "1.1.0")
    assert compared is not None
    assert [
        ("LICENSE", "removed"),
        ("dist/greet.js", "changed"),
        ("dist/more.js", "added"),
        ("package.json", "changed"),
    ] == [(one.path, one.change) for one in compared.changes]
    assert 1 == compared.unchanged
    assert view.compare("greet", "1.0.0", "2.0.0") is None


def test_releases_tell_what_changed_of_what_is_listed(web_site: BuiltSite, view: CatalogView) -> None:
    releases = view.releases(1, 10)
    newest, first = releases.items
    assert (True, False) == (newest.is_current, first.is_current)
    added = [path for path in site.AFTER if path not in site.BEFORE and "partners" not in path]
    assert tuple(sorted(added)) == newest.paths_added
    assert (("own/app.js",), ()) == (newest.paths_changed, newest.paths_removed)
    everything = compare(None, web_site.store.read(first.number)).added
    assert set(first.paths_added) < set(everything)
    assert newest.made.endswith("Z")
    assert () == view.releases(3, 10).items


def test_an_import_map_of_what_is_not_listed_is_refused(view: CatalogView) -> None:
    """As one of what isn't there."""
    told = []
    for name in ("hidden", "absent"):
        with pytest.raises(ConfigurationError) as caught:
            view.import_map([name])
        told.append([str(one).replace(name, "NAME") for one in caught.value.problems])
    assert told[0] == told[1]


@pytest.mark.parametrize(
    ("cache", "words"),
    [
        (Cache("revalidate"), "before each use"),
        (Cache("a", max_age=1), "1 second"),
        (Cache("a", max_age=7200), "2 hours"),
        (Cache("a", max_age=60), "1 minute"),
    ],
)
def test_freshness_in_words(cache: Cache, words: str) -> None:
    assert words in freshness(cache)


def test_readers_in_words() -> None:
    assert ["every origin", "this host", "“x” lists"] == [
        next(part for part in ("every origin", "this host", "“x” lists") if part in readers(name))
        for name in ("any", "none", "x")
    ]
