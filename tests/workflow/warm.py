"""Python that has its imports behind it: a server per test process, which forks for each command it is asked for.

A run of the workflow starts an interpreter for Snakemake and one for each job; most of a tiny job's time is the import
of torch. `warm_interpreter` makes a program that takes Python's arguments and behaves like Python. It asks a server
that has imported what jobs and Snakemake import of others' libraries; of Lacuna nothing, since each tree has its own.
"""

import atexit
import contextlib
import gc
import importlib
import json
import os
import runpy
import selectors
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any

IMPORTED = (
    "torch",
    "pandas",
    "pyarrow.dataset",
    "pyarrow.pandas_compat",
    "pyarrow.parquet",
    "safetensors.torch",
    "jsonschema",
    "statsmodels.stats.contingency_tables",
    "statsmodels.stats.multitest",
    "statsmodels.stats.weightstats",
    "matplotlib.backends.backend_svg",
    "seaborn",
    "smart_open",
    "yte",
    "jsonschema_rs",
    "pulp",
    "nbformat",
    "snakemake.cli",
    "snakemake.script",
    "dvc.repo",
)
PROGRAM = """#!{python} -ISs
import json, os, signal, socket, sys

def forward(number, frame):
    os.kill(int(child), number)

first = next((i for i, word in enumerate(sys.argv[1:], 1) if word in ("-c", "-m") or word[0] != "-"), None)
if first != 1:  # options of the interpreter itself
    os.execv({python!r}, [{python!r}, *sys.argv[1:]])
server = socket.socket(socket.AF_UNIX)
server.connect({address!r})
asked = json.dumps([sys.argv[0], sys.argv[1:], os.getcwd(), dict(os.environ)]).encode("utf-8", "surrogateescape")
socket.send_fds(server, [len(asked).to_bytes(8, "big")], [0, 1, 2])
server.sendall(asked)
answers = server.makefile()
child = answers.readline()
for number in (signal.SIGINT, signal.SIGTERM):
    signal.signal(number, forward)
sys.exit(int(answers.readline() or 1))
"""


@contextlib.contextmanager
def warm_interpreter(folder: Path) -> Iterator[Path]:
    """The program, while the context lasts; its server ends with it, or with this process."""
    address, program = folder / "socket", folder / "python"
    program.write_text(PROGRAM.format(python=sys.executable, address=str(address)))
    program.chmod(0o755)
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    command = [sys.executable, __file__, str(address)]
    server = subprocess.Popen(command, env=environment, stdin=subprocess.PIPE, start_new_session=True)
    try:
        while not address.exists():
            assert server.poll() is None
            time.sleep(0.01)
        yield program
    finally:
        server.communicate()


class Server:
    """Forks for each connection, and tells it the child's number and, at the end, its exit status."""

    def __init__(self, address: str) -> None:
        self.selector = selectors.DefaultSelector()
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(f"{address}.new")
        self.listener.listen(64)
        self.selector.register(sys.stdin, selectors.EVENT_READ, self.end)
        self.selector.register(self.listener, selectors.EVENT_READ, self.accept)
        os.rename(f"{address}.new", address)

    def run(self) -> None:
        while True:
            for key, _ in self.selector.select():
                key.data()

    def end(self) -> None:
        """Whoever started the server is gone."""
        os._exit(0)

    def accept(self) -> None:
        connection, _ = self.listener.accept()
        length, streams, _, _ = socket.recv_fds(connection, 8, 3)
        asked = connection.recv(int.from_bytes(length, "big"), socket.MSG_WAITALL)
        child = os.fork()
        if not child:
            become(*json.loads(asked), streams)
        for stream in streams:
            os.close(stream)
        connection.sendall(f"{child}\n".encode())
        process = os.pidfd_open(child)

        def ended() -> None:
            _, status = os.waitpid(child, 0)
            self.selector.unregister(process)
            self.selector.unregister(connection)
            os.close(process)
            with contextlib.suppress(OSError):
                code = os.waitstatus_to_exitcode(status)
                connection.sendall(f"{code if code >= 0 else 128 - code}\n".encode())
            connection.close()

        def left() -> None:
            """Whoever asked is gone, so its command ends as it did."""
            os.kill(child, signal.SIGKILL)

        self.selector.register(process, selectors.EVENT_READ, ended)
        self.selector.register(connection, selectors.EVENT_READ, left)


def become(program: str, arguments: list[str], folder: str, environment: dict[str, str], streams: list[int]) -> None:
    """Runs Python's arguments in this process, as a fresh interpreter would, and ends it."""
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    tempfile.tempdir = None  # which the server has found with its own variables
    sys.executable = program
    sys.pycache_prefix = environment.get("PYTHONPYCACHEPREFIX")
    sys.dont_write_bytecode = bool(environment.get("PYTHONDONTWRITEBYTECODE"))
    sys.path[:0] = filter(None, environment.get("PYTHONPATH", "").split(os.pathsep))
    status = 1
    try:
        execute(*arguments)
        status = 0
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else int(end.code is not None)
        if isinstance(end.code, str):
            print(end.code, file=sys.stderr)
    except KeyboardInterrupt:
        status = 128 + signal.SIGINT
    except BaseException:
        traceback.print_exc()
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    with contextlib.suppress(OSError):
        sys.stdout.flush()
    os._exit(status)


def execute(first: str, *others: str) -> Any:
    """`-m module ...`, `-c code ...` or `file ...`."""
    if first == "-m":
        sys.argv = ["-m", *others[1:]]
        sys.path.insert(0, os.getcwd())
        runpy.run_module(others[0], run_name="__main__", alter_sys=True)
    elif first == "-c":
        sys.argv = ["-c", *others[1:]]
        sys.path.insert(0, "")
        exec(others[0], {"__name__": "__main__"})
    else:
        sys.argv = [first, *others]
        sys.path.insert(0, str(Path(first).parent.resolve()))
        runpy.run_path(first, run_name="__main__")


if __name__ == "__main__":
    sys.path.pop(0)
    for name in IMPORTED:
        importlib.import_module(name)
    sys.modules["snakemake.cli"].get_argument_parser()  # finds Snakemake's plugins, by a look into all of site-packages
    gc.collect()
    gc.freeze()
    Server(sys.argv[1]).run()
