"""Lines are those of an editor, for every key of every TOML and YAML text; nothing random gets past as an exception."""

import contextlib
import tomllib
from pathlib import Path
from typing import cast

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from tests.app.config.workspaces import AGENT, SOUND, write

from deputy.app.config import EnvSecrets, load, parse_agent
from deputy.app.config.document import Where
from deputy.app.config.parse import parse_toml, parse_yaml
from deputy.app.config.toml_lines import scan
from deputy.base.errors import ConfigError

TOML = '''\
title = "a [not] = table"   # 1
"quoted key".'and.dot'.c = 1
text = """
four = "not a key"
"""\x20
list = [ # 6
  1, [2,
  3], { a = 1, b.c = [
    9] }, # 8 and 9
]
when = 1979-05-27 07:32:00
[a . b."c.d"]
x = 1
[[a.many]]
y = \'\'\'

z = 1\'\'\'\'
[[a.many]]
[a.many.inner]
y = 2
[[a.many.deep]]
w = """x"""""
'''

LINES: dict[Where, int] = {
    ("title",): 1, ("quoted key",): 2, ("quoted key", "and.dot", "c"): 2, ("text",): 3, ("list",): 6, ("list", 0): 7,
    ("list", 1): 7, ("list", 1, 0): 7, ("list", 1, 1): 8, ("list", 2): 8, ("list", 2, "a"): 8, ("list", 2, "b"): 8,
    ("list", 2, "b", "c"): 8, ("list", 2, "b", "c", 0): 9, ("when",): 11, ("a",): 12, ("a", "b", "c.d"): 12,
    ("a", "b", "c.d", "x"): 13, ("a", "many", 0): 14, ("a", "many", 0, "y"): 15, ("a", "many", 1): 18,
    ("a", "many", 1, "inner"): 19, ("a", "many", 1, "inner", "y"): 20, ("a", "many", 1, "deep", 0): 21,
    ("a", "many", 1, "deep", 0, "w"): 22,
}  # fmt: skip


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_every_kind_of_toml_key_has_its_line(newline: str):
    document = parse_toml(TOML.replace("\n", newline), "x.toml")
    assert {where: document.locate(where) for where in LINES} == LINES


def paths(value: object, at: Where = ()) -> list[Where]:
    """The path of everything in a value."""
    inner: list[tuple[str | int, object]] = []
    if isinstance(value, dict):
        inner = list(cast("dict[str | int, object]", value).items())
    elif isinstance(value, list):
        inner = list(enumerate(cast("list[object]", value)))
    return [at] * bool(at) + [path for key, member in inner for path in paths(member, (*at, key))]


PIECES = st.sampled_from(
    ["a", "b-1", '"a b"', "'c.d'", '"\\u0061"', ".", "=", "[", "]", "[[", "]]", "{", "}", ",", "\n", "\n", " ", "\t",
     "#x", "1", "-1.5e3", "0x1f", "true", "nan", '"s"', "'s'", '"""', "'''", '"', "'", "\\", "1979-05-27", "07:32:00",
     "\r\n", "[a]\n", "[[a]]\n", "a = 1\n", "b.c = 2\n", "a = [", "a = {", "a = [1,\n", "\n]", '""""', "é"]
)  # fmt: skip


@settings(max_examples=400, deadline=None)
@given(st.lists(PIECES, max_size=40).map("".join))
@example("a.b = 1\n[a]\n")
@example('a = """""""')
@example("a = ''''''''")
@example("[[a]]\n[a.b]\n[[a]]\n[a.b]\n")
def test_the_scan_finds_all_that_tomllib_accepts_and_stops_only_where_tomllib_does(text: str):
    text = text.replace("\r\n", "\n")
    try:
        found = scan(text, "x.toml")
    except ConfigError:
        return
    try:
        value = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return
    assert (found.stopped, found.twice) == (0, None)
    last = text.count("\n") + 1
    for path in paths(value):
        assert 1 <= found.lines[path] <= last


SCALARS = st.none() | st.booleans() | st.integers(-(10**30), 10**30) | st.text(max_size=5)
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3)
)


@given(st.dictionaries(st.text(max_size=3), VALUES, max_size=4))
def test_json_is_yaml_and_reads_as_it_is(value: dict[str, object]):
    import json

    try:
        document = parse_yaml(json.dumps(value, indent=1, ensure_ascii=False), "x.yaml")
    except ConfigError as error:
        assert "control character" in error.message or "not valid YAML" in error.message
        return
    assert document.value == value
    assert all(document.lines[path] >= 1 for path in paths(value))


NOISE = st.text(max_size=200) | st.binary(max_size=200)
MARKS = st.sampled_from(
    ["\n", "  ", "\t", ":", "- ", "{", "}", "[", "]", '"', "'", "&a ", "*a", "!!x ", "|\n", ">", "---\n", "...\n", "#",
     "?", "%", "=", ".", "\\", '"""', "null", "1e999", "9" * 50, "\x00", "\x85", "\u2028", "\ufeff", "é", "\U0001f600",
     "-1", "true", "~", "[[x]]\n", "inf", "\\ud800", '"\\ud800"', "<<: ", "act", "name: x\n", "name = 1\n"]
)  # fmt: skip


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(file=st.sampled_from(sorted(SOUND)), noise=NOISE)
def test_noise_in_any_file_is_a_configuration_error_or_nothing(tmp_path: Path, file: str, noise: str | bytes):
    content = noise if isinstance(noise, bytes) else noise.encode(errors="surrogatepass")
    write(tmp_path, {**SOUND, file: content})
    with contextlib.suppress(ConfigError):
        load(tmp_path)


@settings(max_examples=250, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(file=st.sampled_from(sorted(SOUND)), cuts=st.lists(
    st.tuples(st.floats(0, 1), st.integers(0, 8), MARKS | st.text(max_size=3)), min_size=1, max_size=3))  # fmt: skip
def test_a_sound_file_with_something_torn_out_or_put_in_is_a_configuration_error_or_nothing(
    tmp_path: Path, file: str, cuts: list[tuple[float, int, str]]
):
    text = SOUND[file]
    for where, length, mark in cuts:
        at = int(where * len(text))
        text = text[:at] + mark + text[at + length :]
    write(tmp_path, {**SOUND, file: text.encode(errors="surrogatepass")})
    with contextlib.suppress(ConfigError):
        load(tmp_path)


@settings(deadline=None)
@given(st.text())
def test_noise_as_yaml_toml_agent_or_reference_is_a_configuration_error_or_nothing(text: str):
    for read in (parse_toml, parse_yaml, parse_agent):
        with contextlib.suppress(ConfigError):
            read(text, "x")
    with contextlib.suppress(ConfigError):
        parse_agent(f"---\n{text}\n---\n", "x")
    with contextlib.suppress(ConfigError):
        EnvSecrets(environment={}).lend(text)


@pytest.mark.parametrize(
    "text",
    [
        "a." * 250_000 + "a = 1", "[" + "a." * 250_000 + "a]", "a = " + "[" * 500_000, "a = " + "{a=" * 300_000,
        "a = [" + "1," * 500_000 + "]", "a=1\n" * 250_000, "[[a]]\n" * 150_000, 'a = "' + "\\\\" * 500_000 + '"',
        'a = """' + '""x' * 300_000 + '"""', "a = 0x" + "f" * 1_000_000, "a = 1e" + "9" * 1_000_000, "\n" * 1_000_000,
        "#" * 1_000_000, "a = '''" + "''x" * 300_000, "a.b.c.d.e.f.g.h.i.j.k.l.m.n.o.p = 1\n" * 25_000,
    ],
    ids=range(15),
)  # fmt: skip
def test_a_mebibyte_of_hostile_toml_ends_soon(text: str):
    with contextlib.suppress(ConfigError):
        parse_toml(text, "x.toml")


@pytest.mark.parametrize(
    "text",
    [
        "[" * 500_000, "- " * 500_000, "? " * 500_000, "{a: " * 250_000, "a: &a [x]\nb: [" + "*a," * 300_000 + "]",
        "a: b\n" * 200_000, "".join(f"k{n}: v\n" for n in range(90_000)), "[" + "a," * 500_000 + "]", '"' * 1_000_000,
        "a: |\n" + " x\n" * 300_000, " " * 1_000_000 + "a", "!" * 1_000_000, "%A b\n" * 200_000, "---\n" * 250_000,
        "&a " * 300_000, "9" * 1_000_000, "1e" + "9" * 1_000_000, "a:\n" + "- b\n" * 250_000,
    ],
    ids=range(18),
)  # fmt: skip
def test_a_mebibyte_of_hostile_yaml_ends_soon(text: str):
    with contextlib.suppress(ConfigError):
        parse_yaml(text, "x.yaml")


def test_lines_of_front_matter_are_those_of_the_file():
    lines = AGENT.splitlines()
    front = parse_agent(AGENT, "AGENT.md").front
    for key in ("name", "owner", "tools", "triggers", "budget"):
        assert lines[front.locate((key,)) - 1].startswith(f"{key}:")
