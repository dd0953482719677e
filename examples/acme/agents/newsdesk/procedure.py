"""The news desk: has articles briefed by a model, and delivers what was filed; nothing else that the model says."""

from dataclasses import dataclass
from typing import Any

from tools.wording import shown

import deputy


@dataclass(frozen=True, kw_only=True, slots=True)
class Delivery:
    """What became of one article."""

    article: str
    delivered: bool
    why: str = ""


async def run(task: str, desk: deputy.Desk) -> str:
    """Brief the articles that the task names, or else all of them."""
    names = [str(entry["name"]) for entry in await desk.call("list_news")]
    chosen = [name for name in names if name in task] or names
    found: list[Delivery] = await desk.together(*(brief(desk, name) for name in chosen))
    return summary(found)


async def brief(desk: deputy.Desk, article: str) -> Delivery:
    """Let one article be briefed, and put the briefing into the inbox."""
    try:
        ended: dict[str, Any] = await desk.call("agent.run", agent="briefing", task=f"Brief me on {article}.")
        filed: dict[str, Any] = await desk.call("filed_briefing", run=ended["run"])
        if not filed["filed"]:
            return Delivery(article=article, delivered=False, why="No sentence of it was fit to be filed.")
        await desk.call("person.tell", text=filed["text"])
    except deputy.ToolFailed as problem:
        return Delivery(article=article, delivered=False, why=shown(problem.error, 300))
    except deputy.Denied as problem:
        return Delivery(article=article, delivered=False, why=shown(problem.reason, 300))
    return Delivery(article=article, delivered=True)


def summary(found: list[Delivery]) -> str:
    """What became of all of them."""
    if not found:
        return "No articles in the folder."
    lines = [
        f"{sum(one.delivered for one in found)} of {len(found)} articles briefed; the briefings are in your inbox."
    ]
    lines += [f"- {shown(one.article)}{'' if one.delivered else f': not briefed. {one.why}'}" for one in found]
    return "\n".join(lines)
