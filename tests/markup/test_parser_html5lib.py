"""What the scanner needs of html5lib beyond its documented interface: an upgrade that changes it fails by name."""

from __future__ import annotations

import inspect
import re
from typing import Any

import pytest
from html5lib import _tokenizer, constants, html5parser
from html5lib.treebuilders import base

from cdnserve.markup.parser import ElementNode, Parser, Stack, Tokenizer, TokenizerInput

STATES = [
    "tagOpenState",
    "beforeAttributeNameState",
    "afterAttributeNameState",
    "attributeNameState",
    "beforeAttributeValueState",
    "attributeValueDoubleQuotedState",
    "attributeValueSingleQuotedState",
    "attributeValueUnQuotedState",
    "scriptDataLessThanSignState",
    "scriptDataEscapedLessThanSignState",
]

# What we override, or have in the place of theirs: the parameters are called by place, and some by name.
OVERRIDDEN: dict[type, tuple[type, dict[str, str]]] = {
    Tokenizer: (
        _tokenizer.HTMLTokenizer,
        {"__iter__": "self", "emitCurrentToken": "self"} | dict.fromkeys(STATES, "self"),
    ),
    Stack: (
        base.TreeBuilder,
        {
            "createElement": "self token",
            "insertElementNormal": "self token",
            "generateImpliedEndTags": "self exclude",
            "insertText": "self data parent",
            "insertComment": "self token parent",
            "insertDoctype": "self token",
        },
    ),
    Parser: (html5parser.HTMLParser, {"parseError": "self errorcode datavars"}),
    ElementNode: (
        base.Node,
        {
            "appendChild": "self node",
            "insertBefore": "self node refNode",
            "removeChild": "self node",
            "reparentChildren": "self newParent",
            "cloneNode": "self",
            "hasContent": "self",
        },
    ),
}

# What we call or read and leave as it is.
USED: dict[type, dict[str, str]] = {
    _tokenizer.HTMLTokenizer: {
        "__init__": "self stream parser kwargs",
        "tagNameState": "self",
        "afterAttributeValueState": "self",
    },
    base.TreeBuilder: {"__init__": "self namespaceHTMLElements", "reset": "self"},
    html5parser.HTMLParser: {
        "__init__": "self tree strict namespaceHTMLElements debug",
        "reset": "self",
        "mainLoop": "self",
        "isHTMLIntegrationPoint": "self element",
        "isMathMLTextIntegrationPoint": "self element",
    },
}
FOUND = [
    pytest.param(theirs, name, parameters, id=f"{theirs.__name__}.{name}")
    for theirs, table in (*OVERRIDDEN.values(), *USED.items())
    for name, parameters in table.items()
]


@pytest.mark.parametrize(("theirs", "name", "parameters"), FOUND)
def test_a_method_is_there_with_its_parameters(theirs: type, name: str, parameters: str) -> None:
    assert parameters.split() == list(inspect.signature(getattr(theirs, name)).parameters)


@pytest.mark.parametrize("ours", OVERRIDDEN, ids=lambda ours: ours.__name__)
def test_what_is_overridden_is_in_the_table(ours: type) -> None:
    theirs, table = OVERRIDDEN[ours]
    methods = {name for name, value in vars(ours).items() if inspect.isfunction(value)} - {"__init__"}
    assert set(table) == {name for name in methods if hasattr(theirs, name)}


def asked_of(name: str, *modules: Any) -> set[str]:
    """Return the attributes that html5lib's own source asks of something that we give it."""
    return {found for module in modules for found in re.findall(rf"\b{name}\.([A-Za-z]+)", inspect.getsource(module))}


def test_the_tokenizer_asks_its_stream_for_what_ours_has() -> None:
    assert {"char", "charsUntil", "errors", "unget"} == asked_of("self.stream", _tokenizer)
    assert {"charEncoding", "position"} <= asked_of(r"tokenizer\.stream", html5parser)
    asked = {"char", "charsUntil", "errors", "unget", "charEncoding", "position"}
    assert asked <= {*dir(TokenizerInput), *vars(TokenizerInput(""))}


def test_the_state_of_tokenizer_parser_and_stack_has_its_names() -> None:
    tokenizer: Any = _tokenizer.HTMLTokenizer("<a b=c>", parser=None)
    assert {"stream", "parser", "state", "currentToken"} <= set(vars(tokenizer))
    assert {"tokenQueue", "temporaryBuffer"} <= asked_of("self", _tokenizer)
    parser: Any = html5parser.HTMLParser()
    assert {"tree", "phases"} <= set(vars(parser))
    assert {"inSelect", "inSelectInTable", "inBody", "text"} <= set(parser.phases)
    assert {"innerHTMLMode", "container", "scripting", "tokenizer", "phase"} <= asked_of("self", html5parser)
    assert {"openElements", "defaultNamespace"} <= asked_of("self", base)
    classes = {name for name in vars(base.TreeBuilder) if name.endswith("Class")}
    assert {"documentClass", "elementClass", "commentClass", "fragmentClass"} <= classes


def test_tokens_and_namespaces_have_their_names() -> None:
    assert {"StartTag", "EndTag", "ParseError"} <= set(constants.tokenTypes)
    assert {"html", "svg", "mathml"} <= set(constants.namespaces)
    tokens: list[Any] = list(_tokenizer.HTMLTokenizer("<a b=c>", parser=None))
    assert [("a", [("b", "c")])] == [(token["name"], [*token["data"].items()]) for token in tokens]
