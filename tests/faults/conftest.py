"""Real processes on demand."""

import pytest
from trials import Workshop


@pytest.fixture(scope="session")
def workshop(tmp_path_factory):
    found = Workshop(tmp_path_factory.mktemp("workshop"))
    yield found
    found.close()
