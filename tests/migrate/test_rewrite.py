"""Pages with other addresses, and not another character changed."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cdnserve.markup.parser import scan
from cdnserve.migrate.references import find_references
from cdnserve.migrate.rewrite import Counterpart, Replacement, differs, rewrite
from cdnserve.rules.integrity import HashExpression

OLD, SITE = "https://unpkg.com/a@1/b.js", "https://cdn.example.com"
CONTENT = b"let a = 1;\n"
PATH = "npm/a@1.0.0/b.js"
NEW = f"{SITE}/{PATH}"


def counterpart(path: str = PATH, content: bytes = CONTENT) -> Counterpart:
    names = ("sha256", "sha384", "sha512")
    return Counterpart(path, tuple(HashExpression(name, hashlib.new(name, content).digest()) for name in names))


def hashed(algorithm: str = "sha384", content: bytes = CONTENT) -> str:
    return f"{algorithm}-{base64.b64encode(hashlib.new(algorithm, content).digest()).decode()}"


def rewritten(html: str, *counterparts: Counterpart) -> str:
    page = scan(html)
    decided = [Replacement(one, counterparts or (counterpart(),)) for one in find_references(page)]
    return rewrite(page, decided, SITE)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        pytest.param(
            f'<script src="{OLD}"></script>',
            f'<script src="{NEW}" integrity="{hashed()}" crossorigin="anonymous"></script>',
            id="double quotes",
        ),
        pytest.param(
            f"<script defer  src='{OLD}'\tid=x ></script>",
            f"<script defer  src='{NEW}' integrity='{hashed()}' crossorigin='anonymous'\tid=x ></script>",
            id="single quotes, and what stands around",
        ),
        pytest.param(
            f"<SCRIPT SRC={OLD}></SCRIPT>",
            f'<SCRIPT SRC={NEW} integrity="{hashed()}" crossorigin="anonymous"></SCRIPT>',
            id="no quotes",
        ),
        pytest.param(
            f'<link href = "{OLD}" rel=stylesheet />',
            f'<link href = "{NEW}" integrity="{hashed()}" crossorigin="anonymous" rel=stylesheet />',
            id="blanks around the equals sign",
        ),
        pytest.param(
            f'<script crossorigin src="{OLD}"></script>',
            f'<script crossorigin src="{NEW}" integrity="{hashed()}"></script>',
            id="crossorigin is there",
        ),
        pytest.param(
            f'<script crossorigin=use-credentials src="{OLD}"></script>',
            f'<script crossorigin=anonymous src="{NEW}" integrity="{hashed()}"></script>',
            id="crossorigin with credentials",
        ),
        pytest.param(
            f'<script integrity="{hashed("sha512")}" src="{OLD}" crossorigin></script>',
            f'<script integrity="{hashed("sha512")}" src="{NEW}" crossorigin></script>',
            id="integrity that was verified",
        ),
        pytest.param(
            f"<script integrity='' src=\"{OLD}\" crossorigin></script>",
            f"<script integrity='{hashed()}' src=\"{NEW}\" crossorigin></script>",
            id="empty integrity",
        ),
        pytest.param(
            f'<script integrity src="{OLD}" crossorigin></script>',
            f'<script integrity="{hashed()}" src="{NEW}" crossorigin></script>',
            id="integrity without a value",
        ),
    ],
)
def test_a_tag_gets_address_integrity_and_crossorigin(before: str, after: str) -> None:
    assert f"<p>\r\n{after}\r\n é" == rewritten(f"<p>\r\n{before}\r\n é")


@pytest.mark.parametrize(
    ("before", "after"),
    [
        pytest.param(
            f'<script src="{OLD}?config=a&amp;b=%20"></script>',
            f'<script src="{NEW}?config=a&amp;b=%20" integrity="{hashed()}" crossorigin="anonymous"></script>',
            id="of a classic script",
        ),
        pytest.param(
            f'<script type=module src="{OLD}?module"></script>',
            f'<script type=module src="{NEW}?module" integrity="{hashed()}" crossorigin="anonymous"></script>',
            id="of a module",
        ),
        pytest.param(
            f'<link rel=preload as=script href="{OLD}?a=b">',
            f'<link rel=preload as=script href="{NEW}?a=b" integrity="{hashed()}" crossorigin="anonymous">',
            id="of a script's preload",
        ),
        pytest.param(
            f'<link rel=modulepreload href="{OLD}?a=b">',
            f'<link rel=modulepreload href="{NEW}?a=b" integrity="{hashed()}" crossorigin="anonymous">',
            id="of a module's preload",
        ),
        pytest.param(
            f'<link rel=preload as=font href="{OLD}?a=b">',
            f'<link rel=preload as=font href="{NEW}" integrity="{hashed()}" crossorigin="anonymous">',
            id="of a font's preload",
        ),
        pytest.param(
            f'<script type=importmap>{{"imports":{{"a":"{OLD}?b"}}}}',
            f'<script type=importmap>{{"imports":{{"a":"{NEW}?b"}}, "integrity": {{"{NEW}?b": "{hashed()}"}}}}',
            id="of an import map",
        ),
        pytest.param(
            f'<link rel=stylesheet href="{OLD}?v=1">',
            f'<link rel=stylesheet href="{NEW}" integrity="{hashed()}" crossorigin="anonymous">',
            id="of a stylesheet",
        ),
    ],
)
def test_the_query_stays_where_a_script_may_read_it(before: str, after: str) -> None:
    assert f"{after}</script>" == rewritten(f"{before}</script>")


def test_a_query_that_tells_the_cdn_what_to_build_goes() -> None:
    before = f'<script type=module src="{OLD}?module"></script>'
    assert f'<script type=module src="{NEW}" ' in rewritten(before, replace(counterpart(), is_built=True))


@pytest.mark.parametrize(
    ("before", "after"),
    [
        pytest.param(f"<head>\n  <link rel=stylesheet href={OLD}>\n</head>", "<head>\n</head>", id="on its own line"),
        pytest.param(f"<p>a<link rel=stylesheet href={OLD}>b", "<p>ab", id="among others"),
        pytest.param(f"<p>\n  a<link rel=stylesheet href={OLD}>b", "<p>\n  ab", id="among others on a line"),
    ],
)
def test_a_tag_that_is_needed_no_more_goes(before: str, after: str) -> None:
    page = scan(before)
    assert after == rewrite(page, [Replacement(one, ()) for one in find_references(page)], SITE)


def test_an_address_that_needs_quotes_gets_them() -> None:
    after = rewritten(f"<script src={OLD}></script>", counterpart("npm/a@1.0.0/b=c.js"))
    assert after.startswith(f'<script src="{SITE}/npm/a@1.0.0/b=c.js" integrity=')


def test_what_html_reads_is_escaped() -> None:
    after = rewritten(f'<script src="{OLD}"></script>', counterpart("npm/a@1.0.0/b&c.js"))
    assert f'<script src="{SITE}/npm/a@1.0.0/b&amp;c.js" ' in after


def test_several_files_become_several_tags() -> None:
    before = f'<head>\r\n\t<link id="f" rel="stylesheet" href="{OLD}" media=print>\r\n</head>'
    checked = f'integrity="{hashed()}" crossorigin="anonymous"'
    expected = "".join(
        f'\r\n\t<link{same} rel="stylesheet" href="{SITE}/{path}" {checked} media=print>'
        for path, same in ((PATH, ' id="f"'), ("npm/b@1.0.0/c.css", ""), ("npm/b@1.0.0/d.css", ""))
    )
    files = (counterpart(), counterpart("npm/b@1.0.0/c.css"), counterpart("npm/b@1.0.0/d.css"))
    assert f"<head>{expected}\r\n</head>" == rewritten(before, *files)


def test_on_one_line_they_stay_on_it() -> None:
    after = rewritten(f"<link rel=stylesheet href={OLD}>x", counterpart(), counterpart("npm/b@1.0.0/c.css"))
    assert 2 == after.count("<link rel=stylesheet href=")
    assert "\n" not in after


MAP = f"""<script type="importmap">
  {{
    "imports": {{
      "a": "{OLD}",
      "own": "/own.js"
    }}
  }}
</script>"""


def test_an_import_map_gets_integrity_in_its_own_manner() -> None:
    expected = MAP.replace(OLD, NEW).replace(
        "    }\n  }", f'    }},\n    "integrity": {{\n      "{NEW}": "{hashed()}"\n    }}\n  }}'
    )
    assert expected == rewritten(MAP)


def test_an_import_map_keeps_its_newlines() -> None:
    after = rewritten(MAP.replace("\n", "\r\n"))
    assert not re.search(r"(?<!\r)\n", after)
    assert rewritten(MAP) == after.replace("\r\n", "\n")


@pytest.mark.parametrize(
    ("before", "after"),
    [
        pytest.param(
            f'{{"imports":{{"a":"{OLD}"}}}}',
            f'{{"imports":{{"a":"{NEW}"}}, "integrity": {{"{NEW}": "{hashed()}"}}}}',
            id="on one line",
        ),
        pytest.param(
            f'{{"imports":{{"a":"{OLD}"}},"integrity":{{}}}}',
            f'{{"imports":{{"a":"{NEW}"}},"integrity":{{"{NEW}": "{hashed()}"}}}}',
            id="integrity is empty",
        ),
        pytest.param(
            f'{{"imports":{{"a":"{OLD}"}},"integrity":{{"/x.js":"sha384-x"}}}}',
            f'{{"imports":{{"a":"{NEW}"}},"integrity":{{"/x.js":"sha384-x", "{NEW}": "{hashed()}"}}}}',
            id="integrity of others",
        ),
        pytest.param(
            f'{{"imports":{{"a":"{OLD}"}},"integrity":{{"{OLD}":"{hashed("sha256")}"}}}}',
            f'{{"imports":{{"a":"{NEW}"}},"integrity":{{"{NEW}":"{hashed("sha256")}"}}}}',
            id="its own integrity, verified",
        ),
        pytest.param(
            f'{{"imports":{{"a":"{OLD}"}},"scopes":{{"/s/":{{"a":"{OLD}"}}}}}}',
            f'{{"imports":{{"a":"{NEW}"}},"scopes":{{"/s/":{{"a":"{NEW}"}}}}, "integrity": {{"{NEW}": "{hashed()}"}}}}',
            id="twice the same",
        ),
    ],
)
def test_an_import_map_is_rewritten(before: str, after: str) -> None:
    assert f"<script type=importmap>{after}</script>" == rewritten(f"<script type=importmap>{before}</script>")


def test_a_folder_has_no_integrity() -> None:
    before = '<script type=importmap>{"imports":{"a/":"https://unpkg.com/a@1/x/"}}</script>'
    expected = f'<script type=importmap>{{"imports":{{"a/":"{SITE}/npm/a@1.0.0/x/"}}}}</script>'
    assert expected == rewritten(before, Counterpart("npm/a@1.0.0/x/"))


def test_the_modules_that_load_with_a_file_are_listed_too() -> None:
    inner = counterpart("npm/a@1.0.0/inner.js", b"inner")
    before = f'<script type=importmap>{{"imports":{{"a":"{OLD}"}}}}</script>'
    after = rewritten(before, replace(counterpart(), modules=(inner,)))
    found = json.loads(after.partition(">")[2].rpartition("</script>")[0])
    assert {NEW: hashed(), f"{SITE}/npm/a@1.0.0/inner.js": hashed(content=b"inner")} == found["integrity"]


def test_json_of_an_import_map_never_ends_its_script() -> None:
    after = rewritten(f'<script type=importmap>{{"imports":{{"a":"{OLD}"}}}}</script>', counterpart("npm/a@1.0.0/&.js"))
    table = after.partition(">")[2].rpartition("</script>")[0]
    assert f"{SITE}/npm/a@1.0.0/&.js" == json.loads(table)["imports"]["a"]
    assert "&" not in table


def test_rewriting_twice_is_rewriting_once() -> None:
    html = f"<head><link rel=stylesheet href={OLD}>\n{MAP}\n<script src='{OLD}'></script>"
    once = rewritten(html)
    assert once != html
    assert once == rewritten(once)


@pytest.mark.parametrize(
    ("integrity", "expected"),
    [
        pytest.param("", False, id="none"),
        pytest.param("md5-x", False, id="none that browsers know"),
        pytest.param(hashed(), False, id="the same"),
        pytest.param(f"sha256-AAAA {hashed('sha512')}", False, id="the strongest is the same"),
        pytest.param(f"{hashed('sha256')} sha512-AAAA", True, id="the strongest is another"),
        pytest.param(hashed(content=b"other"), True, id="another"),
    ],
)
def test_other_bytes_are_noticed(integrity: str, expected: bool) -> None:
    (reference,) = find_references(scan(f'<script src="{OLD}" integrity="{integrity}"></script>'))
    assert expected == differs(reference, [counterpart()])


def test_several_files_have_no_integrity_in_common() -> None:
    (reference,) = find_references(scan(f'<script src="{OLD}" integrity="{hashed()}"></script>'))
    assert differs(reference, [counterpart(), counterpart()])


PIECES = st.sampled_from(
    [
        "<",
        ">",
        '"',
        "'",
        "é",
        "\r\n",
        "\n",
        " ",
        "&amp;",
        "<!--",
        "-->",
        "<style>",
        "</style>",
        "<p class=a>",
        "\ufeff",
        "=",
        "/",
    ]
)


@given(st.lists(PIECES, max_size=12).map("".join), st.lists(PIECES, max_size=12).map("".join))
def test_what_stands_around_is_kept(before: str, after: str) -> None:
    html = f'{before}<script src="{OLD}"></script>{after}'
    written = f'<script src="{NEW}" integrity="{hashed()}" crossorigin="anonymous"></script>'
    assert rewritten(html) in (html, f"{before}{written}{after}")
