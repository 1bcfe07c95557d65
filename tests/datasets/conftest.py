"""Short ways to a configuration and to a data set on disk."""

import pytest

from geometric_memory.config import DatasetConfig, DatasetSettings, GraphSettings
from geometric_memory.datasets.writer import build_dataset

DATASET_SETTINGS = DatasetSettings.__dataclass_fields__


@pytest.fixture
def configure(tmp_path):
    """Return a function from settings to a configuration that lives in `tmp_path`."""

    def configured(**settings):
        dataset = {name: settings.pop(name) for name in list(settings) if name in DATASET_SETTINGS}
        dataset.setdefault("dataset_root", str(tmp_path))
        return DatasetConfig(
            graph=GraphSettings(**settings), dataset=DatasetSettings(**dataset)
        )  # fmt: skip

    return configured


@pytest.fixture
def build(configure):
    """Return a function that builds a data set and returns (configuration, files)."""

    def built(*, overwrite=False, **settings):
        config = configure(**settings)
        return config, build_dataset(config, overwrite=overwrite)

    return built
