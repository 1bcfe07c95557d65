import socket

import pytest
from hypothesis import given, strategies


def test_no_test_reaches_the_network():
    with socket.socket() as client, pytest.raises(OSError, match="tests have no network"):
        client.connect(("192.0.2.1", 80))


def test_loopback_is_refused_without_the_marker():
    refused = pytest.raises(OSError, match="tests have no network")
    with socket.create_server(("127.0.0.1", 0)) as server, socket.socket() as client, refused:
        client.connect_ex(server.getsockname())


@pytest.mark.loopback
def test_loopback_is_open_with_the_marker_and_nothing_else():
    with socket.create_server(("127.0.0.1", 0)) as server, socket.socket() as client:
        client.connect(server.getsockname())
    with socket.socket() as client, pytest.raises(OSError, match="tests have no network"):
        client.connect(("192.0.2.1", 80))


def test_unix_sockets_are_open(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # a Unix address has at most 107 characters
    with socket.socket(socket.AF_UNIX) as server, socket.socket(socket.AF_UNIX) as client:
        server.bind("socket")
        server.listen()
        client.connect("socket")


@given(strategies.integers())
def test_hypothesis_accepts_the_network_fixture(number):
    assert number == int(str(number))
