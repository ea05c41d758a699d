"""`exports` and `imports` of package.json, as Node.js documents them, with a browser's conditions."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cdnserve.rules.exports import Refused, exported, internal

UNKNOWN, EXCLUDED, INVALID = Refused.UNKNOWN, Refused.EXCLUDED, Refused.INVALID


@pytest.mark.parametrize(
    ("exports", "subpath", "expected"),
    [
        pytest.param("./a.js", ".", "a.js", id="a text"),
        pytest.param("./a.js", "./b", UNKNOWN, id="a text exports nothing else"),
        pytest.param({".": "./a.js", "./b": "./c.js"}, "./b", "c.js", id="a subpath"),
        pytest.param({"./b": "./c.js"}, ".", UNKNOWN, id="no main entry"),
        pytest.param({}, ".", UNKNOWN, id="nothing at all"),
        pytest.param({"import": "./a.mjs", "require": "./a.cjs"}, ".", "a.mjs", id="conditions"),
        pytest.param({"default": "./a.js", "browser": "./b.js"}, ".", "a.js", id="the first key that holds"),
        pytest.param({"browser": "./b.js", "default": "./a.js"}, ".", "b.js", id="browser where it stands first"),
        pytest.param({"node": "./n.js", "module": "./m.js"}, ".", "m.js", id="module holds, node does not"),
        pytest.param({"node": "./n.js", "require": "./r.js"}, ".", UNKNOWN, id="only for Node.js"),
        pytest.param({"browser": {"import": "./b.mjs"}, "default": "./a.js"}, ".", "b.mjs", id="nested"),
        pytest.param({"browser": {"require": "./b"}, "default": "./a.js"}, ".", "a.js", id="nested, none holds"),
        pytest.param({"browser": None, "default": "./a.js"}, ".", EXCLUDED, id="null ends the search"),
        pytest.param({".": [{"require": "./r"}, "./a.js"]}, ".", "a.js", id="an array, the first that holds"),
        pytest.param({".": ["bad", "./a.js"]}, ".", "a.js", id="an array, the first that is valid"),
        pytest.param({".": [None, "./a.js"]}, ".", "a.js", id="an array with null"),
        pytest.param({".": []}, ".", EXCLUDED, id="an empty array"),
        pytest.param({"./*": "./lib/*.js"}, "./x/y", "lib/x/y.js", id="a pattern crosses folders"),
        pytest.param({"./*.js": "./lib/*.js"}, "./x.js", "lib/x.js", id="a pattern with an ending"),
        pytest.param({"./*.js": "./lib/*.js"}, "./x.css", UNKNOWN, id="another ending"),
        pytest.param({"./*": "./*/*.js"}, "./x", "x/x.js", id="a pattern used twice"),
        pytest.param({"./*": "./*", "./a/*": "./b/*"}, "./a/x", "b/x", id="the longest pattern"),
        pytest.param({"./*": "./*", "./a/*": None}, "./a/x", EXCLUDED, id="a pattern excluded by null"),
        pytest.param({"./a": "./exact.js", "./*": "./any/*"}, "./a", "exact.js", id="an exact key before patterns"),
        pytest.param({"./a/": "./b/"}, "./a/x", UNKNOWN, id="folders are no more exported"),
        pytest.param({".": "./a.js", "import": "./b.js"}, ".", INVALID, id="conditions beside subpaths"),
        pytest.param({".": "a.js"}, ".", INVALID, id="a target without ./"),
        pytest.param({".": "./../a.js"}, ".", INVALID, id="a target that leads out"),
        pytest.param({".": "./node_modules/x.js"}, ".", INVALID, id="a target in node_modules"),
        pytest.param({".": "./%2e%2E/x.js"}, ".", INVALID, id="a target that leads out by escapes"),
        pytest.param({".": "./a%2fb.js"}, ".", INVALID, id="an escaped slash"),
        pytest.param({".": "https://example.com/a.js"}, ".", INVALID, id="an address"),
        pytest.param({"./*": "./*"}, "./../../x", INVALID, id="a match that leads out"),
        pytest.param({"0": "./a.js"}, ".", INVALID, id="a number for a key"),
        pytest.param({".": 7}, ".", INVALID, id="a number for a target"),
        pytest.param({".": "./" + "*" * 2000}, ".", INVALID, id="a target that is too long"),
    ],
)
def test_exports(exports: object, subpath: str, expected: object) -> None:
    assert expected == exported(exports, subpath)


def test_deep_conditions_end() -> None:
    deep: object = "./a.js"
    for _ in range(100):
        deep = {"default": deep}
    assert INVALID == exported(deep, ".")


@pytest.mark.parametrize(
    ("imports", "specifier", "expected"),
    [
        pytest.param({"#a": "./a.js"}, "#a", "./a.js", id="a file"),
        pytest.param({"#a": {"node": "fs", "default": "./a.js"}}, "#a", "./a.js", id="by condition"),
        pytest.param({"#a": "other/b.js"}, "#a", "other/b.js", id="another package"),
        pytest.param({"#a/*": "other/*.js"}, "#a/x", "other/x.js", id="a pattern of another package"),
        pytest.param({"#a": "../b.js"}, "#a", INVALID, id="out of the package"),
        pytest.param({"#a": "https://x.example/a.js"}, "#a", INVALID, id="an address"),
        pytest.param({"#a": "./a.js"}, "#b", UNKNOWN, id="another name"),
        pytest.param({"#/a": "./a.js"}, "#/a", UNKNOWN, id="a name that can't be"),
        pytest.param(None, "#a", UNKNOWN, id="no imports"),
    ],
)
def test_internal_names(imports: object, specifier: str, expected: object) -> None:
    assert expected == internal(imports, specifier)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.sampled_from(["./a.js", "./*", "../x", "x", ""]) | st.text(),
    lambda inner: (
        st.lists(inner) | st.dictionaries(st.sampled_from([".", "./*", "./a/*", "import", "default", "0"]), inner)
    ),
)


@given(JSON, st.sampled_from([".", "./a", "./a/b", "./../x", "./a/../../x"]))
def test_no_file_lies_outside_of_the_package(exports: object, subpath: str) -> None:
    found = exported(exports, subpath)
    assert isinstance(found, Refused) or not {"", ".", "..", "node_modules"} & set(found.split("/"))
