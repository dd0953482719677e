"""Why a document is not read: one sentence for people, one stable code for programs."""

__all__ = ["Refused"]


class Refused(Exception):
    """This document goes no further. `code` never changes its meaning; `why` is for the clerk."""

    def __init__(self, code: str, why: str) -> None:
        super().__init__(why)
        self.code = code
        self.why = why
