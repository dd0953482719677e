import pytest

pytest.register_assert_rewrite("deputy.testing.conformance")
