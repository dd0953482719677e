"""What a workspace's files and the environment say: the only reader of either. It changes nothing.

`load` gives one frozen `Settings`, or raises one ConfigError that says where the first mistake is.
"""

from deputy.app.config.agents import AgentFile, agent_from_bundle, parse_agent, rehearsal_of
from deputy.app.config.bundle import version_of
from deputy.app.config.connections import Connection, McpServer, Server, ToolSettings
from deputy.app.config.document import Document
from deputy.app.config.environment import EnvSecrets, child_environment, is_reference, user_name
from deputy.app.config.load import find_workspace, load
from deputy.app.config.reference import Reference
from deputy.app.config.settings import Deployed, ModelRoute, RateLimits, Settings
from deputy.app.config.template import write_workspace

__all__ = [
    "AgentFile", "Connection", "Deployed", "Document", "EnvSecrets", "McpServer", "ModelRoute", "RateLimits",
    "Reference", "Server", "Settings", "ToolSettings", "agent_from_bundle", "child_environment",
    "find_workspace", "is_reference", "load", "parse_agent", "rehearsal_of", "user_name", "version_of",
    "write_workspace",
]  # fmt: skip
