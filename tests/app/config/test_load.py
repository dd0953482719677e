"""What a sound workspace says arrives as it was meant."""

import os
from decimal import Decimal
from pathlib import Path

import pytest
from tests.app.config.workspaces import AGENT, AGENT_FILE, DEPUTY, PEOPLE, REHEARSAL_FILE, SOUND, is_one_sentence, write

from deputy.app.config import agent_from_bundle, find_workspace, load, parse_agent, rehearsal_of, version_of
from deputy.base.errors import ConfigError, NotFound, UsageError
from deputy.domain.agent import Bundle, Grant
from deputy.domain.cost import Limits
from deputy.domain.effect import ToolSpec
from deputy.domain.label import Label
from deputy.domain.principal import Group, Person
from deputy.domain.trigger import Schedule


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write(tmp_path / "acme", SOUND)


def test_the_workspace_says_its_name_and_rules(folder: Path):
    settings = load(folder)
    assert (settings.folder, settings.name, settings.currency) == (folder, "acme", "EUR")
    assert (settings.database, settings.self_approval) == ("sqlite:.deputy/deputy.db", False)


def test_a_workspace_may_say_nothing_at_all(tmp_path: Path):
    settings = load(write(tmp_path / "corner shop", {"deputy.toml": "", "people.toml": PEOPLE}))
    assert (settings.name, settings.currency, settings.agents) == ("corner shop", "EUR", {})


def test_loading_changes_nothing(folder: Path):
    def state() -> dict[str, tuple[int, bytes]]:
        return {str(p): (p.stat().st_mtime_ns, p.read_bytes()) for p in folder.rglob("*") if p.is_file()}

    before = state()
    assert load(folder) == load(folder)
    assert state() == before


def test_a_model_keeps_its_reference_and_not_its_key(folder: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("MODEL_KEY", "hunter2")
    settings = load(folder)
    assert settings.models["default"].api_key == "env:MODEL_KEY"
    assert "hunter2" not in repr(settings)
    (reference,) = settings.references
    assert (reference.secret, reference.file, reference.line) == ("env:MODEL_KEY", "deputy.toml", 10)


def test_a_model_has_prices_in_tiers_limits_and_extras(tmp_path: Path):
    more = """
max_tokens = 1000
deadline = "2m"
context = 32000
extra = {enable_thinking = false, top = [0.5, 1]}
limits = {concurrency = 4, requests = 60, tokens = 100000}
[[models.default.price.tiers]]
upto = 1000
input = 0.4
output = 1.2
cached = 0.1
[[models.default.price.tiers]]
input = 0.8
output = 2.4
"""
    text = DEPUTY.replace('"env:MODEL_KEY"', '"env:MODEL_KEY"' + more)
    model = load(write(tmp_path, {**SOUND, "deputy.toml": text})).models["default"]
    assert (model.max_tokens, model.deadline, model.context) == (1000, 120.0, 32000)
    assert model.extra == {"enable_thinking": False, "top": [0.5, 1]}
    assert (model.limits.concurrency, model.limits.requests, model.limits.tokens) == (4, 60, 100000)
    assert [(t.upto, t.input, t.output, t.cached) for t in model.route().price.tiers] == [
        (1000, Decimal("0.4"), Decimal("1.2"), Decimal("0.1")),
        (None, Decimal("0.8"), Decimal("2.4"), None),
    ]
    route = model.route()
    assert (route.name, route.max_tokens, route.context, route.deadline) == ("default", 1000, 32000, 120.0)


def test_rehearsal_is_a_model_without_a_table_and_may_have_a_price(tmp_path: Path):
    settings = load(write(tmp_path, SOUND))
    route = settings.route("rehearsal")
    assert route is not None and (route.provider, route.route().max_tokens) == ("rehearsal", 4096)
    assert settings.route("unheard-of") is None
    priced = DEPUTY + '[models.rehearsal]\nprovider = "rehearsal"\nprice = {input = 1, output = 2}\n'
    route = load(write(tmp_path, {"deputy.toml": priced})).route("rehearsal")
    assert route is not None and route.route().price.tiers[0].output == 2


# -- MCP servers


def test_a_tool_is_what_the_operator_says_of_it(folder: Path):
    erp = load(folder).mcp["erp"]
    assert (erp.command, erp.env) == (("python", "servers/erp.py"), {"ERP_DB": "erp.db"})
    pay = erp.configured("pay", ToolSpec(name="erp.pay", description="Pays."))
    assert (pay.effect, pay.repeat, pay.keyed_for) == ("irreversible", "keyed", 86_400.0)
    assert (pay.verify, pay.authority, pay.description) == ("erp.find_payment", ("iban", "amount"), "Pays.")
    assert erp.configured("get_order", ToolSpec(name="erp.get_order")).effect == "read"


def test_a_read_is_safe_to_repeat_and_a_read_back_is_a_read(folder: Path):
    erp = load(folder).mcp["erp"]
    for name in ("get_order", "find_payment"):
        spec = erp.configured(name, ToolSpec(name=f"erp.{name}"))
        assert (spec.effect, spec.repeat) == ("read", "safe")


def test_a_tool_of_which_nothing_is_said_stays_as_careful_as_it_was(folder: Path):
    assert load(folder).mcp["erp"].configured("delete", ToolSpec(name="x")) == ToolSpec(name="x")


def test_an_exact_name_comes_before_the_longest_prefix(tmp_path: Path):
    tables = "".join(
        f'[mcp.m.tools."{p}"]\ndeadline = {n}\n' for n, p in enumerate(("*", "get_*", "get_a", "get_all*"), 1)
    )
    text = f'[mcp.m]\ncommand = ["m"]\ndeadline = 9\n{tables}'
    server = load(write(tmp_path, {"deputy.toml": text, "people.toml": PEOPLE})).mcp["m"]
    names = ("get_a", "get_all", "get_b", "put", "get_*")
    assert [server.configured(n, ToolSpec(name=n)).deadline for n in names] == [3, 4, 2, 1, 2]


def test_the_deadline_of_a_server_holds_where_its_tools_say_none(tmp_path: Path):
    text = '[mcp.m]\ncommand = ["m"]\ndeadline = "1m30s"\n'
    server = load(write(tmp_path, {"deputy.toml": text, "people.toml": PEOPLE})).mcp["m"]
    assert server.configured("x", ToolSpec(name="m.x", deadline=5)).deadline == 90


def test_outputs_are_labelled_by_path(tmp_path: Path):
    text = DEPUTY.replace('output = "untrusted"', 'output = {id = "trusted", "lines[].no" = "trusted"}')
    server = load(write(tmp_path, {**SOUND, "deputy.toml": text})).mcp["erp"]
    paths = {"id": "trusted", "lines[].no": "trusted"}
    assert server.configured("get_x", ToolSpec(name="x")).output == Label(paths=paths)  # pyright: ignore[reportArgumentType] - words
    text = text.replace('id = "trusted"', '"*" = "trusted"')
    server = load(write(tmp_path, {"deputy.toml": text})).mcp["erp"]
    assert not server.configured("get_x", ToolSpec(name="x")).output.tainted


def test_a_server_may_be_an_address_with_a_lent_header(tmp_path: Path):
    text = '[mcp.m]\nurl = "https://m.example/mcp"\nheaders = {Authorization = "env:TOKEN", X-Tenant = "acme"}\n'
    settings = load(write(tmp_path, {"deputy.toml": text, "people.toml": PEOPLE}))
    assert settings.mcp["m"].headers == {"Authorization": "env:TOKEN", "X-Tenant": "acme"}
    assert [(r.secret, r.line) for r in settings.references] == [("env:TOKEN", 3)]


# -- people


def test_people_have_managers_groups_roles_and_limits(folder: Path):
    directory = load(folder).directory
    assert directory.people["lin"] == Person(
        id="lin", name="Lin Hao", email="lin@acme.example", groups=("finance-leads",), roles=("approver",),
        limits={"approve": 50000.0},
    )  # fmt: skip
    assert directory.people["wei"].manager == "lin"
    assert directory.groups["finance-leads"] == Group(id="finance-leads", name="Finance leads")


def test_a_group_needs_no_table(folder: Path):
    assert load(folder).directory.groups["finance"] == Group(id="finance")


def test_a_manager_may_be_named_by_address(tmp_path: Path):
    text = PEOPLE.replace('manager = "lin"', 'manager = "Lin@ACME.example"')
    assert load(write(tmp_path, {**SOUND, "people.toml": text})).directory.people["wei"].manager == "lin"


# -- agents


def test_an_agent_has_its_mandate_budget_and_instructions(folder: Path):
    deployed = load(folder).agent("payables")
    agent = deployed.agent
    assert (agent.owner, agent.model, agent.driver, agent.max_tokens) == ("wei", "default", "loop", 4096)
    assert agent.instructions == "Match, ask, pay."
    assert agent.grants == (
        Grant(pattern="mail.search", autonomy="act"),
        Grant(pattern="erp.get_*", autonomy="act"),
        Grant(pattern="erp.pay", approvers=("group:finance-leads",), limit={"amount": Decimal(50000)}),
    )
    assert agent.run_limits == Limits(money=500_000, steps=60, wall=7_200_000)
    assert agent.day_limits == Limits(money=20_000_000)
    (trigger,) = deployed.triggers
    assert trigger.source == Schedule(cron="0 8 * * mon-fri")
    assert (trigger.overlap, trigger.task) == ("skip", "Process the invoices that arrived since yesterday.")


def test_asking_above_an_amount_is_one_thing_however_it_is_written(tmp_path: Path):
    for word in ("act", "ask"):
        text = AGENT.replace("{autonomy: ask,", f"{{autonomy: {word}, ask_above: {{amount: 100.10}}, expires: 2h30m,")
        grant = load(write(tmp_path, {**SOUND, AGENT_FILE: text})).agents["payables"].agent.grants[2]
        assert (grant.autonomy, grant.ask_above, grant.expires) == ("ask", {"amount": Decimal("100.10")}, 9000.0)


def test_an_owner_may_be_named_by_address(tmp_path: Path):
    text = AGENT.replace("owner: wei", "owner: Wei@acme.example")
    assert load(write(tmp_path, {**SOUND, AGENT_FILE: text})).agents["payables"].agent.owner == "wei"


def test_words_that_look_like_yaml_of_old_are_text(tmp_path: Path):
    people = PEOPLE.replace("[people.wei]", "[people.no]")
    text = AGENT.replace("owner: wei", "owner: no").replace("mail.search: act", "on: act")
    agent = load(write(tmp_path, {**SOUND, "people.toml": people, AGENT_FILE: text})).agents["payables"].agent
    assert (agent.owner, agent.grants[0].pattern) == ("no", "on")


def test_a_model_may_say_how_long_its_replies_are(tmp_path: Path):
    text = DEPUTY.replace('model = "qwen3"', 'model = "qwen3"\nmax_tokens = 700')
    settings = load(write(tmp_path, {**SOUND, "deputy.toml": text}))
    assert settings.agents["payables"].agent.max_tokens == 700
    agent = agent_from_bundle(settings.agents["payables"].bundle, settings.models)
    assert agent.max_tokens == 700
    text = AGENT.replace("model: default", "model: default\nmax_tokens: 90")
    assert load(write(tmp_path, {AGENT_FILE: text})).agents["payables"].agent.max_tokens == 90


def test_the_shape_of_an_answer_is_read_as_json(tmp_path: Path):
    shape = "answer:\n  type: object\n  properties: {total: {type: number, minimum: 0.5}}\n  required: [total]"
    text = AGENT.replace("model: default", f"model: default\n{shape}")
    deployed = load(write(tmp_path, {**SOUND, AGENT_FILE: text})).agents["payables"]
    expected = {"type": "object", "properties": {"total": {"type": "number", "minimum": 0.5}}, "required": ["total"]}
    assert deployed.agent.answer == expected
    assert agent_from_bundle(deployed.bundle).answer == expected


def test_lines_may_end_as_on_windows(tmp_path: Path):
    windows = {path: text.replace("\n", "\r\n") for path, text in SOUND.items()}
    assert load(write(tmp_path, windows)).agents["payables"].agent.instructions == "Match, ask, pay."


def test_a_procedure_that_names_no_model_needs_none(tmp_path: Path):
    files = {**SOUND, AGENT_FILE: AGENT.replace("model: default", "#"), "deputy.toml": "",
             "agents/payables/procedure.py": ""}  # fmt: skip
    assert load(write(tmp_path, files)).agents["payables"].agent.driver == "procedure"
    (tmp_path / "agents/payables/procedure.py").unlink()
    with pytest.raises(ConfigError, match="There is no model 'default'"):
        load(tmp_path)


def test_a_rehearsal_is_plain_data_with_lines(tmp_path: Path):
    text = "replies:\n  - say: 0.5\n  - call:\n    - {tool: x,\n       args: {id: 007, when: 2026-01-31, n: 7}}\n"
    rehearsal = load(write(tmp_path, {**SOUND, REHEARSAL_FILE: text})).agents["payables"].rehearsal
    assert rehearsal is not None
    arguments = {"id": "007", "when": "2026-01-31", "n": 7}
    assert rehearsal.value == {"replies": [{"say": 0.5}, {"call": [{"tool": "x", "args": arguments}]}]}
    assert rehearsal.locate(("replies", 1, "call", 0, "args", "n")) == 5
    assert rehearsal.locate(("replies", 1, "call", 0, "nowhere")) == 4


def test_who_asks_for_an_agent_that_is_not_there_gets_a_hint(folder: Path):
    with pytest.raises(NotFound) as error:
        load(folder).agent("payable")
    assert error.value.remedy == "Did you mean `payables`?"


# -- bundles and versions


def test_a_bundle_has_the_texts_of_the_agent_and_all_tools_and_nothing_else(tmp_path: Path):
    files = {
        **SOUND, "agents/payables/notes/rules.md": "x", "agents/payables/logo.png": b"\x89PNG\0\0",
        "agents/payables/latin": b"\xe9", "agents/payables/.hidden": "x", "agents/payables/AGENT.md~": "x",
        "agents/payables/__pycache__/a.pyc": b"\0", "tools/deep/more.py": "", "tools/data.csv": "",
        "agents/README.md": "not an agent", "agents/.git/x": "",
    }  # fmt: skip
    bundle = load(write(tmp_path, files)).agents["payables"].bundle
    assert sorted(bundle.files) == [
        AGENT_FILE, "agents/payables/notes/rules.md", REHEARSAL_FILE, "tools/deep/more.py", "tools/rates.py",
    ]  # fmt: skip
    assert bundle.files[AGENT_FILE] == AGENT


def test_a_version_changes_with_every_byte_and_with_nothing_else(tmp_path: Path):
    def version() -> str:
        return load(tmp_path).agents["payables"].agent.version

    write(tmp_path, SOUND)
    first = version()
    os.utime(tmp_path / AGENT_FILE, (0, 0))
    write(tmp_path, {"agents/payables/.cache": "x", "notes.md": "x"})
    assert version() == first
    for path in (AGENT_FILE, REHEARSAL_FILE, "tools/rates.py"):
        write(tmp_path, {path: SOUND[path] + "\n"})
        assert version() != first
        write(tmp_path, {path: SOUND[path]})
        assert version() == first


def test_a_stored_version_is_read_without_its_files(folder: Path):
    deployed = load(folder).agents["payables"]
    assert agent_from_bundle(deployed.bundle) == deployed.agent
    assert rehearsal_of(deployed.bundle) == deployed.rehearsal
    assert version_of(deployed.bundle) == deployed.agent.version


def test_a_stored_version_that_cannot_be_read_says_which(folder: Path):
    with pytest.raises(ConfigError, match=r"has no AGENT\.md"):
        agent_from_bundle(Bundle(name="payables", files={}))
    bundle = Bundle(name="payables", files={AGENT_FILE: AGENT.replace("owner: wei", "owner: 7")})
    with pytest.raises(ConfigError) as error:
        agent_from_bundle(bundle)
    assert error.value.file == f"{AGENT_FILE}@{version_of(bundle)[:12]}"


def test_a_text_alone_can_be_read():
    found = parse_agent(AGENT, "AGENT.md")
    assert (found.agent.name, found.front.locate(("tools", "erp.pay"))) == ("payables", 9)


def test_a_linked_file_inside_the_workspace_is_followed(folder: Path):
    (folder / "shared.md").write_text("shared")
    (folder / "agents/payables/shared.md").symlink_to("../../shared.md")
    assert load(folder).agents["payables"].bundle.files["agents/payables/shared.md"] == "shared"


# -- where the workspace is


def test_a_workspace_is_the_folder_given_or_else_the_current_one(folder: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(folder)
    assert find_workspace(None, None) == folder
    assert find_workspace(folder, None) == folder
    assert find_workspace(Path("/"), str(folder)) == folder
    assert find_workspace(Path("/"), ".") == folder


@pytest.mark.parametrize("override", [None, "/nowhere/at/all", "a\0b", "", "x" * 5000])
def test_what_is_no_workspace_says_how_to_make_one(tmp_path: Path, override: str | None):
    with pytest.raises(UsageError) as error:
        find_workspace(tmp_path, override)
    assert "deputy init DIR" in error.value.remedy
    assert is_one_sentence(error.value.remedy)
    assert error.value.message.isprintable()


def test_a_workspace_above_is_not_taken(folder: Path):
    with pytest.raises(UsageError):
        find_workspace(folder / "agents", None)
