"""LangGraph with its SQLite saver: a graph that goes round model -> tool, a checkpoint after each, `durability="sync"`.

Asynchronous throughout, one connection, as `AsyncSqliteSaver` documents. A node starts only when the checkpoint of the
node before it is committed, so the reply that asks for a call is durable before the call, and its result before the
next reply. (Tasks of the functional API would write less, but the next may start before the last is durable.) The state
is the conversation as plain dictionaries under an adding reducer, which costs LangGraph less than its message classes.
"""

import asyncio
import operator
import sqlite3
from importlib.metadata import version
from typing import Annotated, Any, TypedDict

import aiosqlite
from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver
from langgraph.graph import END, START, StateGraph

from bench.job import Job, Meter, World, folder_bytes, job_from_command_line, print_result, sqlite_settings


class Conversation(TypedDict):
    """The graph's state."""

    run: str
    messages: Annotated[list[dict[str, Any]], operator.add]


def build(job: Job, world: World, meter: Meter, saver: AsyncSqliteSaver) -> Any:
    """Compile the graph."""

    async def model(state: Conversation) -> dict[str, Any]:
        done = len(state["messages"]) // 2
        if done:
            meter.step()  # the result of the step before is committed: this node would not run otherwise
        reply = await world.reply(state["run"], done)
        return {"messages": [{"role": "assistant", **reply}]}

    async def tool(state: Conversation) -> dict[str, Any]:
        result = await world.lookup(state["messages"][-1]["call"])
        return {"messages": [{"role": "tool", **result}]}

    def after_tool(state: Conversation) -> str:
        return END if meter.over or len(state["messages"]) >= 2 * job.steps else "model"

    graph: Any = StateGraph(Conversation)  # its own annotations are partly unknown
    graph.add_node("model", model)
    graph.add_node("tool", tool)
    graph.add_edge(START, "model")
    graph.add_edge("model", "tool")
    graph.add_conditional_edges("tool", after_tool, ["model", END])
    return graph.compile(checkpointer=saver)


async def main() -> None:
    """Do the job and print the result."""
    job = job_from_command_line(__doc__)
    world, meter = World(job), Meter(job)
    async with aiosqlite.connect(job.folder / "langgraph.db") as connection:
        saver = AsyncSqliteSaver(connection)
        await saver.setup()
        await connection.execute("PRAGMA journal_mode=WAL")
        await connection.execute("PRAGMA synchronous=FULL")
        pragmas: list[tuple[str, object]] = []
        for name in ("journal_mode", "synchronous"):
            async with connection.execute(f"PRAGMA {name}") as cursor:
                row = await cursor.fetchone()
                pragmas.append((name, row[0] if row else None))
        settings = sqlite_settings(pragmas)
        graph = build(job, world, meter, saver)

        async def one_run(run: str) -> None:
            config: RunnableConfig = {"configurable": {"thread_id": run}, "recursion_limit": 2 * job.steps + 5}
            await graph.ainvoke({"run": run, "messages": []}, config, durability="sync")
            meter.step()

        await meter.drive(one_run)
        await connection.commit()
        await connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    print_result(
        meter.result(
            peer="langgraph",
            version=f"{version('langgraph')}, sqlite saver {version('langgraph-checkpoint-sqlite')}",
            db_bytes=folder_bytes(job.folder),
            settings={**settings, "durability": "sync", "sqlite": sqlite3.sqlite_version, "processes": 1},
        )
    )


if __name__ == "__main__":
    asyncio.run(main())
