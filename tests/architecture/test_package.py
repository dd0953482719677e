"""What a wheel and a source distribution carry: with them, nobody needs Node."""

import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

from deputy.web.console import built

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def packed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with both, of this tree."""
    if not built():
        pytest.skip("The console is not built: run `make console`.")
    folder = tmp_path_factory.mktemp("packed")
    command = [sys.executable, "-m", "hatchling", "build", "-d", str(folder)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return folder


def test_a_wheel_carries_the_console_and_the_example(packed: Path):
    (wheel,) = packed.glob("*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    assert "deputy/web/static/index.html" in names
    assert any(name.startswith("deputy/web/static/assets/") and name.endswith(".js.gz") for name in names)
    assert "deputy/examples/acme/deputy.toml" in names
    assert not [name for name in names if "node_modules" in name or name.endswith((".map", ".pyc"))]


def test_a_source_distribution_carries_the_console_built_and_as_source(packed: Path):
    (source,) = packed.glob("*.tar.gz")
    with tarfile.open(source) as archive:
        names = [name.partition("/")[2] for name in archive.getnames()]
    for wanted in (
        "src/deputy/web/static/index.html", "console/src/main.tsx", "console/package-lock.json", "hatch_build.py",
        "docs/reference/openapi.json",
    ):  # fmt: skip
        assert wanted in names, wanted
    assert not [name for name in names if "node_modules" in name or name.startswith("docs/adr")]
