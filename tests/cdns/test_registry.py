"""Addresses on public CDNs, and the files of npm packages that they stand for."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cdnserve.cdns.mapped import Mapped, PackageFile, Unmapped
from cdnserve.cdns.products import PRODUCTS
from cdnserve.cdns.registry import (
    ANY_TIME,
    BY_BROWSER,
    SERVICES,
    UNMOVABLE,
    cdn_of,
    find_addresses,
    read_address,
    varies,
)


def one(url: str) -> PackageFile:
    """Return the only file that an address stands for."""
    found = read_address(url)
    assert isinstance(found, Mapped), found
    (file,) = found.files
    return file


@pytest.mark.parametrize(
    ("url", "name", "requirement", "files"),
    [
        pytest.param(
            "https://cdn.jsdelivr.net/npm/jquery@3.7.1/dist/jquery.js",
            *("jquery", "3.7.1", ("dist/jquery.js",)),
            id="jsDelivr, an exact version",
        ),
        pytest.param(
            "https://cdn.jsdelivr.net/npm/a@1/x.min.js",
            *("a", "1", ("x.min.js", "x.js")),
            id="jsDelivr, a minified file that it may have made itself",
        ),
        pytest.param("https://cdn.jsdelivr.net/npm/vue", "vue", "", (), id="jsDelivr, the default file"),
        pytest.param(
            "https://cdn.jsdelivr.net/npm/@vue/compat@latest/a.js",
            *("@vue/compat", "latest", ("a.js",)),
            id="jsDelivr, a scope and a tag",
        ),
        pytest.param("//fastly.jsdelivr.net/npm/a@1/b.js", "a", "1", ("b.js",), id="another host of jsDelivr"),
        pytest.param("https://unpkg.com/vue@^3.4/b.js", "vue", "^3.4", ("b.js",), id="unpkg, a range"),
        pytest.param("https://unpkg.com/a@%3E%3D1%20%3C2/b.js", "a", ">=1 <2", ("b.js",), id="an escaped range"),
        pytest.param("https://unpkg.com/%40scope%2Fa@1/b.js", "@scope/a", "1", ("b.js",), id="an escaped scope"),
        pytest.param("https://unpkg.com/three@0.160.0/", "three", "0.160.0", ("/",), id="unpkg, the whole package"),
        pytest.param(
            "https://unpkg.com/three@0.160.0/examples/jsm/",
            *("three", "0.160.0", ("examples/jsm/",)),
            id="unpkg, a folder",
        ),
        pytest.param(
            "https://cdnjs.cloudflare.com/ajax/libs/lodash.js/4.17.21/lodash.min.js",
            *("lodash.js", "4.17.21", ("lodash.min.js",)),
            id="cdnjs, in its own names",
        ),
        pytest.param(
            "http://ajax.googleapis.com/ajax/libs/jquery/3.7.1/jquery.min.js",
            *("jquery", "3.7.1", ("dist/jquery.min.js", "jquery.min.js")),
            id="Google, jQuery",
        ),
        pytest.param(
            "https://ajax.googleapis.com/ajax/libs/jqueryui/1.12.1/jquery-ui.min.js",
            *("jquery-ui-dist", "1.12.1", ("dist/jquery-ui.min.js", "jquery-ui.min.js")),
            id="Google, jQuery UI before its package had builds",
        ),
        pytest.param(
            "https://ajax.googleapis.com/ajax/libs/jqueryui/1.13.2/jquery-ui.min.js",
            *("jquery-ui", "1.13.2", ("dist/jquery-ui.min.js", "jquery-ui.min.js")),
            id="Google, jQuery UI",
        ),
        pytest.param(
            "https://ajax.googleapis.com/ajax/libs/threejs/r84/three.min.js",
            *("three", "0.84.0", ("build/three.min.js",)),
            id="Google, a revision of three.js",
        ),
        pytest.param(
            "https://ajax.googleapis.com/ajax/libs/angularjs/1.8.2/angular-route.min.js",
            *("angular-route", "1.8.2", ("angular-route.min.js",)),
            id="Google, a part of AngularJS",
        ),
        pytest.param(
            "https://ajax.googleapis.com/ajax/libs/angularjs/1.8.2/i18n/angular-locale_de.js",
            *("angular-i18n", "1.8.2", ("angular-locale_de.js",)),
            id="Google, a locale of AngularJS",
        ),
        pytest.param(
            "https://ajax.googleapis.com/ajax/libs/webfont/1.6.26/webfont.js",
            *("webfontloader", "1.6.26", ("webfontloader.js",)),
            id="Google, a file with another name",
        ),
        pytest.param(
            "https://code.jquery.com/jquery-3.7.1.slim.min.js",
            *("jquery", "3.7.1", ("dist/jquery.slim.min.js",)),
            id="jQuery's CDN",
        ),
        pytest.param(
            "https://code.jquery.com/jquery-migrate-3.4.1.js",
            *("jquery-migrate", "3.4.1", ("dist/jquery-migrate.js",)),
            id="jQuery's CDN, migrate",
        ),
        pytest.param(
            "https://code.jquery.com/jquery-4.0.0.slim.module.min.js",
            *("jquery", "4.0.0", ("dist-module/jquery.slim.module.min.js",)),
            id="jQuery's CDN, a module",
        ),
        pytest.param(
            "https://code.jquery.com/ui/1.12.1/themes/base/jquery-ui.css",
            "jquery-ui-dist",
            "1.12.1",
            ("dist/themes/base/jquery-ui.css", "themes/base/jquery-ui.css", "jquery-ui.css"),
            id="jQuery's CDN, the base theme of jQuery UI",
        ),
        pytest.param(
            "https://use.fontawesome.com/releases/v5.8.1/css/all.css",
            *("@fortawesome/fontawesome-free", "5.8.1", ("css/all.min.css", "css/all.css")),
            id="Font Awesome's CDN",
        ),
        pytest.param(
            "https://ajax.googleapis.com/ajax/libs/bootstrap/5.3.3/js/bootstrap.min.js",
            *("bootstrap", "5.3.3", ("dist/js/bootstrap.min.js",)),
            id="Google, Bootstrap",
        ),
        pytest.param(
            "https://code.jquery.com/qunit/qunit-2.19.4.css",
            *("qunit", "2.19.4", ("qunit/qunit.css",)),
            id="jQuery's CDN, QUnit",
        ),
        pytest.param(
            "https://stackpath.bootstrapcdn.com/bootstrap/4.5.2/css/bootstrap.min.css",
            *("bootstrap", "4.5.2", ("dist/css/bootstrap.min.css",)),
            id="BootstrapCDN",
        ),
        pytest.param(
            "https://maxcdn.bootstrapcdn.com/font-awesome/4.7.0/css/font-awesome.min.css",
            *("font-awesome", "4.7.0", ("css/font-awesome.min.css",)),
            id="BootstrapCDN, Font Awesome",
        ),
        *(
            pytest.param(f"https://{url}", *expected, id=url)
            for url, *expected in (
                ("cdn.datatables.net/1.10.22/js/jquery.dataTables.min.js", "datatables.net", "1.10.22", 0),
                ("cdn.datatables.net/1.10.22/css/jquery.dataTables.css", "datatables.net-dt", "1.10.22", 0),
                ("cdn.datatables.net/2.0.8/js/dataTables.min.js", "datatables.net", "2.0.8", 0),
                ("cdn.datatables.net/2.0.8/css/dataTables.dataTables.min.css", "datatables.net-dt", "2.0.8", 0),
                ("cdn.datatables.net/1.13.6/js/dataTables.bootstrap5.min.js", "datatables.net-bs5", "1.13.6", 0),
                ("cdn.datatables.net/buttons/2.4.1/js/buttons.html5.min.js", "datatables.net-buttons", "2.4.1", 1),
                ("cdn.datatables.net/buttons/2.4.1/js/dataTables.buttons.js", "datatables.net-buttons", "2.4.1", 1),
                (
                    "cdn.datatables.net/buttons/2.4.1/css/buttons.dataTables.min.css",
                    *("datatables.net-buttons-dt", "2.4.1", 1),
                ),
                ("cdn.quilljs.com/1.3.6/quill.snow.css", "quill", "1.3.6", ("dist/quill.snow.css",)),
                ("vjs.zencdn.net/7.20.3/video-js.css", "video.js", "7.20.3", ("dist/video-js.css",)),
                ("vjs.zencdn.net/4.12/video.js", "video.js", "4.12.0", ("dist/video.js",)),
                ("d3js.org/d3.v7.js", "d3", "7", ("dist/d3.js", "build/d3.js", "d3.js")),
                (
                    "code.ionicframework.com/ionicons/2.0.1/css/ionicons.min.css",
                    *("ionicons", "2.0.1", ("css/ionicons.min.css", "dist/css/ionicons.min.css")),
                ),
                (
                    "code.getmdl.io/1.3.0/material.indigo-pink.min.css",
                    "material-design-lite",
                    "1.3.0",
                    ("dist/material.indigo-pink.min.css", "material.indigo-pink.min.css"),
                ),
                ("cdn.bootcss.com/bootstrap/3.3.7/js/bootstrap.js", "twitter-bootstrap", "3.3.7", ("js/bootstrap.js",)),
                ("cdn.bootcdn.net/ajax/libs/vue/2.6.14/vue.js", "vue", "2.6.14", ("vue.js",)),
                ("cdn.staticfile.org/vue/2.6.14/vue.js", "vue", "2.6.14", ("vue.js",)),
                (
                    "ajax.aspnetcdn.com/ajax/jQuery/jquery-3.6.0.slim.js",
                    "jquery",
                    "3.6.0",
                    ("dist/jquery.slim.js", "jquery.slim.js"),
                ),
                (
                    "ajax.microsoft.com/ajax/jquery.ui/1.13.2/jquery-ui.js",
                    "jquery-ui",
                    "1.13.2",
                    ("dist/jquery-ui.js", "jquery-ui.js"),
                ),
                ("code.angularjs.org/1.8.2/angular.js", "angular", "1.8.2", ("angular.js",)),
                ("www.gstatic.com/firebasejs/8.10.1/firebase-app.js", "firebase", "8.10.1", ("firebase-app.js",)),
                (
                    "www.gstatic.com/firebasejs/9.1.0/firebase-app-compat.js",
                    "firebase",
                    "9.1.0",
                    ("firebase-app-compat.js",),
                ),
                ("fonts.bunny.net/css?family=open-sans:700i", "@fontsource/open-sans", "", ("700-italic.css",)),
            )
        ),
    ],
)
def test_an_address_stands_for_a_file(url: str, name: str, requirement: str, files: tuple[str, ...] | int) -> None:
    """A number says how many parts of the path stand before the version, behind which the file's own begins."""
    file = one(url)
    if isinstance(files, int):
        files = (url.split("/", 4 + files)[-1],)
    assert (name, requirement, files, False) == (file.name, file.requirement, file.files, file.is_built)


@pytest.mark.parametrize(
    ("url", "files"),
    [
        pytest.param("https://esm.sh/preact@10", (), id="esm.sh"),
        pytest.param("https://esm.sh/v135/preact@10", (), id="a pinned build of esm.sh"),
        pytest.param("https://esm.sh/stable/preact@10", (), id="a stable build of esm.sh"),
        pytest.param("https://esm.sh/*preact@10", (), id="dependencies that the page's import map has"),
        pytest.param("https://esm.sh/preact@10/hooks", ("hooks",), id="a subpath"),
        pytest.param("https://esm.sh/preact@10?bundle&target=es2022", (), id="options that change no behaviour"),
        pytest.param("https://esm.run/preact@10", (), id="esm.run"),
        pytest.param("https://ga.jspm.io/npm:preact@10", (), id="jspm"),
        pytest.param("https://jspm.dev/preact@10", (), id="jspm, the newest build"),
        pytest.param("https://ga.jspm.io/npm:preact@10/hooks", ("hooks",), id="a file of jspm"),
        pytest.param("https://cdn.skypack.dev/preact@10", (), id="Skypack"),
        pytest.param("https://cdn.jsdelivr.net/npm/preact@10/+esm", (), id="a module of jsDelivr"),
        pytest.param("https://cdn.jsdelivr.net/npm/preact@10/hooks/+esm", ("hooks",), id="a module's subpath"),
        pytest.param("https://unpkg.com/preact@10?module", (), id="a module of unpkg"),
    ],
)
def test_an_address_stands_for_a_module(url: str, files: tuple[str, ...]) -> None:
    file = one(url)
    assert ("preact", "10", files, True) == (file.name, file.requirement, file.files, file.is_built)


def test_a_stylesheet_of_esm_sh_is_a_file() -> None:
    assert not one("https://esm.sh/bulma@1/css/bulma.css").is_built


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        pytest.param("https://cdn.jsdelivr.net/combine/npm/a,npm/b", "several files in one", id="combined"),
        pytest.param("https://cdn.jsdelivr.net/gh/a/b@1/c.js", "GitHub", id="GitHub"),
        pytest.param("https://cdn.jsdelivr.net/wp/a.js", "WordPress", id="WordPress"),
        pytest.param("https://cdn.jsdelivr.net/sm/abc.js", "no file", id="another part of jsDelivr"),
        pytest.param("https://cdn.jsdelivr.net/npm/a@1/../b.js", "no single file", id="a path that leads up"),
        pytest.param(
            "https://cdn.jsdelivr.net/npm/a@1/%2e%2e/b.js", "no single file", id="escaped, a path that leads up"
        ),
        pytest.param("https://cdn.jsdelivr.net/npm/a@1/b//c.js", "no single file", id="an empty segment"),
        pytest.param("https://cdn.jsdelivr.net/npm/a@1/%ff.js", "UTF-8", id="no UTF-8"),
        pytest.param("https://unpkg.com/", "no file", id="unpkg's own page"),
        pytest.param("https://unpkg.com/browse/a@1/", "no file", id="unpkg's listing"),
        pytest.param("https://unpkg.com/a@1/?meta", "no file", id="unpkg's metadata"),
        pytest.param("https://unpkg.com/a@1?conditions=x", "conditions changes which file", id="unpkg's conditions"),
        pytest.param("https://unpkg.com/a@1?browser", "browser changes which file", id="unpkg's field browser"),
        pytest.param("https://unpkg.com/a@1/b/?module", "folder of modules", id="a folder of modules"),
        pytest.param("https://esm.sh/gh/a/b", "not from npm", id="esm.sh, GitHub"),
        pytest.param("https://esm.sh/jsr/@a/b", "not from npm", id="esm.sh, JSR"),
        pytest.param("https://esm.sh/a@1?dev", "option dev", id="a development build"),
        pytest.param("https://esm.sh/a@1?deps=b@2", "option deps", id="other dependencies"),
        pytest.param("https://esm.sh/a@1/es2022/a.mjs", "inner file", id="an inner file of a build"),
        pytest.param("https://esm.sh/a@1&deps=b/", "no npm package", id="options in the path"),
        pytest.param("https://esm.run/", "no npm package", id="esm.run's own page"),
        pytest.param("https://esm.sh/a@1/b/", "folder of modules", id="esm.sh, a folder"),
        pytest.param("https://ajax.googleapis.com/ajax/libs/jquery/", "no file", id="Google, no file"),
        pytest.param("https://cdnjs.cloudflare.com/ajax/libs/a/1", "no file", id="no file of cdnjs"),
        pytest.param("https://ajax.googleapis.com/ajax/libs/dojo/1.13.0/dojo/dojo.js", "builds of dojo", id="dojo"),
        pytest.param("https://code.jquery.com/jquery-latest.js", "no version", id="a version that moved"),
        pytest.param("https://maxcdn.bootstrapcdn.com/x/1/a.css", "npm has", id="unknown at BootstrapCDN"),
        pytest.param("https://use.fontawesome.com/abc123.js", "a kit", id="a kit of Font Awesome"),
        pytest.param("https://fonts.gstatic.com/s/inter/v1/x.woff2", "font file", id="a font file"),
        pytest.param("https://ga.jspm.io/gh:a/b@1/c.js", "not from npm", id="jspm, GitHub"),
        pytest.param("https://ga.jspm.io/npm:a@1/", "folder of modules", id="jspm, a folder"),
        pytest.param("https://ga.jspm.io/npm:", "no npm package", id="jspm, nothing"),
        pytest.param("https://cdn.skypack.dev/-/a@v1.0.0-x/dist=es2019/a.js", "inner file", id="Skypack, a build"),
        pytest.param(
            "https://cdn.datatables.net/v/dt/dt-1.10.20/datatables.min.js", "several", id="DataTables, combined"
        ),
        pytest.param("https://d3js.org/d3.min.js", "no version", id="D3 without a version"),
        pytest.param(
            "https://cdn.quilljs.com/1.3.6/../quill.js", "no version", id="a path that leads up on a product's CDN"
        ),
        pytest.param("https://cdn.bootcdn.net/vue/2.6.14/vue.js", "no file", id="a mirror of cdnjs, other folders"),
        pytest.param("https://fonts.bunny.net/x?family=abel", "text fonts", id="Bunny Fonts, no stylesheet"),
        pytest.param("https://code.angularjs.org/snapshot/angular.js", "no version", id="AngularJS, a snapshot"),
        pytest.param("https://www.gstatic.com/charts/loader.js", "a service", id="Google Charts"),
        pytest.param("https://www.gstatic.com/firebasejs/9.1.0/firebase-app.js", "import each other", id="Firebase 9"),
        pytest.param(
            "https://ajax.aspnetcdn.com/ajax/mvc/4.0/MvcValidation.js", "no version", id="Microsoft, not on npm"
        ),
        pytest.param("https://cdnjs.cloudflare.com/polyfill/v3/polyfill.min.js", "each browser", id="cdnjs' polyfills"),
        pytest.param("https://polyfill.io/v3/polyfill.min.js", "malware", id="polyfill.io"),
        pytest.param("https://cdn.tailwindcss.com/", "build the stylesheet", id="Tailwind"),
        pytest.param("https://js.stripe.com/v3/", "part of a service", id="a service"),
    ],
)
def test_an_address_has_no_counterpart(url: str, reason: str) -> None:
    found = read_address(url)
    assert isinstance(found, Unmapped)
    assert reason in found.reason


@pytest.mark.parametrize(
    "url",
    [
        pytest.param("https://example.com/npm/vue", id="another host"),
        pytest.param("https://unpkg.com.example/vue", id="a host that begins the same"),
        pytest.param("https://cdn.jsdelivr.net:8443/npm/vue", id="another port"),
        pytest.param("https://cdn.jsdelivr.net:x/npm/vue", id="no port"),
        pytest.param("https://me@unpkg.com/vue", id="a user"),
        pytest.param("ftp://unpkg.com/vue", id="another scheme"),
        pytest.param("/npm/vue", id="a path"),
        pytest.param("https://[::1/vue", id="no URL"),
        pytest.param("https://unpkg.com/" + "x" * 5000, id="too long"),
    ],
)
def test_an_address_is_elsewhere(url: str) -> None:
    assert (None, "") == (read_address(url), cdn_of(url))


@pytest.mark.parametrize(
    "url",
    [
        pytest.param(" https://unpkg.com/vue\n", id="blanks around"),
        pytest.param("https://unp\nkg.com/v\tue", id="a newline and a tab inside"),
        pytest.param("HTTPS://UNPKG.COM/vue", id="capitals"),
        pytest.param("https://unpkg.com./vue", id="a dot at the end of the host"),
        pytest.param("https://unpkg.com:443/vue#x", id="the scheme's port and a fragment"),
    ],
)
def test_an_address_is_read_as_browsers_read_it(url: str) -> None:
    assert PackageFile("vue", "", (), "unpkg") == one(url)


@given(st.text(max_size=80), st.sampled_from(["cdn.jsdelivr.net/npm", "unpkg.com", "esm.sh", "fonts.googleapis.com"]))
def test_no_address_breaks_the_reader(rest: str, start: str) -> None:
    found = read_address(f"https://{start}/{rest}")
    files = found.files if isinstance(found, Mapped) else ()
    assert [] == [path for file in files for path in file.files if ".." in path.split("/") or path.startswith("//")]


def test_addresses_are_found_in_a_text() -> None:
    text = "import 'https://esm.sh/a'; f('//unpkg.com/b.js'); g(`https://example.com/c.js`) // https://esm.sh/d"
    found = list(find_addresses(text))
    expected = ["https://esm.sh/a", "//unpkg.com/b.js", "https://example.com/c.js", "https://esm.sh/d"]
    assert expected == [url for _, _, url in found]
    assert expected == [text[start:end] for start, end, _ in found]


def test_escaped_slashes_are_slashes() -> None:
    text = r'{"source": "https:\/\/unpkg.com\/a@1\/b.js"}'
    ((start, end, url),) = find_addresses(text)
    assert ("https://unpkg.com/a@1/b.js", r"https:\/\/unpkg.com\/a@1\/b.js") == (url, text[start:end])


@pytest.mark.parametrize(
    ("url", "why"),
    [
        pytest.param("https://fonts.googleapis.com/css2?family=Inter", BY_BROWSER, id="Google Fonts"),
        pytest.param("https://esm.sh/a@1.0.0", BY_BROWSER, id="esm.sh"),
        pytest.param("https://esm.sh/a@1.0.0?target=es2022", "", id="esm.sh, for one target"),
        pytest.param("https://esm.sh/a@1.0.0/es2022/a.mjs", "", id="an inner file of a build"),
        pytest.param("https://cdnjs.cloudflare.com/polyfill/v3/polyfill.min.js", BY_BROWSER, id="cdnjs' polyfills"),
        pytest.param("https://cdnjs.cloudflare.com/ajax/libs/a/1.0.0/a.js", "", id="cdnjs"),
        pytest.param("https://polyfill.io/v3/polyfill.js", BY_BROWSER, id="polyfills"),
        pytest.param("https://js.stripe.com/v3/", ANY_TIME, id="a service"),
        pytest.param("https://www.googletagmanager.com/gtag/js?id=G-X", ANY_TIME, id="a tag"),
        pytest.param("https://unpkg.com/vue@3.5.0/a.js", "", id="a file of a package"),
        pytest.param("https://example.com/a.js", "", id="a host that nobody knows"),
        pytest.param("a.js", "", id="no host"),
    ],
)
def test_what_varies_is_known(url: str, why: str) -> None:
    assert why == varies(url)


def test_a_host_is_in_one_list_only() -> None:
    assert set() == set(UNMOVABLE) & (set(PRODUCTS) | SERVICES)
