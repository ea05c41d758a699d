"""cdnjs: its names and folders, as facts that were looked up."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cdnserve.rules import cdnjs


@pytest.mark.parametrize(
    ("name", "version", "package"),
    [
        pytest.param("jquery", "3.7.1", "jquery", id="the same name"),
        pytest.param("unheard-of", "1.0.0", "unheard-of", id="an unknown name"),
        pytest.param("twitter-bootstrap", "4.6.2", "bootstrap", id="bootstrap, as it was called first"),
        pytest.param("bootstrap", "5.3.3", "bootstrap", id="bootstrap, as it is called now"),
        pytest.param("Chart.js", "4.4.0", "chart.js", id="capitals"),
        pytest.param("KaTeX", "0.16.9", "katex", id="more capitals"),
        pytest.param("highlight.js", "11.9.0", "@highlightjs/cdn-assets", id="a scope"),
        pytest.param("htmx", "1.9.12", "htmx.org", id="a name that npm had given away"),
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
    assert package == cdnjs.npm_package(name, version)


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
    assert expected == cdnjs.npm_version(name, version)


@pytest.mark.parametrize(
    ("name", "file", "place"),
    [
        pytest.param("jquery", "jquery.min.js", "dist/jquery.min.js", id="dist"),
        pytest.param("react", "umd/react.production.min.js", "umd/react.production.min.js", id="the package's root"),
        pytest.param("three.js", "three.min.js", "build/three.min.js", id="build"),
        pytest.param("moment.js", "moment.min.js", "min/moment.min.js", id="min"),
        pytest.param("slick-carousel", "slick.min.js", "slick/slick.min.js", id="a folder of its own name"),
        pytest.param("luxon", "luxon.min.js", "build/global/luxon.min.js", id="two folders down"),
        pytest.param("font-awesome", "css/all.min.css", "css/all.min.css", id="a folder of both"),
    ],
)
def test_the_likeliest_place_of_a_file(name: str, file: str, place: str) -> None:
    assert place == cdnjs.places(name, file)[0]


def test_a_file_is_looked_for_in_the_usual_folders_too() -> None:
    """Layouts change from version to version."""
    assert {"dist/a.js", "a.js", "build/a.js", "umd/a.js", "lib/a.js", "min/a.js"} < set(cdnjs.places("ace", "a.js"))


@given(st.text(min_size=1), st.text(), st.text(min_size=1))
def test_whatever_is_asked_there_are_places_that_end_in_the_file(name: str, version: str, file: str) -> None:
    assert cdnjs.npm_package(name, version)
    found = cdnjs.places(name, file)
    assert len(set(found)) == len(found) >= 9
    assert all(place == file or place.endswith(f"/{file}") for place in found)
