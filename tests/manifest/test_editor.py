"""Arrays: strings changed in the text; what is around them stays."""

from __future__ import annotations

import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tomlkit.exceptions import TOMLKitError

from cdnserve.errors import ConfigurationError
from cdnserve.manifest.editor import array, quoted, remove_library, set_library, with_elements, with_rule
from cdnserve.manifest.model import Library


@given(st.text())
def test_a_quoted_text_is_read_again(text: str) -> None:
    plain = text.encode("utf-8", "replace").decode()
    assert plain == tomllib.loads(f"a = {quoted(plain)}")["a"]


@given(st.lists(st.text("ab\"\\'\n\x00é", max_size=3)))
def test_an_array_is_read_again(elements: list[str]) -> None:
    assert elements == tomllib.loads(f"a = {array(elements)}")["a"]


@pytest.mark.parametrize(
    ("text", "wanted", "expected"),
    [
        pytest.param("a = []", ["x"], 'a = ["x"]', id="the first one"),
        pytest.param('a = ["x"]', [], "a = []", id="the last one"),
        pytest.param('a = ["x" , "y"]', ["x"], 'a = ["x"]', id="a space before the comma"),
        pytest.param('a = [\n  "x",\n  "y",\n]', [], "a = [\n]", id="all lines"),
        pytest.param('a = [ # all\n  "x" ]', ["x", "y"], 'a = [ # all\n  "x",\n  "y" ]', id="the bracket on its line"),
        pytest.param('a = ["x",\n     "y"]', ["x", "y", "z"], 'a = ["x",\n     "y",\n     "z"]', id="aligned"),
        pytest.param('a = ["x", # one\n]', ["x", "y"], 'a = ["x", "y", # one\n]', id="beside a comment"),
    ],
)
def test_elements(text: str, wanted: list[str], expected: str) -> None:
    assert expected == with_elements(text, ("a",), wanted)


WORDS = ("p", "q", "r", "s")


@st.composite
def arrays(draw: st.DrawFn) -> str:
    """Write arrays of words in many ways."""
    words = draw(st.lists(st.sampled_from(WORDS), unique=True))
    newline = draw(st.sampled_from(["\n", "\r\n"]))
    blanks = st.sampled_from(["", " ", newline, f" # a, b]{newline}", f"{newline}  "])
    text = "a = ["
    for index, word in enumerate(words):
        comma = "," if index < len(words) - 1 or draw(st.booleans()) else ""
        text += draw(blanks) + draw(st.sampled_from([f'"{word}"', f"'{word}'"])) + comma
    return f"{text}{draw(blanks)}]{newline}b = 1{newline}"


@given(arrays(), st.lists(st.sampled_from(WORDS), unique=True))
def test_the_array_says_what_is_wanted_and_keeps_its_comments(text: str, wanted: list[str]) -> None:
    changed = with_elements(text, ("a",), wanted)
    assert {"a": wanted, "b": 1} == tomllib.loads(changed)
    had = tomllib.loads(text)["a"]
    gone = len(set(had) - set(wanted))
    assert text.count("#") - gone <= changed.count("#") <= text.count("#")


JQUERY = Library("jquery", ("4.0.0",))
BOTH = Library("jquery", ("^4.0.0", "2.2.4"))
INTER = Library("@fontsource/inter", ("5.1.0",), ("*.css", "files/*.woff2"))
INTER_LINE = '"@fontsource/inter" = { version = "5.1.0", files = ["*.css", "files/*.woff2"] }\n'


@pytest.mark.parametrize(
    ("text", "library", "expected"),
    [
        pytest.param("", JQUERY, '[libraries]\njquery = "4.0.0"\n', id="an empty text"),
        pytest.param(
            "schema = 1\n", JQUERY, 'schema = 1\n\n[libraries]\njquery = "4.0.0"\n', id="the table is made at the end"
        ),
        pytest.param("schema = 1", INTER, f"schema = 1\n\n[libraries]\n{INTER_LINE}", id="no line end at the end"),
        pytest.param("[libraries]", JQUERY, '[libraries]\njquery = "4.0.0"\n', id="an empty table without a line end"),
        pytest.param(
            "[libraries]  # ours\n\n# rules\n[[publish]]\npath = 'a'\n",
            JQUERY,
            "[libraries]  # ours\njquery = \"4.0.0\"\n\n# rules\n[[publish]]\npath = 'a'\n",
            id="an empty table in the middle",
        ),
        pytest.param(
            '[libraries]\n# old\nvue = "3.5.0"  # new\n\n# rules\n[[publish]]\npath = "a"\n',
            INTER,
            f'[libraries]\n# old\nvue = "3.5.0"  # new\n{INTER_LINE}\n# rules\n[[publish]]\npath = "a"\n',
            id="behind the last entry, before what leads on",
        ),
        pytest.param(
            '[libraries]\n  jquery   =   "3.7.1"   # why\nvue = "3.5.0"\n',
            JQUERY,
            '[libraries]\n  jquery   =   "4.0.0"   # why\nvue = "3.5.0"\n',
            id="a version in its place",
        ),
        pytest.param(
            "[libraries]\n\"jquery\" = '3.7.1'\n", JQUERY, '[libraries]\n"jquery" = "4.0.0"\n', id="a quoted entry"
        ),
        pytest.param(
            '[libraries]\njquery = { files = ["a"], version = "3.7.1" } # why\n',
            Library("jquery", ("4.0.0",), ("a",)),
            '[libraries]\njquery = { files = ["a"], version = "4.0.0" } # why\n',
            id="a version in an inline table",
        ),
        pytest.param(
            '[libraries]\njquery = { version = "3.7.1", files = [\n  "a", # one\n  "b",\n] }\n',
            Library("jquery", ("4.0.0",), ("a", "b")),
            '[libraries]\njquery = { version = "4.0.0", files = [\n  "a", # one\n  "b",\n] }\n',
            id="files that stay keep their lines and comments",
        ),
        pytest.param(
            '[libraries]\njquery = { version = "3.7.1", files = ["a"] }\n',
            Library("jquery", ("3.7.1",), ("b",)),
            '[libraries]\njquery = { version = "3.7.1", files = ["b"] }\n',
            id="other files",
        ),
        pytest.param(
            '[libraries]\njquery = { version = "3.7.1", files = ["a"] }\n',
            Library("jquery", ("3.7.1",)),
            '[libraries]\njquery = { version = "3.7.1" }\n',
            id="no files any more",
        ),
        pytest.param(
            '[libraries]\njquery = "3.7.1" # why\n',
            Library("jquery", ("3.7.1",), ("a",)),
            '[libraries]\njquery = { version = "3.7.1", files = ["a"] } # why\n',
            id="a version becomes a table",
        ),
        pytest.param(
            '[libraries.jquery]\n# why\nversion = "3.7.1"\nfiles = ["a"]\n\n[site]\nname = "x"\n',
            Library("jquery", ("4.0.0",), ("a",)),
            '[libraries.jquery]\n# why\nversion = "4.0.0"\nfiles = ["a"]\n\n[site]\nname = "x"\n',
            id="a table of its own",
        ),
        pytest.param(
            '[libraries.vue]\nversion = "3.5.0"\n',
            JQUERY,
            '[libraries.vue]\nversion = "3.5.0"\n\n[libraries]\njquery = "4.0.0"\n',
            id="beside a table of its own",
        ),
        pytest.param(
            '[libraries]\n\n[libraries.vue]\nversion = "3.5.0"\n',
            JQUERY,
            '[libraries]\njquery = "4.0.0"\n\n[libraries.vue]\nversion = "3.5.0"\n',
            id="before a table of its own",
        ),
        pytest.param(
            '[libraries]\nvue = "3.5.0"\n\n[site]\nname = "x"\n\n[libraries.d3]\nversion = "7.0.0"\n',
            JQUERY,
            '[libraries]\nvue = "3.5.0"\njquery = "4.0.0"\n\n[site]\nname = "x"\n\n[libraries.d3]\nversion = "7.0.0"\n',
            id="a table in two places",
        ),
        pytest.param(
            'libraries = { vue = "3.5.0" } # why\n',
            JQUERY,
            'libraries = { vue = "3.5.0", jquery = "4.0.0"} # why\n',
            id="an inline table",
        ),
        pytest.param(
            'libraries.vue = "3.5.0" # why\n\n[site]\nname = "x"\n',
            INTER,
            f'libraries.vue = "3.5.0" # why\nlibraries.{INTER_LINE}\n[site]\nname = "x"\n',
            id="dotted keys",
        ),
        pytest.param(
            '[libraries]\r\nvue = "3.5.0"\r\n\r\n[site]\r\nname = "x"\r\n',
            JQUERY,
            '[libraries]\r\nvue = "3.5.0"\r\njquery = "4.0.0"\r\n\r\n[site]\r\nname = "x"\r\n',
            id="line ends of another system",
        ),
        pytest.param(
            '[libraries]\njquery = "4.0.0" # why\n', JQUERY, '[libraries]\njquery = "4.0.0" # why\n', id="nothing to do"
        ),
        pytest.param(
            "[libraries]\n",
            BOTH,
            '[libraries]\njquery = ["^4.0.0", "2.2.4"]\n',
            id="a new entry in two versions",
        ),
        pytest.param(
            '[libraries]\njquery = "^4.0.0" # why\n',
            BOTH,
            '[libraries]\njquery = ["^4.0.0", "2.2.4"] # why\n',
            id="a version becomes a list",
        ),
        pytest.param(
            '[libraries]\njquery = { files = ["a"], version = "3.7.1" } # why\n',
            Library("jquery", ("^4.0.0", "2.2.4"), ("a",)),
            '[libraries]\njquery = { files = ["a"], version = ["^4.0.0", "2.2.4"] } # why\n',
            id="a version in an inline table becomes a list",
        ),
        pytest.param(
            'libraries."jquery".version = "^4.0.0" # why\nlibraries.vue = "3.5.0"\n',
            BOTH,
            'libraries."jquery".version = ["^4.0.0", "2.2.4"] # why\nlibraries.vue = "3.5.0"\n',
            id="a version in a dotted key becomes a list",
        ),
        pytest.param(
            '[libraries."jquery"]\nversion = [ # all\n  "^4.0.0", # new\n]\n',
            BOTH,
            '[libraries."jquery"]\nversion = [ # all\n  "^4.0.0", # new\n  "2.2.4",\n]\n',
            id="a list on several lines gets a line",
        ),
        pytest.param(
            '[libraries]\njquery = [\r\n  "^4.0.0" # new\r\n  # the end\r\n] # why\n',
            BOTH,
            '[libraries]\njquery = [\r\n  "^4.0.0", # new\r\n  "2.2.4"\r\n  # the end\r\n] # why\n',
            id="a list without a last comma, in line ends of another system",
        ),
        pytest.param(
            '[libraries]\njquery = [\n  "^4.0.0"]\n',
            BOTH,
            '[libraries]\njquery = [\n  "^4.0.0",\n  "2.2.4"]\n',
            id="a list that ends behind its last version",
        ),
        pytest.param(
            '[libraries]\njquery = [\n  "^4.0.0",]\n',
            BOTH,
            '[libraries]\njquery = [\n  "^4.0.0",\n  "2.2.4",]\n',
            id="a list that ends behind its last comma",
        ),
        pytest.param(
            "[libraries]\njquery = ['1.0.0', \"^4.0.0\",]\n",
            BOTH,
            '[libraries]\njquery = ["^4.0.0", "2.2.4",]\n',
            id="a version for another one",
        ),
        pytest.param(
            '[libraries]\njquery = [\n  "^4.0.0", # new\n  "2.2.4", # old\n]\n',
            Library("jquery", ("2.2.4",)),
            '[libraries]\njquery = [\n  "2.2.4", # old\n]\n',
            id="a version of a list goes with its line and comment",
        ),
        pytest.param(
            '[libraries]\njquery = ["^4.0.0", "2.2.4"]\n',
            JQUERY,
            '[libraries]\njquery = ["4.0.0"]\n',
            id="a list of one stays a list",
        ),
        pytest.param(
            '[libraries]\njquery = [\n  "^4.0.0", "1.0.0", # new\n  "2.2.4" ] # why\n',
            Library("jquery", ("^4.0.0",)),
            '[libraries]\njquery = [\n  "^4.0.0", # new\n   ] # why\n',
            id="versions that share their lines",
        ),
        pytest.param(
            '[libraries]\njquery = ["2.2.4", "^4.0.0"]\n',
            BOTH,
            '[libraries]\njquery = ["^4.0.0", "2.2.4"]\n',
            id="another order",
        ),
        pytest.param(
            '[libraries]\njquery = ["^4.0.0", "2.2.4"] # why\n',
            Library("jquery", ("^4.0.0", "2.2.4"), ("a",)),
            '[libraries]\njquery = { version = ["^4.0.0", "2.2.4"], files = ["a"] } # why\n',
            id="a list becomes a table",
        ),
    ],
)
def test_set_library(text: str, library: Library, expected: str) -> None:
    assert expected == set_library(text, library)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param(
            '[libraries]\n# all\njquery = "3.7.1" # why\nvue = "3.5.0"\n',
            '[libraries]\n# all\nvue = "3.5.0"\n',
            id="the entry goes with its comment",
        ),
        pytest.param('[libraries]\njquery = "3.7.1"\n', "[libraries]\n", id="the last entry leaves the table"),
        pytest.param(
            '[libraries]\njquery = "3.7.1"\n\n[site]\nname = "x"\n',
            '[libraries]\n\n[site]\nname = "x"\n',
            id="what follows stays",
        ),
        pytest.param(
            '[libraries.jquery]\nversion = "3.7.1"\n\n[site]\nname = "x"\n',
            '[site]\nname = "x"\n',
            id="a table of its own",
        ),
        pytest.param(
            'libraries.jquery = "3.7.1"\nlibraries.vue = "3.5.0"\n', 'libraries.vue = "3.5.0"\n', id="a dotted key"
        ),
        pytest.param('[libraries]\nvue = "3.5.0"\n', '[libraries]\nvue = "3.5.0"\n', id="it is not there"),
        pytest.param("schema = 1\n", "schema = 1\n", id="no table"),
    ],
)
def test_remove_library(text: str, expected: str) -> None:
    assert expected == remove_library(text, "jquery")


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("[libraries\n", id="no TOML"),
        pytest.param('libraries = "jquery"\n', id="no table"),
        pytest.param("[[libraries]]\n", id="a list of tables"),
        pytest.param("libraries = []\n", id="a list"),
    ],
)
def test_what_cannot_be_edited_is_a_problem_with_the_line_to_write(text: str) -> None:
    with pytest.raises(ConfigurationError) as raised:
        set_library(text, INTER)
    (problem,) = raised.value.problems
    assert "manifest-edit" == problem.reference
    assert INTER_LINE.strip() in problem.hint


def test_what_the_editor_fails_at_is_a_problem(monkeypatch: pytest.MonkeyPatch) -> None:
    """TOML is larger than any editor of it: nothing is written then."""

    def fail(text: str) -> None:
        raise TOMLKitError("beyond me")

    monkeypatch.setattr("tomlkit.parse", fail)
    with pytest.raises(ConfigurationError, match="beyond me"):
        set_library("[libraries]\n", JQUERY)


def test_what_the_editor_writes_otherwise_is_a_problem(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tomlkit.dumps", lambda document: '[libraries]\njquery = "3.7.1"\n')
    with pytest.raises(ConfigurationError, match="manifest-edit"):
        set_library("[libraries]\n", JQUERY)


def test_what_cannot_be_removed_is_a_problem() -> None:
    with pytest.raises(ConfigurationError) as raised:
        remove_library("[libraries\n", "jquery")
    (problem,) = raised.value.problems
    assert ("manifest-edit", "remove it by hand") == (problem.reference, problem.hint)


NAMES = st.sampled_from(["jquery", "vue", "@s/x", "htmx.org", "JSONStream", "a_b"])
GLOBS = st.lists(st.sampled_from(["*.css", "files/*", 'q"uote', "back\\slash"]), max_size=2).map(tuple)
VERSIONS = st.lists(st.sampled_from(["1.0.0", "2.0.0-rc.1", "^3.6", ">=1 <2"]), min_size=1, unique=True).map(tuple)
LIBRARIES = st.builds(Library, NAMES, VERSIONS, GLOBS)
ENTRIES = ['"1.0.0"', '{ version = "1.0.0" }', "'1.0.0' # x", '["^3.6", "1.0.0"]', '{ version = ["^3.6",] }']
LINES = [
    "",
    "# a comment",
    "   ",
    '[site]\nname = "[libraries]"',
    '[[publish]]\npath = "npm/**" # all',
    '[cors.x]\na = """\n[libraries]\n"""',
]


@st.composite
def manifests(draw: st.DrawFn) -> str:
    """Write manifests with a table of libraries somewhere between other things."""
    before, after = (draw(st.permutations(LINES)) for _ in range(2))
    cut = draw(st.integers(0, len(LINES)))
    entries = draw(st.dictionaries(NAMES, st.sampled_from(ENTRIES)))
    table = [f'"{name}" = {value}' for name, value in entries.items()]
    gaps = draw(st.lists(st.sampled_from(["", "# between"]), max_size=2))
    lines = ["schema = 1", *before[:cut], "[libraries] # here", *table, *gaps]
    lines += [line for line in after if line not in before[:cut]]
    return draw(st.sampled_from(["\n", "\r\n"])).join(lines) + draw(st.sampled_from(["", "\n"]))


@given(manifests(), LIBRARIES)
def test_an_edit_says_what_was_asked_and_keeps_all_else(text: str, library: Library) -> None:
    edited = set_library(text, library)
    before, after = tomllib.loads(text), tomllib.loads(edited)
    entry = after["libraries"].pop(library.name)
    before["libraries"].pop(library.name, None)
    assert before == after
    versions, files = (entry["version"], entry.get("files", [])) if isinstance(entry, dict) else (entry, [])
    assert (library.versions, list(library.files)) == (
        (versions,) if isinstance(versions, str) else tuple(versions),
        files,
    )
    # But for one line every line of the old text is there, in its order; the new text has one more at the most.
    old, new = (one.removesuffix("\n").split("\n") for one in (text, edited))
    changed = [line for line in old if line.rstrip("\r") not in [other.rstrip("\r") for other in new]]
    assert 1 >= len(changed)
    assert 1 >= len(new) - len(old)


@given(manifests(), LIBRARIES)
def test_an_edit_twice_is_an_edit_once(text: str, library: Library) -> None:
    once = set_library(text, library)
    assert once == set_library(once, library)


@given(manifests(), LIBRARIES)
def test_what_was_set_can_be_removed_again(text: str, library: Library) -> None:
    was_there = library.name in tomllib.loads(text)["libraries"]
    removed = remove_library(set_library(text, library), library.name)
    assert library.name not in tomllib.loads(removed)["libraries"]
    assert was_there or text.rstrip() == removed.rstrip()


@given(
    st.text(max_size=60)
    | st.lists(st.sampled_from(["[libraries]", "libraries", ".", "=", '"1"', "\n", "{", "}"])).map("".join)
)
def test_any_text_is_edited_or_refused(text: str) -> None:
    try:
        edited = set_library(text, JQUERY)
    except ConfigurationError:
        return
    assert "4.0.0" in str(tomllib.loads(edited)["libraries"]["jquery"])


RULE = '[[publish]]\npath = "npm/**"\n'


@pytest.mark.parametrize(
    ("before", "after"),
    [
        pytest.param("schema = 1", f"schema = 1\n\n{RULE}", id="no rule, no line end"),
        pytest.param(
            '[[publish]]\npath = "a"  # ours\n\n# libraries\n[libraries]\n',
            f'[[publish]]\npath = "a"  # ours\n\n{RULE}\n# libraries\n[libraries]\n',
            id="behind the last rule, with its comment",
        ),
        pytest.param(
            '[[publish]]\npath = [\n  "a",\n]\n[site]\n',
            f'[[publish]]\npath = [\n  "a",\n]\n\n{RULE}\n[site]\n',
            id="behind a value of several lines",
        ),
        pytest.param(
            "schema = 1\r\n", 'schema = 1\r\n\r\n[[publish]]\r\npath = "npm/**"\r\n', id="line ends of another system"
        ),
    ],
)
def test_a_rule_comes_last(before: str, after: str) -> None:
    assert after == with_rule(before, RULE)


def test_rules_in_one_value_are_left_as_they_are() -> None:
    with pytest.raises(ConfigurationError) as raised:
        with_rule('publish = [{ path = "a" }]\n', RULE)
    (problem,) = raised.value.problems
    assert "manifest-edit" == problem.reference
    assert RULE in problem.hint
