"""How the serving process stands, for those who ask whether it is well."""

__all__ = ["Serving"]


class Serving:
    """Whether a worker runs here, and nothing asked it to stop."""

    def __init__(self) -> None:
        self.working = False
        self.stopping = False
