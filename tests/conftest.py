"""What every test gets: one thread, no network, hypothesis without a clock, golden folders."""

import errno
import os
import socket
from pathlib import Path

import pytest
from hypothesis import settings

# Before torch or a BLAS is loaded, here and in every process that a test starts. Tiny models gain
# nothing from a second thread, and lose much where cores are shared.
for library in ("OMP", "MKL", "OPENBLAS"):
    os.environ.setdefault(f"{library}_NUM_THREADS", "1")

# Shared cores make single examples slow now and then; that is no failure.
settings.register_profile("house", deadline=None)
settings.load_profile("house")

# The fixture `browser`.
pytest_plugins = ("pages",)

REPOSITORY = Path(__file__).resolve().parents[1]


def pytest_addoption(parser):
    parser.addoption(
        "--golden",
        type=Path,
        help="folder of golden numbers to check instead of ../shared/golden",
    )


def pytest_collection_modifyitems(items):
    marked = [item for item in items if item.get_closest_marker("gpu")]
    if not marked:
        return
    import torch

    if not torch.cuda.is_available():
        for item in marked:
            item.add_marker(pytest.mark.skip(reason="no CUDA device"))


@pytest.fixture(autouse=True)
def no_network(request):
    """Refuse every connection, as an unplugged machine does, except to Unix sockets.

    The marker `loopback` allows connections to this machine. Child processes are not covered.
    """
    loopback = request.node.get_closest_marker("loopback") is not None

    def guarded(connect):
        def guard(self, address):
            local = self.family == getattr(socket, "AF_UNIX", None)
            if local or (loopback and address[0] in ("127.0.0.1", "::1", "localhost")):
                return connect(self, address)
            raise OSError(errno.ENETUNREACH, f"tests have no network: {address}")

        return guard

    with pytest.MonkeyPatch.context() as patch:
        for name in ("connect", "connect_ex"):
            patch.setattr(socket.socket, name, guarded(getattr(socket.socket, name)))
        yield


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder `shared` beside the repository; a test that needs it is skipped without it."""
    folder = REPOSITORY.parent / "shared"
    if not folder.is_dir():
        pytest.skip("no folder ../shared")
    return folder


@pytest.fixture(scope="session")
def golden(request) -> Path:
    """The folder named by --golden (which must exist), else ../shared/golden, else a skip."""
    named = request.config.getoption("--golden")
    if named is None:
        return request.getfixturevalue("shared") / "golden"
    if not named.is_dir():
        pytest.fail(f"--golden {named}: no such folder")
    return named
