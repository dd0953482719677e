"""A process that sends one letter as a worker would, to be killed: FOLDER IMAP-PORT SMTP-PORT USER."""

import asyncio
import sys
from pathlib import Path
from typing import Any

from tests.adapters.mail.accounts import account, invoke, tools_of

LETTER: dict[str, Any] = {"to": ["lin@partner.example"], "subject": "Order 7", "text": "Dear Lin, please send 7."}


async def main(folder: str, imap: str, smtp: str, user: str) -> None:
    tools = tools_of(account(user, int(imap), int(smtp)), Path(folder))
    print(await invoke(tools, "send", **LETTER), flush=True)  # noqa: T201
    await tools.close()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
