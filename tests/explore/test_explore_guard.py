"""Who is answered: pages of this server alone; nothing foreign is loaded, nothing is executed."""

import socket
import subprocess
import sys

import pytest

from geometric_memory.errors import DataError
from geometric_memory.explore.run_folders import RunFolders
from geometric_memory.explore.server import Explorer


@pytest.fixture
def explorer():
    found = Explorer([], 0)
    yield found
    found.close()


@pytest.fixture
def client(explorer):
    return explorer.app.server.test_client()


def asked(client, explorer, *, host=None, origin=None, method="get", path="/", **more):
    headers = {"Host": host or f"127.0.0.1:{explorer.port}"}
    if origin is not None:
        headers["Origin"] = origin
    return getattr(client, method)(path, headers=headers, **more)


def test_only_its_own_names_are_answered(client, explorer):
    port = explorer.port
    assert asked(client, explorer).status_code == 200
    assert asked(client, explorer, host=f"localhost:{port}").status_code == 200
    for host in ("evil.example", f"evil.example:{port}", "127.0.0.1:1", f"127.0.0.1.evil:{port}"):
        assert asked(client, explorer, host=host).status_code == 403


def test_only_its_own_pages_may_post(client, explorer):
    body = {"path": "/_dash-update-component", "method": "post", "json": {}}
    for origin in (None, "null", "http://evil.example", "http://127.0.0.1:1"):
        assert asked(client, explorer, origin=origin, **body).status_code == 403
    own = asked(client, explorer, origin=f"http://127.0.0.1:{explorer.port}", **body)
    assert own.status_code != 403


def test_who_only_fetches_opens_no_session(client, explorer):
    """Any site can make a browser do that, and open tabs would have to give way."""
    open_tab = explorer.sessions.open()
    for path in ("/", "/_dash-layout", "/_dash-dependencies", "/_dash-update-component") * 12:
        asked(client, explorer, path=path)
    assert explorer.sessions.find(open_tab) is not None
    assert "session" in asked(client, explorer, path="/_dash-layout").text
    assert len(explorer.sessions) == 1


def test_a_page_of_its_own_opens_one(client, explorer):
    filled = ("session.data", "run.options", "picker-title.children", "no-runs.hidden",
              "open.disabled")  # fmt: skip
    outputs = [dict(zip(("id", "property"), name.split("."), strict=True)) for name in filled]
    body = {
        "output": f"..{'...'.join(filled)}..", "outputs": outputs,
        "inputs": [{"id": "remembered", "property": "data"}], "changedPropIds": [],
    }  # fmt: skip
    answer = asked(client, explorer, origin=f"http://127.0.0.1:{explorer.port}", method="post",
                   path="/_dash-update-component", json=body)  # fmt: skip
    name = answer.json["response"]["session"]["data"]
    assert explorer.sessions.find(name) is not None
    assert len(explorer.sessions) == 1


def test_news_are_for_its_own_pages_and_of_their_shape(client, explorer):
    own = f"http://127.0.0.1:{explorer.port}"
    asked_for = {"session": None, "theme": "", "curves": True, "shown": ["", 0], "pinned": ["", 0]}
    body = {"path": "/news", "method": "post"}
    assert asked(client, explorer, json=asked_for, **body).status_code == 403
    assert asked(client, explorer, origin=own, data=b"[1", **body).status_code == 400
    assert asked(client, explorer, origin=own, json={"session": 3}, **body).status_code == 400
    found = asked(client, explorer, origin=own, json=asked_for, **body).json
    assert "reload the page" in found["status"]
    assert len(explorer.sessions) == 0


def test_pages_may_load_nothing_foreign(client, explorer):
    policy = asked(client, explorer).headers["Content-Security-Policy"]
    rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
    assert rules["default-src"] == "'self'"
    assert "unsafe" not in rules["script-src"] and "http" not in rules["script-src"]
    page = asked(client, explorer).text
    assert not [part for part in page.split('src="')[1:] if not part.startswith("/")]


def test_too_large_a_request_is_refused(client, explorer):
    answer = asked(client, explorer, origin=f"http://127.0.0.1:{explorer.port}", method="post",
                   path="/_dash-update-component", data=b"x" * 2**21,
                   content_type="application/json")  # fmt: skip
    assert answer.status_code == 413


def test_it_listens_on_this_machine_alone_and_takes_a_free_port():
    first = Explorer([], 0)
    second = Explorer([], first.port)
    try:
        assert second.port != first.port
        for explorer in (first, second):
            assert explorer.address == f"http://127.0.0.1:{explorer.port}/"
            assert explorer._server.socket.getsockname()[0] == "127.0.0.1"
    finally:
        first.close()
        second.close()


@pytest.mark.parametrize("key", ["", "../../etc", "/etc/passwd", "0", "a" * 1000])
def test_keys_are_no_paths(tmp_path, key):
    with pytest.raises(DataError):
        RunFolders([tmp_path]).open(key)


@pytest.mark.slow
@pytest.mark.loopback
def test_the_command_says_where_it_is_and_ends_on_interruption(tmp_path):
    command = [sys.executable, "-c", "import sys; from geometric_memory.cli.main import main; "
               "sys.exit(main(['explore', '--port', '0']))"]  # fmt: skip
    process = subprocess.Popen(
        command, cwd=tmp_path, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    try:
        line = process.stdout.readline()
        port = int(line.split("127.0.0.1:")[1].split("/")[0])
        with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
            connection.sendall(f"GET / HTTP/1.0\r\nHost: 127.0.0.1:{port}\r\n\r\n".encode())
            assert connection.recv(20).startswith(b"HTTP/1.1 200")
        process.send_signal(2)
        _, errors = process.communicate(timeout=90)
    finally:
        process.kill()
    assert (process.returncode, errors) == (0, "the explorer has ended\n")
    assert list(tmp_path.iterdir()) == []
