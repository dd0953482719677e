"""What a stream can be other than a reply."""

from collections.abc import Mapping

from deputy.base.errors import DeputyError

__all__ = ["CutStream", "ErrorChunk", "ReplyTooLarge", "WireError"]


class WireError(DeputyError):
    """What the server sent is not a reply."""

    code = "model_bad_response"


class ReplyTooLarge(WireError):
    """The server sent more than any reply may be."""

    code = "model_reply_too_large"


class CutStream(WireError):
    """The stream ended before the server said that the reply was finished."""

    code = "model_cut"


class ErrorChunk(WireError):
    """The server broke off its reply with an error; `body` is what it said."""

    def __init__(self, body: Mapping[str, object]) -> None:
        super().__init__("The server broke off its reply with an error.")
        self.body = body
