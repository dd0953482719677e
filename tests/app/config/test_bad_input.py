"""Whatever is wrong in a workspace's files is one sentence with its place and a remedy."""

import os
import socket
from pathlib import Path

import pytest
import yaml
from tests.app.config.workspaces import AGENT, AGENT_FILE, REHEARSAL_FILE, SOUND, assert_says, write

from deputy.app.config import load
from deputy.app.config import source as source_module
from deputy.base.errors import ConfigError

# What stands in a sound file, what stands there instead, the place of the error, and what it says.
DEPUTY_CASES = [
    ('name = "acme"', 'nmae = "acme"', 2, r"\[workspace\] has an unknown key `nmae`"),
    ("[workspace]", "[wrkspace]", 1, r"deputy.toml has an unknown key `wrkspace`"),
    ('name = "acme"', "name = 7", 2, r"`name` in \[workspace\] must be text, not 7"),
    ('name = "acme"', 'name = ""', 2, "not an empty text"),
    ('name = "acme"', 'name = "a\\u202eb"', 2, r"visible characters, not 'a\\u202eb'"),
    ('name = "acme"', 'name = "a\\u0000b"', 2, "text without control characters"),
    ('name = "acme"', 'name = "acme', 2, "a text does not end on its line"),
    ('name = "acme"', 'name = "acme"\nname = "b"', 3, "`workspace.name` is given twice, first in line 2"),
    ("[models.default]", "[workspace]", 6, "`workspace` is given twice, first in line 1"),
    ('name = "acme"', "name = acme", 2, "not valid TOML: invalid value"),
    ('"acme"', "'''acme", 2, "not valid TOML"),
    ('name = "acme"', f"name = {'9' * 200}", 2, "A number is too long"),
    ('name = "acme"', f"name = {'9' * 100}", 2, "not so large a number"),
    ('name = "acme"', f"name = {'[' * 40}{']' * 40}", 2, "more than 32 levels deep"),
    ('name = "acme"', f"name = {'[' * 100_000}", 2, "more than 32 levels deep"),
    ('name = "acme"', f"{'a.' * 100_000}a = 1", 2, "more than 16 parts"),
    ('name = "acme"', "name = 2026-01-31", 2, "not a date or time"),
    ('"EUR"', '"Euro"', 3, "`currency` in .* must be three capital letters, not 'Euro'"),
    ("self_approval = false", 'self_approval = "no"', 4, "must be true or false, not 'no'"),
    ("self_approval = false", 'database = "mysql://x"', 4, "must be `sqlite:PATH` or `postgresql://…`"),
    ("self_approval = false", 'database = "sqlite::memory:"', 4, "must be `sqlite:PATH`"),
    ("self_approval = false", 'database = "postgresql://u:hunter2@h/d"', 4, r"without a password\.$"),
    ("self_approval = false", 'lease = "3s"', 4, "must be at least twice `heartbeat`"),
    ("self_approval = false", 'heartbeat = "-1s"', 4, "must be a duration above zero, not '-1s'"),
    ('[workspace]\nname = "acme"', 'workspace = 1\n[x]\nname = "acme"', 2, "unknown key `x`"),
    ("[models.default]", "[models]\ndefault = 1\n[mcp.default]", 7, r"\[models.default\] must be a table"),
    ("[models.default]", '[models."de fault"]', 6, r"\[models.\"de fault\"\] is no name for a model"),
    ("[models.default]", "[models.rehearsal]", 7, "A model named `rehearsal` must be one"),
    ('provider = "openai"', 'provider = "opneai"', 7, "must be `openai` or `rehearsal`, not 'opneai'"),
    ('provider = "openai"\n', "", 6, r"\[models.default\] lacks `provider`"),
    ('base_url = "https://models.example/v1"\n', "", 6, r"\[models.default\] lacks `base_url`"),
    ('model = "qwen3"\n', "", 6, r"\[models.default\] lacks `model`"),
    ('"https://models.example/v1"', '"models.example/v1"', 8, "must be an address that starts with http"),
    ('"https://models.example/v1"', '"https://u:hunter2@models.example"', 8, r"without user or password\.$"),
    ('"env:MODEL_KEY"', '"sk-hunter2"', 10, r"a reference to a secret, not the secret itself\.$"),
    ('"env:MODEL_KEY"', '"env: hunter2"', 10, r"a reference to a secret, not the secret itself\.$"),
    ('"env:MODEL_KEY"', '"env:MODEL_KEY"\nmax_tokens = 0', 11, "whole number of at least 1, not 0"),
    ('"env:MODEL_KEY"', '"env:MODEL_KEY"\nmax_tokens = true', 11, "whole number of at least 1, not true"),
    ('"env:MODEL_KEY"', '"env:MODEL_KEY"\nprice = 1', 11, "must be a table"),
    ('"env:MODEL_KEY"', '"env:MODEL_KEY"\nprice = {input = 1}', 11, "lacks `output`"),
    ('"env:MODEL_KEY"', '"env:MODEL_KEY"\nprice = {input = nan, output = 1}', 11, "at least 0, not NaN"),
    ('"env:MODEL_KEY"', '"env:MODEL_KEY"\nprice = {input = 1e99999999999999999999, output = 1}', 11, "at least 0"),
    ('"env:MODEL_KEY"', '"env:MODEL_KEY"\nprice = {input = 1e999999, output = 1}', 11, "at least 0"),
    ('"env:MODEL_KEY"', '"env:MODEL_KEY"\nprice = {input = -1, output = 1}', 11, "at least 0, not -1"),
    ('"env:MODEL_KEY"', '"env:MODEL_KEY"\nprice = {tiers = []}', 11, "a list of at least one"),
    ('"env:MODEL_KEY"', '"env:MODEL_KEY"\nprice = {tiers = [7]}', 11, "must be a table of keys and values, not 7"),
    ('"env:MODEL_KEY"', '"env:M"\n[[models.default.price.tiers]]\nupto = 9\ninput = 1', 11, "lacks `output`"),
    (
        '"env:MODEL_KEY"',
        '"env:M"\nprice.tiers = [\n  {input = 1, output = 1},\n  {input = 1, output = 1},\n]',
        12,
        "Every tier but the last needs `upto`",
    ),
    (
        '"env:MODEL_KEY"',
        '"env:M"\nprice.tiers = [\n  {upto = 9, input = 1, output = 1},\n  {upto = 8, input = 1, output = 1},\n]',
        13,
        "must rise from tier to tier",
    ),
    ('"env:MODEL_KEY"', '"env:M"\nextra = {when = 2026-01-31}', 11, "`extra`.`when` .* that JSON can carry"),
    ('"env:MODEL_KEY"', '"env:M"\nextra = {x = [1, inf]}', 11, r"`extra`.`x`\[1\] .* a finite number"),
    ('"env:MODEL_KEY"', '"env:M"\nlimits = {concurency = 1}', 11, "unknown key `concurency`"),
    ("[mcp.erp]", '[mcp."e.rp"]', 12, "is no name for a server"),
    ("[mcp.erp]", "[mcp.files]\ncommand = ['x']\n[mcp.erp]", 12, "takes the name of built-in tools"),
    ('["python", "servers/erp.py"]', '"python servers/erp.py"', 13, "`command` .* must be a list of at least one"),
    ('["python", "servers/erp.py"]', "[]", 13, "must be a list of at least one, not an empty list"),
    ('["python", "servers/erp.py"]', '["python", 7]', 13, r"`command`\[1\] in \[mcp.erp\] must be text, not 7"),
    ('["python", "servers/erp.py"]', '[" ", "x"]', 13, "names no program"),
    ('command = ["python", "servers/erp.py"]\n', "", 12, "neither `command` nor `url`"),
    ('env = {ERP_DB = "erp.db"}', 'url = "https://x.example"', 12, "both `command` and `url`"),
    ('command = ["python", "servers/erp.py"]', 'url = "https://x.example"', 14, "`env` in .* goes with `command`"),
    ('env = {ERP_DB = "erp.db"}', 'headers = {X = "y"}', 14, "`headers` in .* goes with `url`"),
    ("{ERP_DB = ", '{"ERP DB" = ', 14, "must be named as a variable is"),
    ('{ERP_DB = "erp.db"}', "{ERP_DB = 7}", 14, "`env`.`ERP_DB` in .* must be text, not 7"),
    ("[mcp.erp.tools.pay]", "[mcp.erp.tools.p*y]", 16, "not valid TOML"),
    ("[mcp.erp.tools.pay]", '[mcp.erp.tools."p*y"]', 16, "'p\\*y' must be the name of a tool, or a prefix and `\\*`"),
    ("[mcp.erp.tools.pay]", '[mcp.erp.tools." get_*"]', 23, "neither is more exact"),
    ('"irreversible"', '"irreversable"', 17, "must be `read`, .* or `execute`, not 'irreversable'"),
    ('"keyed"', '"safe"', 19, "`keyed_for` in .* says nothing without"),
    ('"24h"', "-5", 19, "must be a duration above zero, not -5"),
    ('"24h"', '"24"', 19, "must be a duration above zero, not '24'"),
    ('"24h"', '"1h90d"', 19, "must be a duration above zero"),
    ('"24h"', '""', 19, "must be a duration above zero, not an empty text"),
    ('"24h"', "1e400", 19, "must be a duration above zero"),
    ('"find_payment"', '"find_*"', 20, "must be the exact name of a tool"),
    ('"find_payment"', '"erp.find_payment"', 20, "as the server itself does"),
    ('"find_payment"', '"pay"', 20, "is verified by itself"),
    ('verify = "find_payment"', "conclusive = true", 20, "says nothing without `verify`"),
    ('["iban", "amount"]', '"iban"', 21, "`authority` .* must be a list, not 'iban'"),
    ('output = "untrusted"', 'output = "trused"', 25, "must be `trusted`, `untrusted` or a table of JSON paths"),
    ('output = "untrusted"', 'output = {"a..b" = "trusted"}', 25, "must be named by a JSON path"),
    ('output = "untrusted"', 'output = {id = "maybe"}', 25, "`output`.`id` in .* must be `trusted` or `untrusted`"),
    ('output = "untrusted"', "deadline = 0", 25, "must be a duration above zero, not 0"),
    ('output = "untrusted"', "effect = 'x'", 25, "is given twice, first in line 24"),
]
PEOPLE_CASES = [
    ("[people.wei]", "[people.Wei]", 1, r"\[people.Wei\] is no id for a person"),
    ("[people.wei]", "[people.system]", 1, "is no id for a person"),
    ("[people.wei]", "[poeple.wei]", 1, "unknown key `poeple`"),
    ("[groups.finance-leads]", '[groups."a b"]', 15, "is no id for a group"),
    ("[groups.finance-leads]", "[groups.finance-lead]", 11, "in the group `finance-leads`, which is not declared"),
    ('manager = "lin"', 'manager = "li"', 4, "The manager of `wei` is nobody in this file"),
    ('manager = "lin"', 'manager = "wei"', 4, "`wei` would be their own manager"),
    ('roles = ["approver"]', 'manager = "wei@acme.example"', 4, "`wei` would be their own manager"),
    ("lin@acme.example", "WEI@acme.example", 10, "`lin` has the e-mail address of `wei`"),
    ("lin@acme.example", "lin at acme", 10, "must be one e-mail address"),
    ('"approver"', '"aprover"', 12, r"`roles`\[0\] in \[people.lin\] must be `owner`, .* not 'aprover'"),
    ('roles = ["owner"]', 'roles = "owner"', 6, "must be a list"),
    ('roles = ["owner"]', 'roles = ["admin"]', 1, "No person has the role `owner`"),
    ("{approve = 50000}", "{aprove = 50000}", 13, "unknown key `aprove`"),
    ("{approve = 50000}", "{approve = -1}", 13, "a number of at least 0, not -1"),
    ("{approve = 50000}", "50000", 13, "must be a table"),
    ('["finance"]', '["Fin ance"]', 5, r"`groups`\[0\] .* must be a name of a-z"),
    ('name = "Wei Chen"', 'name = "Wei\\nChen"', 2, "one line"),
]
AGENT_CASES = [
    ("name: payables", "name: payable", 2, "`payable` is not that of its folder, `payables`"),
    ("name: payables", "name: Payables", 2, "must be a name of a-z, 0-9 and -, not 'Payables'"),
    ("name: payables\n", "", 2, "The front matter lacks `name`"),
    ("name: payables", "nane: payables", 2, "unknown key `nane`"),
    ("owner: wei", "owner: wie", 4, "The owner 'wie' is nobody in people.toml"),
    ("owner: wei", "owner: [wei]", 4, "must be text, not a list"),
    ("owner: wei", "owner:", 4, "must be text, not nothing"),
    ("owner: wei", "owner: 7", 4, "must be text, not 7"),
    ("owner: wei", "owner: wei\nowner: lin", 5, "`owner` is given twice, first in line 4"),
    ("owner: wei", "owner: &x wei", 4, "anchors are not allowed"),
    ("owner: wei", "owner: *x", 4, "aliases are not allowed"),
    ("owner: wei", "owner: !!python/object:os.system wei", 4, "tags are not allowed"),
    ("owner: wei", 'owner: "\\0"', 4, "control character"),
    ("owner: wei", "owner: \x07", 4, "control character"),
    ("owner: wei", "owner: a: b", 4, "not valid YAML"),
    ("owner: wei", "owner: 'wei", 4, "not valid YAML"),
    ("owner: wei", "\towner: wei", 4, "not valid YAML"),
    ("owner: wei", 'owner: "\\U00110000"', 4, "not valid YAML"),
    ("owner: wei", "? [a]\n: b", 4, "A key must be text, not a list or table"),
    ("owner: wei", "7: b", 4, "A key must be text, not 7"),
    ("owner: wei", f"owner: {'[' * 100_000}", 4, "more than 32 levels deep"),
    ("owner: wei", f"owner:\n  {'- ' * 10_000}", 5, "more than 32 levels deep"),
    ("model: default", "answer: text", 5, "must be a table"),
    ("model: default", "answer: {type: objekt}", 5, "must be a JSON Schema that can be used"),
    ("model: default", "answer:\n  $ref: https://x.example/s.json", 5, "must be a JSON Schema that can be used"),
    ("model: default", "model: defualt", 5, "no model 'defualt' in deputy.toml"),
    ("mail.search: act", "mail.search: at", 7, "must be `act`, `ask` or `shadow`, not 'at'"),
    ("mail.search: act", "mail.*.x: act", 7, "'mail.\\*.x' in `tools` must be the name of a tool"),
    ("mail.search: act", "*: act", 7, "not valid YAML"),
    ("mail.search: act", '" erp.pay": act', 9, "names the same tools as another entry"),
    ("mail.search: act", "erp.pay: act", 9, "`erp.pay` is given twice, first in line 7"),
    ("tools:\n", "tools: act\nx:\n", 7, "unknown key `x`"),
    ("autonomy: ask", "autonomie: ask", 9, '`tools."erp.pay"` has an unknown key `autonomie`'),
    ("autonomy: ask", "ask_above: {amount: 7}, autonomy: shadow", 9, "says nothing where the autonomy is `shadow`"),
    ("autonomy: ask", "expires: -1h", 9, "must be a duration above zero"),
    ("{amount: 50000}", "{amount: -1}", 9, "`limit`.`amount` in .* must be a number of at least 0, not -1"),
    ("{amount: 50000}", "{amount: 50_000}", 9, "not '50_000'"),
    ("{amount: 50000}", "{amount: 1e300}", 9, "a number of at least 0"),
    ("{amount: 50000}", "{amount: 1e999}", 9, "out of range"),
    ("{amount: 50000}", "50000", 9, "must be a table"),
    ("[group:finance-leads]", "group:finance-leads", 9, "must be a list of at least one"),
    ("[group:finance-leads]", "[]", 9, "must be a list of at least one"),
    ("[group:finance-leads]", "[group:finance-lead]", 9, "'group:finance-lead' does not exist"),
    ("[group:finance-leads]", "[grp:finance-leads]", 9, "'grp:finance-leads' names no approver"),
    ("[group:finance-leads]", "[person:nobody]", 9, "'person:nobody' does not exist"),
    ("[group:finance-leads]", "[role:boss]", 9, "'role:boss' does not exist"),
    ("[group:finance-leads]", "[role:auditor]", 9, "'role:auditor' names nobody"),
    ("[group:finance-leads]", "[managers]", 9, "'managers' names no approver"),
    ('schedule: "0 8 * * mon-fri"', 'schedule: "daily"', 11, "five fields"),
    ('schedule: "0 8 * * mon-fri"', "shedule: x", 11, "unknown key `shedule`"),
    ('schedule: "0 8 * * mon-fri"', "mail: x\n    folder: y", 11, "exactly one of"),
    ("task: Process", "tusk: Process", 12, "unknown key `tusk`"),
    ("    task: Process the invoices that arrived since yesterday.\n", "", 11, "lacks `task`"),
    ("run: 0.50", "rnu: 0.50", 13, "`budget` has an unknown key `rnu`"),
    ("run: 0.50", 'run: "0.50"', 13, "a number of at least 0, not '0.50'"),
    ("run: 0.50", "run: -0.50", 13, "a number of at least 0, not -0.50"),
    ("steps: 60", "steps: 1.5", 13, "a whole number of at least 1, not 1.5"),
    ("wall: 2h", "wall: 2 hours", 13, "a duration above zero, not '2 hours'"),
    ("budget: {run: 0.50, day: 20, steps: 60, wall: 2h}", "budget: 5", 13, "must be a table"),
    ("---\nname", "name", 1, "does not start with front matter"),
    ("---\n\nMatch, ask, pay.\n", "", 1, "The front matter does not end"),
]


def spoiled(tmp_path: Path, file: str, old: str, new: str) -> Path:
    """A sound workspace in which one thing is spoiled."""
    assert old in SOUND[file]
    return write(tmp_path, {**SOUND, file: SOUND[file].replace(old, new, 1)})


@pytest.mark.parametrize(
    ("file", "old", "new", "line", "says"),
    [("deputy.toml", *case) for case in DEPUTY_CASES]
    + [("people.toml", *case) for case in PEOPLE_CASES]
    + [(AGENT_FILE, *case) for case in AGENT_CASES],
    ids=lambda value: str(value)[:40].replace("\n", " "),
)
def test_a_spoiled_line_is_named(tmp_path: Path, file: str, old: str, new: str, line: int, says: str):
    with pytest.raises(ConfigError) as error:
        load(spoiled(tmp_path, file, old, new))
    assert_says(error.value, f"{file}:{line}", says)


@pytest.mark.parametrize(("old", "new", "line"), [case[:3] for case in AGENT_CASES], ids=range(len(AGENT_CASES)))
def test_the_place_is_the_same_where_yaml_has_no_compiled_parser(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, old: str, new: str, line: int
):
    monkeypatch.setattr(yaml, "__with_libyaml__", False)
    with pytest.raises(ConfigError) as error:
        load(spoiled(tmp_path, AGENT_FILE, old, new))
    assert_says(error.value, f"{AGENT_FILE}:{line}", "")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"env:MODEL_KEY"', '"sk-hunter2"'),
        ('"https://models.example/v1"', '"https://u:hunter2@models.example"'),
        ("self_approval = false", 'database = "postgresql://u:hunter2@h/d"'),
        ('command = ["python", "servers/erp.py"]\nenv = {ERP_DB = "erp.db"}',
         'url = "https://x.example"\nheaders = {Authorization = "Bearer hunter2"}'),
        ('"env:MODEL_KEY"', '"env:MODEL_KEY"\napi-key = "hunter2"'),
    ],
)  # fmt: skip
def test_a_secret_that_stands_in_a_file_is_refused_and_not_repeated(tmp_path: Path, old: str, new: str):
    with pytest.raises(ConfigError) as error:
        load(spoiled(tmp_path, "deputy.toml", old, new))
    assert "hunter2" not in error.value.message + error.value.remedy


@pytest.mark.parametrize("file", ["deputy.toml", "people.toml", AGENT_FILE, REHEARSAL_FILE, "tools/rates.py"])
@pytest.mark.parametrize(
    ("content", "line", "says"),
    [
        (b"# fine\n\xff\xfe", 2, "not UTF-8"),
        (b"\xef\xbb\xbf# fine", 1, "byte order mark"),
        (b"\xff\xfe#\0", 1, "byte order mark"),
        (b"# fine\n\n#\0", 3, "NUL"),
        (b"# " + b"x" * (1 << 20), None, "larger than 1 MiB"),
    ],
)
def test_what_is_no_text_is_refused(tmp_path: Path, file: str, content: bytes, line: int | None, says: str):
    with pytest.raises(ConfigError) as error:
        load(write(tmp_path, {**SOUND, file: content}))
    assert_says(error.value, f"{file}:{line}" if line else file, says)


def test_a_hundred_megabytes_are_not_read(tmp_path: Path):
    write(tmp_path, SOUND)
    with (tmp_path / "people.toml").open("wb") as stream:
        stream.truncate(100 << 20)
    with pytest.raises(ConfigError, match="larger than 1 MiB"):
        load(tmp_path)


@pytest.mark.parametrize("file", ["deputy.toml", "people.toml", AGENT_FILE])
def test_a_folder_in_the_place_of_a_file_is_refused(tmp_path: Path, file: str):
    write(tmp_path, SOUND)
    (tmp_path / file).unlink()
    (tmp_path / file).mkdir()
    with pytest.raises(ConfigError) as error:
        load(tmp_path)
    if file != AGENT_FILE:
        assert_says(error.value, file, "This is a folder, not a file")
    else:
        assert_says(error.value, "agents/payables", "has no AGENT.md")


@pytest.mark.parametrize("file", ["deputy.toml", "people.toml"])
def test_a_pipe_in_the_place_of_a_file_is_refused_without_waiting(tmp_path: Path, file: str):
    write(tmp_path, SOUND)
    (tmp_path / file).unlink()
    os.mkfifo(tmp_path / file)
    with pytest.raises(ConfigError) as error:
        load(tmp_path)
    assert_says(error.value, file, "a pipe or a device, not a file")


def test_a_file_that_may_not_be_read_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def refuse(path: Path, flags: int) -> int:
        raise PermissionError(13, "Permission denied", str(path))

    write(tmp_path, SOUND)
    monkeypatch.setattr(source_module.os, "open", refuse)
    with pytest.raises(ConfigError) as error:
        load(tmp_path)
    assert_says(error.value, "deputy.toml", "cannot be read: Permission denied")


def test_a_link_that_leads_to_itself_is_refused(tmp_path: Path):
    write(tmp_path, SOUND)
    (tmp_path / "people.toml").unlink()
    (tmp_path / "people.toml").symlink_to("people.toml")
    with pytest.raises(ConfigError) as error:
        load(tmp_path)
    assert_says(error.value, "people.toml", "cannot be read")


def test_a_missing_directory_of_people_is_named(tmp_path: Path):
    write(tmp_path, SOUND)
    (tmp_path / "people.toml").unlink()
    with pytest.raises(ConfigError) as error:
        load(tmp_path)
    assert_says(error.value, "people.toml", "missing")


@pytest.mark.parametrize("name", ["agents", "tools"])
def test_a_file_in_the_place_of_a_folder_is_refused(tmp_path: Path, name: str):
    write(tmp_path, {"deputy.toml": SOUND["deputy.toml"], "people.toml": SOUND["people.toml"], name: ""})
    with pytest.raises(ConfigError) as error:
        load(tmp_path)
    assert_says(error.value, name, "This is a file, not a folder")


def test_a_folder_that_may_not_be_read_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def refuse(path: Path) -> object:
        raise PermissionError(13, "Permission denied", str(path))

    write(tmp_path, SOUND)
    monkeypatch.setattr(source_module.os, "scandir", refuse)
    with pytest.raises(ConfigError) as error:
        load(tmp_path)
    assert_says(error.value, "tools", "The folder cannot be read: Permission denied")


def test_a_link_to_nothing_in_the_place_of_a_folder_is_refused(tmp_path: Path):
    write(tmp_path, {"deputy.toml": "", "people.toml": SOUND["people.toml"]})
    (tmp_path / "agents").symlink_to("gone")
    with pytest.raises(ConfigError) as error:
        load(tmp_path)
    assert_says(error.value, "agents", "This is a link to nothing")


def test_a_folder_of_boundless_size_is_not_walked(tmp_path: Path):
    write(tmp_path, SOUND)
    for number in range(10_001):
        (tmp_path / f"tools/{number}").touch()
    with pytest.raises(ConfigError) as error:
        load(tmp_path)
    assert_says(error.value, "tools", "more than 10000 entries")


# -- folders of agents


@pytest.mark.parametrize(
    ("files", "place", "says"),
    [
        ({"agents/Payables/AGENT.md": AGENT}, "agents/payables", "Two agents have the name `payables`"),
        ({"agents/other/AGENT.md": AGENT}, "agents/other/AGENT.md:2", "Two agents have the name `payables`"),
        ({"agents/a_b/AGENT.md": AGENT}, "agents/a_b", "`a_b` is no name for an agent"),
        ({"agents/-a/AGENT.md": AGENT}, "agents/-a", "`-a` is no name for an agent"),
        ({"agents/a\u202eb/AGENT.md": AGENT}, "agents/a\\u202eb", "is no name for an agent"),
        ({f"agents/{'a' * 65}/AGENT.md": AGENT}, f"agents/{'a' * 59}…", "is no name for an agent"),
        ({"agents/extra/notes.md": ""}, "agents/extra", "The agent `extra` has no AGENT.md"),
        ({"agents/payables/bad\nname.md": ""}, "agents/payables/bad\\nname.md", "cannot be shown"),
    ],
)  # fmt: skip
def test_a_folder_that_is_no_agent_is_refused(tmp_path: Path, files: dict[str, str], place: str, says: str):
    with pytest.raises(ConfigError) as error:
        load(write(tmp_path, {**SOUND, **files}))
    assert_says(error.value, place, says)


def test_a_name_that_is_no_text_is_refused(tmp_path: Path):
    write(tmp_path, SOUND)
    (tmp_path / "agents/payables" / os.fsdecode(b"\xff.md")).touch()
    with pytest.raises(ConfigError) as error:
        load(tmp_path)
    assert_says(error.value, r"agents/payables/\udcff.md", "cannot be shown")


def test_a_misspelt_agent_file_gets_a_hint(tmp_path: Path):
    with pytest.raises(ConfigError) as error:
        load(write(tmp_path, {**SOUND, "agents/other/Agent.md": AGENT}))
    assert error.value.remedy == "Rename Agent.md to AGENT.md."


def test_links_may_not_leave_the_workspace(tmp_path: Path):
    write(tmp_path / "w", SOUND)
    (tmp_path / "secret.md").touch()
    for name, target in (
        ("out.md", tmp_path / "secret.md"),
        ("nothing.md", Path("gone")),
        ("loop.md", Path("loop.md")),
    ):
        link = tmp_path / "w/agents/payables" / name
        link.symlink_to(target)
        with pytest.raises(ConfigError) as error:
            load(tmp_path / "w")
        assert_says(error.value, f"agents/payables/{name}", "This is a link to")
        link.unlink()


@pytest.mark.parametrize("where", ["agents/loop", "agents/payables/loop", "tools/loop"])
def test_linked_folders_are_refused(tmp_path: Path, where: str):
    write(tmp_path, SOUND)
    (tmp_path / where).symlink_to(tmp_path, target_is_directory=True)
    with pytest.raises(ConfigError) as error:
        load(tmp_path)
    assert_says(error.value, where, "This is a link to a folder")


def test_too_many_too_deep_and_too_much_are_refused(tmp_path: Path):
    many = {f"agents/payables/{n}.txt": "" for n in range(1001)}
    deep = {"tools/" + "a/" * 20 + "x.py": ""}
    much = {f"tools/{n}.py": "#" * (1 << 20) for n in range(9)}
    for name, files, place, says in (
        ("many", many, "agents/payables", "more than 1000 files"),
        ("deep", deep, "tools/" + "/".join("a" * 17), "nested more than 16 levels deep"),
        ("much", much, "tools/8.py", "more than 8 MiB"),
    ):
        with pytest.raises(ConfigError) as error:
            load(write(tmp_path / name, {**SOUND, **files}))
        assert_says(error.value, place, says)


def test_a_socket_beside_an_agent_is_no_part_of_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    write(tmp_path, SOUND)
    monkeypatch.chdir(tmp_path / "agents/payables")  # the path of a socket is short
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind("s.md")
        assert f"{Path(AGENT_FILE).parent}/s.md" not in load(tmp_path).agents["payables"].bundle.files


# -- rehearsals


@pytest.mark.parametrize(
    ("text", "line", "says"),
    [
        ("replies:\n  - say: {{ task }}\n", 2, "A key must be text, not a list or table"),
        ("replies:\n  - say: a\n    say: b\n", 3, "`say` is given twice, first in line 2"),
        ("replies:\n  - &a [*a]\n", 2, "anchors are not allowed"),
        ("replies: [\n", 1, "not valid YAML"),
        ("a: 1\n---\nb: 1\n", 2, "A second YAML document"),
        ("%YAML 9.9\n---\na: 1", 1, "not valid YAML"),
    ],
)
def test_a_rehearsal_that_is_no_yaml_is_refused(tmp_path: Path, text: str, line: int, says: str):
    with pytest.raises(ConfigError) as error:
        load(write(tmp_path, {**SOUND, REHEARSAL_FILE: text}))
    assert_says(error.value, f"{REHEARSAL_FILE}:{line}", says)


def test_a_procedure_has_no_declared_answer(tmp_path: Path):
    text = AGENT.replace("model: default", "model: default\nanswer: {type: string}")
    files = {**SOUND, "agents/payables/AGENT.md": text, "agents/payables/procedure.py": "async def run(t, d): ..."}
    with pytest.raises(ConfigError) as error:
        load(write(tmp_path, files))
    assert_says(error.value, "agents/payables/AGENT.md:6", "`answer` says nothing")


def test_the_rehearsal_model_needs_a_rehearsal(tmp_path: Path):
    write(tmp_path, {**SOUND, AGENT_FILE: AGENT.replace("model: default", "model: rehearsal")})
    (tmp_path / REHEARSAL_FILE).unlink()
    with pytest.raises(ConfigError) as error:
        load(tmp_path)
    assert_says(error.value, f"{AGENT_FILE}:5", "needs a rehearsal.yaml")
    write(tmp_path, {"agents/payables/procedure.py": "async def run(task, desk): ...\n"})
    assert load(tmp_path).agents["payables"].agent.driver == "procedure"
