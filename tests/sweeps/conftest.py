"""What tests of sweeps are given."""

import pytest

from geometric_memory.sweeps.folder import SweepFolder


@pytest.fixture
def folder(tmp_path, monkeypatch) -> SweepFolder:
    """A sweep in the working folder, without a plan."""
    monkeypatch.chdir(tmp_path)
    return SweepFolder(tmp_path / "sweep")
