"""Parsing lazily: what is left for later, and that nothing is lost by it, whatever a source looks like."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cdnserve.modules.commonjs import named_exports
from cdnserve.modules.js_parser import parse, parse_lazily

FUNCTION = """\
function f(a, b) {
  if (a) {
    return { b };
  }

  return "x";
}
"""

# A line that ends in the first column, in what is no end of a function, and a function that ends elsewhere.
DECEPTIVE = {
    "template": "function f() {\n  return `\n}\n`;\n}\nexports.a = 1;\n",
    "comment": "function f() {\n  /*\n}\nexports.no = 1;\n*/\n}\nexports.a = 1;\n",
    "string over lines": "function f() {\n  return '\\\n}\n';\n}\nexports.a = 1;\n",
    "code in the first column": "function f() {\nif (1) {\n}\nexports.no = 1;\n}\nexports.a = 1;\n",
    "brace in the first column": "function f() {\n  if (1) {\n}\n  exports.no = 1;\n}\nexports.a = 1;\n",
    "ends within a line": "function f() {\n  return 1; }\n  exports.a = {\n}\n",
    "brace in a string": 'function f() {\n  return "}";\n}\nexports.a = "{";\n',
    "brace in a pattern": "function f() {\n  return /[{]/;\n}\nexports.a = 1;\n",
    "in a comment": "/*\nfunction f() {\n  exports.no = 1;\n}\n*/\nexports.a = 1;\n",
    "in a template": "var t = `\nfunction f() {\n  1;\n}\n`;\nexports.a = 1;\n",
    "in an expression": "exports.a = (\nfunction f() {\n  return 1;\n}\n);\n",
    "called where it stands": "var a = 1, g =\nfunction f() {\n  return { a: 1 };\n}\nmodule.exports = g();\n",
    "end of the file": "exports.a = 1;\nfunction f() {\n  return 1;\n}",
    "no end": "exports.a = 1;\nfunction f() {\n  return 1;\n",
    "windows": "function f() {\r\n  return 1;\r\n}\r\nexports.a = 1;\r\n",
    "error elsewhere": "function f() {\n  return 1;\n}\nexports.a = 1;\nvar 1;\n",
}


def statements(source: bytes) -> list[bytes | None]:
    """Return the statements of the outermost level, with functions as they are when they were asked for."""
    script = parse_lazily(source)
    functions = {key: whole() for key, whole in script.functions.items()}
    return [functions.get(node.id, node).text for node in script.root.named_children]


def left(source: str) -> int:
    """Return how many functions were left for later."""
    return len(parse_lazily(source.encode()).functions)


@pytest.mark.parametrize("opening", ["", "async ", "'use strict';\n"])
def test_a_function_as_formatters_write_it_is_left_for_later(opening: str) -> None:
    source = opening + FUNCTION
    script = parse_lazily(source.encode())
    assert b"return" not in (script.root.text or b"")
    assert statements(source.encode()) == [node.text for node in parse(source.encode()).named_children]


def test_functions_are_told_apart() -> None:
    source = "".join(FUNCTION.replace("f(", f"f{at}(") + f"var v{at} = {at};\n" for at in range(50))
    assert left(source) == 50
    assert statements(source.encode()) == [node.text for node in parse(source.encode()).named_children]


@pytest.mark.parametrize("source", DECEPTIVE.values(), ids=DECEPTIVE.keys())
def test_what_only_looks_like_a_function_is_parsed_as_it_is(source: str) -> None:
    assert statements(source.encode()) == [node.text for node in parse(source.encode()).named_children]
    assert named_exports(source).names == ("a",)


PIECES = (FUNCTION, *DECEPTIVE.values(), "}\n", "{\n", "`\n", "/*\n", "*/\n", " x\n")


@given(st.lists(st.sampled_from(PIECES), max_size=6))
def test_nothing_is_lost(pieces: list[str]) -> None:
    source = "".join(pieces).encode()
    assert statements(source) == [node.text for node in parse(source).named_children]


def test_a_function_that_is_called_is_followed() -> None:
    helper = "function all(target, names) {\n  for (var name in names) {\n    target[name] = names[name];\n  }\n}\n"
    source = f"{helper}all(exports, {{ a: 1, b: 2 }});\nfunction more() {{\n  exports.c = 3;\n}}\nmore();\n"
    assert left(source) == 2
    assert named_exports(source).names == ("a", "b", "c")


def test_a_function_that_waits_is_not_followed() -> None:
    source = "async function later() {\n  exports.a = 1;\n}\nlater();\nexports.b = 1;\n"
    assert left(source) == 1
    assert named_exports(source).names == ("b",)
