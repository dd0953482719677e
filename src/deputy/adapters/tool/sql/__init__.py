"""Ask databases of the company: read-only by connection, one statement at a time, bounded in rows, bytes and time."""

from deputy.adapters.tool.sql.asking import Source
from deputy.adapters.tool.sql.host import SqlDatabase, SqlTools

__all__ = ["Source", "SqlDatabase", "SqlTools"]
