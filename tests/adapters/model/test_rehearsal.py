import asyncio
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.adapters.model.asking import intent_of, prompt_of

from deputy.adapters.model.rehearsal import Rehearsal, RehearsalScript, parse
from deputy.adapters.model.rehearsal.template import MAX_TEXT, Template, TemplateFault
from deputy.base.canonical import canonical, decode
from deputy.base.errors import ConfigError, NotFound
from deputy.domain.effect import Done, Failed, Result
from deputy.domain.message import Reply, Script, Usage

INVOICE = {"iban": "NL91ABNA0417164300", "amount": "12.50", "items": [1, 2], "lines": 3, "note": None, "no": "007"}
PAYABLES = {
    "replies": [
        {"call": [{"tool": "erp.get_invoice", "args": {"id": "INV-7"}}]},
        {
            "call": [
                {"tool": "erp.pay", "args": {"iban": "{{ results[-1].iban }}", "amount": "{{ results[-1].amount }}"}}
            ]
        },
        {"if": "{{ 'error' in results[-1] }}", "say": "Not paid: {{ results[-1].error }}"},
        {"say": "Paid {{ results[-2].amount }}."},
    ]
}


def answered(data: object, *results: object, before: tuple[int, ...], task: str = "Pay INV-7") -> Result:
    """What the rehearsal answers at the last of these model calls."""
    script = parse(data)
    prompt = prompt_of(script=Script(task, results, before))
    return asyncio.run(Rehearsal(lambda agent, version: script).complete(intent_of(prompt)))


def reply(data: object, *results: object, before: tuple[int, ...] = (0,), task: str = "Pay INV-7") -> Reply:
    result = answered(data, *results, before=before, task=task)
    assert isinstance(result, Done), result
    assert isinstance(result.value, Reply)
    return result.value


def filled(template: str, *results: object, task: str = "t") -> object:
    return Template(template).value({"task": task, "results": list(results)})


def test_reply_n_answers_model_call_n():
    first = reply(PAYABLES, before=(0,))
    assert [(call.id, call.tool, call.arguments) for call in first.calls] == [
        ("call_0_0", "erp.get_invoice", '{"id":"INV-7"}')
    ]
    second = reply(PAYABLES, INVOICE, before=(0, 1))
    assert second.calls[0].id == "call_1_0"
    assert second.calls[0].arguments == '{"amount":"12.50","iban":"NL91ABNA0417164300"}'
    last = reply(PAYABLES, INVOICE, {"payment": "P-1"}, before=(0, 1, 2))
    assert (last.text, last.calls, last.finish) == ("Paid 12.50.", (), "stop")


def test_a_reply_whose_condition_holds_is_given_and_the_next_one_answers_the_next_call():
    results = (INVOICE, {"error": "denied: above the limit"})
    assert reply(PAYABLES, *results, before=(0, 1, 2)).text == "Not paid: denied: above the limit"
    assert reply(PAYABLES, *results, before=(0, 1, 2, 2)).text == "Paid 12.50."


def test_an_earlier_condition_is_judged_by_the_results_of_its_own_time():
    data: dict[str, object] = {
        "replies": [
            {"if": "{{ results | length == 0 }}", "call": [{"tool": "find", "args": {}}]},
            {"if": "{{ results | length == 0 }}", "say": "never"},
            {"say": "{{ results | length }} found"},
        ]
    }
    assert reply(data, "a", "b", before=(0, 2)).text == "2 found"


def test_running_out_of_replies_fails_the_call_and_says_so():
    result = answered(PAYABLES, INVOICE, {}, before=(0, 1, 2, 2))
    assert result == Failed("rehearsal_exhausted", "The rehearsal has 4 replies, and none is left for model call 4.")


def test_a_reply_may_speak_reason_and_call_several_tools():
    data: dict[str, object] = {
        "replies": [
            {
                "say": "Looking up {{ task }}.",
                "reasoning": "First {{ task }}.",
                "call": [{"tool": "a"}, {"tool": "b", "args": {"deep": [{"n": "{{ 1 + 1 }}", "{{ key }}": True}]}}],
            }
        ]
    }
    said = reply(data, task="it")
    assert (said.text, said.reasoning, said.finish) == ("Looking up it.", "First it.", "tool_calls")
    assert [(c.id, c.tool, c.arguments) for c in said.calls] == [
        ("call_0_0", "a", "{}"),
        ("call_0_1", "b", '{"deep":[{"n":2,"{{ key }}":true}]}'),
    ]


def test_every_reply_is_marked_as_rehearsed_and_costs_nothing():
    result = answered(PAYABLES, before=(0,))
    assert isinstance(result, Done)
    assert isinstance(result.value, Reply)
    assert (result.value.rehearsal, result.value.model, result.value.usage) == (True, "rehearsal", Usage())
    assert not result.cost


def test_what_is_undefined_names_reply_place_and_expression():
    result = answered(PAYABLES, {"iban": "X"}, before=(0, 1))
    assert result == Failed(
        "rehearsal_error",
        "Reply 2, erp.pay.amount: `{{ results[-1].amount }}`: 'dict object' has no attribute 'amount'.",
    )
    assert answered(PAYABLES, before=(0, 0)) == Failed(
        "rehearsal_error", "Reply 2, erp.pay.iban: `{{ results[-1].iban }}`: list object has no element -1."
    )


def test_a_missing_script_fails_the_call():
    def missing(agent: str, version: str) -> RehearsalScript:
        raise NotFound(f"{agent} has no rehearsal.yaml")

    result = asyncio.run(Rehearsal(missing).complete(intent_of(prompt_of())))
    assert result == Failed("rehearsal_error", "payables has no rehearsal.yaml")


@pytest.mark.parametrize(
    ("template", "value"),
    [
        ("{{ results[-1].lines }}", 3),
        ("{{ results[-1].no }}", "007"),
        ("{{ results[-1].note }}", None),
        ("{{ results[-1].items }}", [1, 2]),
        ("{{ results[-1] }}", INVOICE),
        ("{{ results[-1].lines > 2 }}", True),
        ("{{ results[-1].amount | float * 2 }}", 25.0),
        ("{{ '007' }}", "007"),
        ("{{ '[1, 2]' }}", "[1, 2]"),
        ("{{ results[-1].no }}\n", "007"),
        ("{{ 7 }}{# a remark #}", 7),
        ("INV-{{ 7 }}", "INV-7"),
        ("{{ 0 }}{{ 7 }}", "07"),
        ("{{ results[-1].lines }}{{ results[-1].lines }}", "33"),
        (" {{ 7 }}", " 7"),
        ("007", "007"),
        ("1e3", "1e3"),
        ("None", "None"),
        ("plain\r\n", "plain\r\n"),
        ("{{ results[-1].items }} of {{ none }}, {{ true }}", "[1,2] of null, true"),
        ("{% for n in results[-1]['items'] %}{{ n }}{{ '' if loop.last else '+' }}{% endfor %}", "1+2"),
        ("{{ results | map(attribute='no') | join(', ') }}", "007"),
        ("{{ results[5] is defined }}", False),
    ],
)
def test_a_single_expression_keeps_its_type_and_text_stays_text(template: str, value: object):
    result = filled(template, INVOICE)
    assert (result, type(result)) == (value, type(value))


TEXT = st.text(st.characters(exclude_categories=["Cs"]))
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False) | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner),
    max_leaves=10,
)


@given(JSON)
def test_any_value_passes_through_a_single_expression_unchanged(value: object):
    passed = filled("{{ results[-1] }}", value)
    assert passed == value
    assert canonical(passed) == canonical(value)


@given(TEXT)
def test_any_text_stays_that_text_wherever_it_stands(text: str):
    assert filled("<{{ results[-1] }}>", text) == f"<{text}>"
    assert filled("{{ results[-1] }}{{ results[-1] }}", text) == text + text
    if not any(mark in text for mark in ("{{", "{%", "{#")):
        assert filled(text) == text


@given(st.text(max_size=40) | st.text("{}%#|.[]()'~ ax01-*", max_size=40))
def test_a_template_is_refused_filled_or_at_fault_and_nothing_else(source: str):
    try:
        value = Template(source).value({"task": "t", "results": [{"a": "x"}]})
    except TemplateFault as fault:
        assert fault.message
    else:
        canonical(value)


@pytest.mark.parametrize(
    "template",
    [
        "{{ ''.__class__ }}",
        "{{ ''['__class__'] }}",
        "{{ results.append(1) }}",
        "{{ results[0].update({}) }}",
        "{{ results[0].clear() }}",
        "{{ '{0.__class__}'.format(1) }}",
        "{{ task | attr('format') }}",
        "{{ (1).to_bytes(1000000) }}",
        "{{ 'x' * 1000000000 }}",
        "{{ [results] * 1000000000 }}",
        "{{ '%1000000000d' % 1 }}",
        "{{ 9 ** 999999999 }}",
        "{{ range(1000000000) | list }}",
        "{% for a in range(9000) %}{% for b in range(9000) %}{% endfor %}{% endfor %}",
        "{% for a in range(9000) if a < 0 %}{% endfor %}{% for a in range(9000) if a < 0 %}{% endfor %}",
        "{% for a in range(9000) %}{{ task }}{% endfor %}",
        "{{ task | replace('t', task) | replace('t', task) }}",
        "{{ range(9000) | join(task) }}",
        "{{ 1 / 0 }}",
        "{{ results | map(attribute='a') }}",
        "{{ task.upper }}",
        "{{ self }}",
        "{{ 1e308 * 10 }}",
    ],
)
def test_a_template_that_reaches_too_far_is_stopped(template: str):
    with pytest.raises(TemplateFault):
        filled(template, {"a": 1}, task="t" * 1000)


@pytest.mark.parametrize(
    "template",
    [
        "{{ x ",
        "{{ }}",
        "{% if x %}",
        "{{ task | random }}",
        "{{ task | no_such_filter }}",
        "{% set x = 1 %}",
        "{% macro m() %}{% endmacro %}",
        "{% include 'x' %}",
        "{% for x in results recursive %}{% endfor %}",
        "{{ " + "(" * 5000 + "1" + ")" * 5000 + " }}",
        "{% for x in task %}" * 30 + "{% endfor %}" * 30,
        "{{ 1 }}" * 10_000,
    ],
)
def test_a_template_that_can_never_work_is_refused_when_it_is_read(template: str):
    with pytest.raises(ConfigError, match=r"^rehearsal.yaml: replies\[0\]\.say: "):
        parse({"replies": [{"say": template}]})


def test_a_template_cannot_change_what_it_reads():
    results: list[object] = [{"a": [3, 1, 2]}]
    assert filled("{{ results[0].a | sort | first }}", *results) == 1
    assert results == [{"a": [3, 1, 2]}]


def test_text_that_grows_too_long_is_stopped():
    with pytest.raises(TemplateFault, match="more than"):
        Template("{{ results[0] }}").text({"task": "", "results": ["x" * (MAX_TEXT + 1)]})
    result = answered(
        {"replies": [{"call": [{"tool": "a", "args": {"x": "{{ task }}"}}]}]}, before=(0,), task="x" * 2**20
    )
    assert result == Failed("rehearsal_error", "Reply 1, a: its arguments are longer than 1000000 bytes.")


WRONG: list[tuple[object, str]] = [
    (None, "A rehearsal is written as names with values: `replies`"),
    ([], "A rehearsal is written as names with values: `replies`"),
    ({}, "replies: `replies` is a list with at least one entry"),
    ({"replies": []}, "replies: `replies` is a list with at least one entry"),
    ({"replies": {"say": "x"}}, "replies: `replies` is a list with at least one entry"),
    ({"replys": []}, "replys: a rehearsal has no `replys`"),
    ({"replies": ["x"]}, "replies[0]: a reply is written as names with values: `call`, `say`, `reasoning`, `if`"),
    ({"replies": [{}]}, "replies[0]: a reply needs `call` or `say`"),
    ({"replies": [{"if": True}]}, "replies[0]: a reply needs `call` or `say`"),
    ({"replies": [{"say": "x"}, {"says": "x"}]}, "replies[1].says: a reply has no `says`"),
    ({"replies": [{"say": 42}]}, "replies[0].say: `say` is not text"),
    ({"replies": [{"say": "x", "reasoning": ["y"]}]}, "replies[0].reasoning: `reasoning` is not text"),
    ({"replies": [{"call": {"tool": "a"}}]}, "replies[0].call: `call` is a list with at least one entry"),
    ({"replies": [{"call": [{"args": {}}]}]}, "replies[0].call[0].tool: a call names its `tool`, such as"),
    ({"replies": [{"call": [{"tool": "a", "arg": {}}]}]}, "replies[0].call[0].arg: a call has no `arg`"),
    ({"replies": [{"call": [{"tool": "a", "args": []}]}]}, "replies[0].call[0].args: `args` has a value for each"),
    (
        {"replies": [{"call": [{"tool": "a", "args": {"x": [Decimal(1)]}}]}]},
        "replies[0].call[0].args.x[0]: `1` was read as `Decimal`, which JSON does not have",
    ),
    ({"replies": [{"call": [{"tool": "a", "args": {"x": float("nan")}}]}]}, "replies[0].call[0].args.x: `nan`"),
    (
        {"replies": [{"call": [{"tool": "a", "args": {"x": {1: 2}}}]}]},
        "replies[0].call[0].args.x: the name `1` is not text",
    ),
    ({"replies": [{"say": "x", "if": "yes"}]}, "replies[0].if: `if` is one expression"),
    ({"replies": [{"say": "x", "if": "{{ a }} {{ b }}"}]}, "replies[0].if: `if` is one expression"),
    ({"replies": [{"say": "x", "if": 1}]}, "replies[0].if: `if` is one expression"),
    ({"replies": [{"say": "\ud800"}]}, "replies[0].say: it has characters that UTF-8 cannot carry"),
]


@pytest.mark.parametrize(("data", "message"), WRONG)
def test_a_wrong_file_is_refused_with_a_sentence_that_says_where(data: object, message: str):
    with pytest.raises(ConfigError) as caught:
        parse(data)
    assert caught.value.message.startswith(f"rehearsal.yaml: {message}")


def test_an_error_has_the_line_that_its_reader_knows():
    lines: dict[tuple[str | int, ...], int] = {("replies", 1, "say"): 7}
    with pytest.raises(ConfigError) as caught:
        parse({"replies": [{"say": "x"}, {"say": "{{"}]}, file="agents/a/rehearsal.yaml", line_of=lines.get)
    assert caught.value.message.startswith("agents/a/rehearsal.yaml:7: replies[1].say: ")
    assert (caught.value.file, caught.value.line) == ("agents/a/rehearsal.yaml", 7)


@pytest.mark.parametrize(("condition", "text"), [(True, "first"), (False, "second"), ("{{ results }}", "second")])
def test_a_condition_is_what_python_calls_true(condition: object, text: str):
    assert reply({"replies": [{"if": condition, "say": "first"}, {"say": "second"}]}).text == text


def test_arguments_are_json_that_reads_back():
    data = {"replies": [{"call": [{"tool": "a", "args": {"b": 1, "a": "{{ results[0] }}", "c": None, "d": 1.5}}]}]}
    arguments = reply(data, INVOICE, before=(1,)).calls[0].arguments
    assert decode(arguments) == {"a": INVOICE, "b": 1, "c": None, "d": 1.5}
