"""A sound workspace, as files, for tests that spoil one of them."""

import re
from pathlib import Path

from deputy.base.errors import ConfigError

DEPUTY = """\
[workspace]
name = "acme"
currency = "EUR"
self_approval = false

[models.default]
provider = "openai"
base_url = "https://models.example/v1"
model = "qwen3"
api_key = "env:MODEL_KEY"

[mcp.erp]
command = ["python", "servers/erp.py"]
env = {ERP_DB = "erp.db"}

[mcp.erp.tools.pay]
effect = "irreversible"
repeat = "keyed"
keyed_for = "24h"
verify = "find_payment"
authority = ["iban", "amount"]

[mcp.erp.tools."get_*"]
effect = "read"
output = "untrusted"
"""

PEOPLE = """\
[people.wei]
name = "Wei Chen"
email = "wei@acme.example"
manager = "lin"
groups = ["finance"]
roles = ["owner"]

[people.lin]
name = "Lin Hao"
email = "lin@acme.example"
groups = ["finance-leads"]
roles = ["approver"]
limits = {approve = 50000}

[groups.finance-leads]
name = "Finance leads"
"""

AGENT = """\
---
name: payables
description: Matches supplier invoices with orders and receipts and prepares payments.
owner: wei
model: default                    # a name of [models]
tools:
  mail.search: act
  erp.get_*: act
  erp.pay: {autonomy: ask, approvers: [group:finance-leads], limit: {amount: 50000}}
triggers:
  - schedule: "0 8 * * mon-fri"
    task: Process the invoices that arrived since yesterday.
budget: {run: 0.50, day: 20, steps: 60, wall: 2h}
---

Match, ask, pay.
"""

REHEARSAL = """\
replies:
  - call: [{tool: erp.get_invoice, args: {id: "INV-7"}}]
  - if: "{{ 'error' in results[-1] }}"
    say: "Not paid: {{ results[-1].error }}"
  - say: "Paid {{ results[-2].amount }}."
"""

AGENT_FILE = "agents/payables/AGENT.md"
REHEARSAL_FILE = "agents/payables/rehearsal.yaml"
SOUND: dict[str, str] = {
    "deputy.toml": DEPUTY,
    "people.toml": PEOPLE,
    AGENT_FILE: AGENT,
    REHEARSAL_FILE: REHEARSAL,
    "tools/rates.py": "RATE = 1\n",
}


def write(folder: Path, files: "dict[str, str | bytes] | dict[str, str]") -> Path:
    """These files below a folder."""
    for path, content in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content if isinstance(content, bytes) else content.encode())
    return folder


def is_one_sentence(text: str) -> bool:
    """Whether a text is one printable sentence that ends."""
    return text.isprintable() and re.fullmatch(r".+[.?]", text) is not None and not re.search(r"[.?!]\s", text)


def assert_says(error: ConfigError, place: str, says: str) -> None:
    """That an error stands at `file:line` or `file`, says this, and is a sentence with a remedy."""
    assert error.code == "configuration"
    found = f"{error.file}:{error.line}" if error.line else error.file
    assert found == place, f"{found}, not {place}: {error}"
    sentence = error.message.removeprefix(f"{found}: ")
    assert sentence != error.message
    assert re.search(says, sentence), error.message
    assert is_one_sentence(sentence), error.message
    assert is_one_sentence(error.remedy), error.remedy
