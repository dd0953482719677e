"""What is counted, and in which steps durations are counted."""

import math

__all__ = ["HANDLED_MS", "MODEL_MS", "bucket_of", "middle_of", "model_bucket"]

HANDLED_MS = 120_000  #: the most of a person's time that one decision counts for
STEPS = 16  #: of a duration's scale, for each doubling: a step is 4.4 % wide
MODEL_MS = (250, 500, 1_000, 2_000, 5_000, 10_000, 30_000, 60_000, 120_000, 300_000)  #: bounds for monitoring


def bucket_of(ms: int) -> int:
    """The step of the scale that a duration falls into."""
    return 0 if ms < 1 else 1 + int(math.log2(ms) * STEPS)


def middle_of(bucket: int) -> int:
    """The duration in the middle of a step, in milliseconds."""
    return 0 if bucket < 1 else round(2 ** ((bucket - 0.5) / STEPS))


def model_bucket(ms: int) -> int:
    """Which of the bounds for monitoring a model call keeps within; their number where it keeps none."""
    return next((n for n, bound in enumerate(MODEL_MS) if ms <= bound), len(MODEL_MS))
