"""The built-in `files.*` tools: a run's own folder, in which nothing is ever lost.

Every change of a file keeps what was there before: a version with its digest, size, time and the effect that made it.
The versions are the truth; what stands under `<root>/<run>/files` is a copy for people to look at. A change made there
by hand is not the run's: it is not read, and gives way to the next change of the run.

It is no place for files of the company (those are in its own systems), and no sandbox.
"""

from deputy.adapters.tool.files.folder import Quota
from deputy.adapters.tool.files.host import FilesTools
from deputy.adapters.tool.files.specs import FILES

__all__ = ["FILES", "FilesTools", "Quota"]
