"""cdnjs: its names and folders, as facts that were looked up."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cdnserve.cdns import cdnjs
from cdnserve.cdns.cdnjs import browser_packages, cdnjs_names, npm_file
from cdnserve.rules.semver import is_package_name

NAMES = cdnjs_names()


@pytest.mark.parametrize(
    ("name", "version", "package"),
    [
        pytest.param("jquery", "3.7.1", "jquery", id="the same name"),
        pytest.param("twitter-bootstrap", "4.6.2", "bootstrap", id="bootstrap, as it was called first"),
        pytest.param("bootstrap", "5.3.3", "bootstrap", id="bootstrap, as it is called now"),
        pytest.param("Chart.js", "4.4.0", "chart.js", id="capitals"),
        pytest.param("KaTeX", "0.16.9", "katex", id="more capitals"),
        pytest.param("highlight.js", "11.9.0", "@highlightjs/cdn-assets", id="a scope"),
        pytest.param("dygraph", "2.1.0", "dygraphs", id="a name that nobody has at npm"),
        pytest.param("tagify", "4.17.9", "@yaireo/tagify", id="a name that somebody else has at npm"),
        pytest.param("smoothscroll", "1.4.10", "smoothscroll-for-websites", id="another library's name"),
        pytest.param("UAParser.js", "1.0.37", "ua-parser-js", id="a name that npm takes no more"),
        pytest.param("ckeditor", "4.22.1", "ckeditor4", id="a name of the next major version"),
        pytest.param("htmx", "1.9.12", "htmx.org", id="from a repository"),
        pytest.param("lodash.js", "4.17.21", "lodash", id="from a repository, a name that npm has too"),
        pytest.param("limonte-sweetalert2", "11.10.0", "sweetalert2", id="a fork's name"),
        pytest.param("font-awesome", "4.7.0", "font-awesome", id="Font Awesome 4"),
        pytest.param("font-awesome", "6.5.1", "@fortawesome/fontawesome-free", id="Font Awesome 6"),
        pytest.param("font-awesome", "5", "@fortawesome/fontawesome-free", id="only a major version"),
        pytest.param("font-awesome", "", "font-awesome", id="no version"),
        pytest.param("font-awesome", "next", "font-awesome", id="no number"),
        pytest.param("font-awesome", "9" * 5000, "@fortawesome/fontawesome-free", id="an endless number"),
        pytest.param("font-awesome", "²", "font-awesome", id="a digit that int() refuses"),
        pytest.param("popper.js", "1.16.1", "popper.js", id="Popper 1"),
        pytest.param("popper.js", "2.11.8", "@popperjs/core", id="Popper 2"),
        pytest.param("jqueryui", "1.12.1", "jquery-ui-dist", id="jQuery UI before it was built for npm"),
        pytest.param("jqueryui", "1.13.2", "jquery-ui", id="jQuery UI since"),
        pytest.param("jqueryui", "2.0.0", "jquery-ui", id="a larger major version and a smaller minor one"),
    ],
)
def test_the_package_of_a_library(name: str, version: str, package: str) -> None:
    found = npm_file(name, version, "x.js", NAMES)
    assert (package, True) == (found.package, found.is_vouched)


@pytest.mark.parametrize("name", ["unheard-of", "npm", "../x", "lodash", ""])
def test_nobody_vouches_for_a_name_that_is_only_the_same(name: str) -> None:
    """Also not where npm has a package of this name: it may be anybody's."""
    found = npm_file(name, "1.0.0", "x.js", NAMES)
    assert (name, False) == (found.package, found.is_vouched)


@pytest.mark.parametrize(
    ("file", "package"),
    [
        pytest.param("js/jquery.dataTables.min.js", "datatables.net", id="the library"),
        pytest.param("css/jquery.dataTables.min.css", "datatables.net-dt", id="its own styles"),
        pytest.param("images/sort_asc.png", "datatables.net-dt", id="their images"),
        pytest.param("js/dataTables.bootstrap5.min.js", "datatables.net-bs5", id="a framework"),
        pytest.param("css/dataTables.foundation.css", "datatables.net-zf", id="a framework's styles"),
        pytest.param("js/dataTables.bootstrap9.min.js", "datatables.net", id="an unknown framework"),
    ],
)
def test_datatables_is_a_package_for_each_manner_of_styling(file: str, package: str) -> None:
    found = npm_file("datatables", "1.10.21", file, NAMES)
    assert (package, file, True) == (found.package, found.files[0], found.is_vouched)


@pytest.mark.parametrize(
    ("name", "version", "expected"),
    [
        pytest.param("three.js", "r128", "0.128.0", id="a revision"),
        pytest.param("three.js", "0.160.0", "0.160.0", id="a version as npm has it"),
        pytest.param("three.js", "r1x", "r1x", id="no revision"),
        pytest.param("prettify", "r298", "r298", id="another library's revision"),
    ],
)
def test_the_version_of_a_library(name: str, version: str, expected: str) -> None:
    assert expected == npm_file(name, version, "x.js", NAMES).version


@pytest.mark.parametrize(
    ("name", "file", "place"),
    [
        pytest.param("jquery", "jquery.min.js", "dist/jquery.min.js", id="dist"),
        pytest.param("react", "umd/react.production.min.js", "umd/react.production.min.js", id="the package's root"),
        pytest.param("three.js", "three.min.js", "build/three.min.js", id="build"),
        pytest.param("moment-timezone", "moment-timezone.js", "moment-timezone.js", id="the first of two folders"),
        pytest.param("slick-carousel", "slick.min.js", "slick/slick.min.js", id="a folder of its own name"),
        pytest.param("bodymovin", "lottie.min.js", "build/player/lottie.min.js", id="two folders down"),
        pytest.param("font-awesome", "css/all.min.css", "css/all.min.css", id="a folder of both"),
        pytest.param("ace", "ace.js", "src-min/ace.js", id="a folder of a repository"),
    ],
)
def test_the_likeliest_place_of_a_file(name: str, file: str, place: str) -> None:
    assert place == npm_file(name, "1.0.0", file, NAMES).files[0]


def test_a_file_is_looked_for_in_every_folder_that_cdnjs_copies() -> None:
    found = npm_file("moment-timezone", "0.5.33", "moment-timezone-with-data.min.js", NAMES).files
    assert "builds/moment-timezone-with-data.min.js" in found


def test_a_file_is_looked_for_in_the_usual_folders_too() -> None:
    """Layouts change from version to version."""
    usual = {"dist/a.js", "a.js", "build/a.js", "umd/a.js", "lib/a.js", "min/a.js"}
    assert usual < set(npm_file("ace", "1.0.0", "a.js", NAMES).files)


def test_the_names_are_whole() -> None:
    """What cdnjs itself says isn't said a second time, and all of it could be a package."""
    assert 4233 == len(NAMES)
    assert set() == NAMES.keys() & cdnjs._FROM_REPOSITORIES.keys()
    rows = {**NAMES, **cdnjs._FROM_REPOSITORIES}
    assert [] == [name for name, (package, *_) in rows.items() if not is_package_name(package)]
    assert [] == [name for name, (_, *folders) in rows.items() for one in folders if ".." in one or one[-1:] == "/"]


@given(st.text(min_size=1), st.text(), st.text(min_size=1))
def test_whatever_is_asked_there_are_places_that_end_in_the_file(name: str, version: str, file: str) -> None:
    found = npm_file(name, version, file, NAMES)
    assert found.package
    assert len(set(found.files)) == len(found.files) >= 9
    assert all(place == file or place.endswith(f"/{file}") for place in found.files)


def test_packages_for_browsers_have_names_that_npm_takes() -> None:
    assert {"bootstrap", "jquery", "htmx.org", "lit", "@fontsource/inter"} <= browser_packages()
    assert [] == [name for name in browser_packages() if not is_package_name(name)]
