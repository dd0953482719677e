"""Think about what strangers wrote in another process, of bounded memory and time, that holds nothing of ours.

Parsers hang and swell, and drivers take in whatever a server sends. In a process of its own the worst of it is an
answer that never comes: the process is ended, and nobody else notices.
"""

from deputy.adapters.confined.cells import Cells, Ended, TooLate, TooLong

__all__ = ["Cells", "Ended", "TooLate", "TooLong"]
