"""The record of a workspace in an auditor's hands: whether it is what was written, and all of it in one file.

It reads, and never writes to the workspace. What it cannot know is said where it is checked.
"""

from deputy.app.audit.export import export
from deputy.app.audit.exported import verify_export
from deputy.app.audit.report import Code, Finding, Place, Report
from deputy.app.audit.verify import verify
from deputy.ports.store import Anchor

__all__ = ["Anchor", "Code", "Finding", "Place", "Report", "export", "verify", "verify_export"]
