"""Interrupted pulls, files of one's own, several scales, datasets and tables in one remote; remotes on S3 and SSH."""

import hashlib
import json
import os
import pwd
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pandas as pd
import pytest
import yaml
from clones import CELLS, CHECKPOINT, DATA, OUTCOME, RENDERED, Clone, begin, cloned, named
from conftest import copy

from lacuna.files.artefacts import Record, read_record, sha256, text_digest, write_text
from lacuna.files.records import record_text

pytestmark = pytest.mark.workflow


def test_an_interrupted_pull_goes_on(world: Path, tmp_path: Path, published: Clone) -> None:
    remote = Path(shutil.copytree(world / "remote", tmp_path / "remote"))
    published.configure("config/papers/defective.yaml", lambda content: content["figures"].clear())
    published.must("dvc", "remote", "modify", "--local", "storage", "url", str(remote))
    lost = max((path for path in remote.rglob("*") if path.is_file()), key=lambda path: path.stat().st_size)
    lost.rename(tmp_path / "lost")
    cache = published / ".dvc/cache/files/md5"
    pull = [sys.executable, "-m", "lacuna.versioning", "pull"]
    process = subprocess.Popen(
        ["dvc", "pull", "-q"], cwd=published.root, env=published.variables(), stderr=subprocess.DEVNULL
    )
    while process.poll() is None and not list(cache.glob("*/*")):
        time.sleep(0.001)
    process.kill()
    process.wait()
    half = published.do(*pull)
    assert half.returncode == 1
    gone = f"{DATA}/train/vgg19-bottom0.5-standard-s1m1.safetensors"
    assert named(half.stderr.splitlines(), "missing: ") == [gone]
    assert published.known() >= {OUTCOME, CELLS}
    assert gone not in published.known()
    (tmp_path / "lost").rename(lost)
    said = published.must(*pull)
    assert "44 tracked files, 1 file fetched and 1 file added" in said
    assert published.planned("tables/table3.csv") == {}


def test_a_file_of_ones_own_is_kept_named_and_does_not_hold_up_the_rest(published: Clone) -> None:
    own = published / CHECKPOINT
    own.parent.mkdir(parents=True, exist_ok=True)
    own.write_text("a training of my own")
    said = published.complains("pull", "TABLE=table3")
    assert any(line.startswith(f"kept: {CHECKPOINT} differs from the tracked version") for line in said)
    assert any(line.startswith(f"disagrees: {CHECKPOINT} ") for line in said)
    assert own.read_text() == "a training of my own"
    assert (published / CELLS).exists()


def test_without_anything_tracked_or_without_a_remote_one_sentence_says_so(published: Clone) -> None:
    nothing = "error: scale paper: nothing is tracked, there are no .dvc files; "
    elsewhere = "Snakemake makes the files here, or `make take FROM=` takes them from another folder of results"
    assert f"{nothing}so nothing is published; {elsewhere}" in published.complains("pull", "SCALE=paper")
    assert f"{nothing}`make track` writes them" in published.complains("push", "SCALE=paper")
    assert "error: table 'table33' is in none of config/papers/*.yaml; allowed: table3" in (
        published.complains("pull", "TABLE=table33")
    )
    published.must("dvc", "remote", "remove", "storage")
    said = published.complains("push")
    assert any("no remote specified" in line for line in said)
    known = "no remote is known; add the publisher's with `dvc remote add -d storage`"
    assert f"error: {known}; or {elsewhere}" in published.complains("pull")


# Scales, datasets, tables ----------------------------------------------------------------------------------


def second_scale(tree: Clone) -> None:
    """A scale and a dataset more, with the first one's artefacts under their names: the same bytes, other records."""
    tree.configure("config/datasets.yaml", lambda c: c.update(second=c["fashion-mnist-subset"] | {"title": "Second"}))
    shutil.copy(tree / "config/scales/demo.yaml", tree / "config/scales/other.yaml")

    def scale(content: Any) -> None:
        content["datasets"]["cifar10"] = "second"
        content["recipes"]["second"] = content["recipes"]["fashion-mnist-subset"]

    tree.configure("config/scales/other.yaml", scale)
    for artefact in tree.plan("other").values():
        source = artefact.path.replace("results/other/second", DATA)
        text = (tree / f"{source}.prov.json").read_text().replace(DATA, "results/other/second")
        record = json.loads(text)
        record["stable"] |= {"settings": json.loads(artefact.settings)}
        record["stable"]["settings_digest"] = text_digest(artefact.settings)
        held = {name: read_record(tree / name).digest for name in record["stable"]["records"]}
        record["stable"]["records"] = held
        (tree / artefact.path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(tree / source, tree / artefact.path)
        (tree / f"{artefact.path}.prov.json").write_text(record_text(record["stable"], record["volatile"]))


def test_two_scales_and_datasets_share_a_remote_and_each_table_is_pulled_alone(
    finished_root: Path, tmp_path: Path
) -> None:
    a = begin(finished_root, tmp_path / "A", str(tmp_path / "remote"))

    def one_row(content: Any) -> None:
        table = content["tables"]["table3"]
        content["figures"] = {}  # not needed here, and slow to draw
        content["tables"]["short"] = table | {"rows": table["rows"][:1]}

    a.configure("config/papers/defective.yaml", one_row)
    assert a.planned("tables/short.csv") == {"cells": 1, **RENDERED}, "the outcomes are those of Table 3"
    a.run("tables/short.csv")
    second_scale(a)
    said = a.made("track")
    assert "scale demo: 23 artefacts, " in said
    assert "scale other: 23 artefacts, " in said
    a.commit()
    a.made("push")

    b = cloned(a.root, tmp_path / "B")
    b.made("pull", "TABLE=short")
    files = {name for name in b.files("results") if name.suffix != ".dvc" and name.parts[1] != "code"}
    files = {name for name in files if len(name.parts) > 3 and name.parts[2] != "published"}
    trained = {name.name for name in files if name.parts[3] == "train" and name.suffix == ".safetensors"}
    assert trained == {
        f"{name}.safetensors" for name in ("resnet18-standard-s0", "vgg19-standard-s0", "resnet18-standard-s1")
    }
    assert {name.parts[1] for name in files} == {"demo"}
    assert b.planned("tables/short.csv") == {}
    assert not (b / "tables/table3.csv").exists()

    b.made("pull", "TABLE=table3", "SCALE=other")
    assert (b / "results/other/second/train/vgg19-standard-s1.safetensors").exists()
    assert not (b / CHECKPOINT).exists()
    assert b.planned("tables/table3.csv", "--config", "scale=other") == {}
    assert "scale other" in b.made("verify", "SCALE=other", "TABLE=table3")


def only_own(content: Any) -> None:
    """Leaves of the tables one number: the clean accuracy of a network that the user brings."""
    table = content["tables"]["table3"]
    table |= {"rows": [{"row": "own", "model": "own-net"}], "columns": table["columns"][-1:]}
    content["networks"] = {"own-net": {"factory": "torchvision.models:alexnet", "checkpoint": "net.pth"}}
    content["figures"] = {}


def test_a_network_of_ones_own_is_published_without_its_original_weights(
    small_root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Files of any content with true provenance stand for what a run would make."""
    a = begin(small_root, tmp_path / "A", str(tmp_path / "remote"))
    a.configure("config/papers/defective.yaml", only_own)
    a.commit()
    monkeypatch.chdir(a.root)
    Path("net.pth").write_text("weights")
    for artefact in a.plan("demo").values():
        if artefact.stage != "cells":
            write_text(artefact.path, artefact.path)
            Record(artefact.stage, artefact.settings, list(artefact.inputs)).write(artefact.path)
    a.made("track")
    a.git("add", "results")
    a.git("commit", "-qm", "c")
    a.made("push")
    b = cloned(a.root, tmp_path / "B")
    assert "Snakemake takes 4 artefacts as made; rendered: nothing" in b.made("pull")
    assert b.planned(f"{DATA}/cells/table3.csv") == {"cells": 1}


# Remotes ---------------------------------------------------------------------------------------------------


@pytest.fixture
def s3(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Client of an S3 server on this machine with an empty bucket `lacuna`."""
    pytest.importorskip("moto.server", reason="moto[server] is not installed: no local S3 to try")
    import boto3
    from moto.server import ThreadedMotoServer

    for name, value in {"ACCESS_KEY_ID": "k", "SECRET_ACCESS_KEY": "s", "DEFAULT_REGION": "us-east-1"}.items():
        monkeypatch.setenv(f"AWS_{name}", value)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    server.start()
    host, port = server.get_host_and_port()
    client = boto3.client("s3", endpoint_url=f"http://{host}:{port}")
    client.create_bucket(Bucket="lacuna")
    yield client
    server.stop()


def numbers(clone: Clone) -> dict[str, bytes]:
    """All files of the dataset but renderings, which say whether the numbers were pulled."""
    return {name: one for name, one in clone.contents(DATA).items() if name.split("/")[3] not in ("table", "figure")}


def test_an_s3_remote_gives_back_what_was_pushed_and_a_damaged_object_is_named(
    world: Path, tmp_path: Path, published: Clone, s3: Any
) -> None:
    a = Clone(copy(world / "A", tmp_path / "A").root)
    for clone in (a, published):
        clone.must("dvc", "remote", "modify", "--local", "storage", "url", "s3://lacuna/store")
        clone.must("dvc", "remote", "modify", "--local", "storage", "endpointurl", s3.meta.endpoint_url)
    assert f"{a.objects()} files pushed" in a.made("push")
    md5 = yaml.safe_load((a / f"{CELLS}.dvc").read_text())["outs"][0]["md5"]
    place = {"Bucket": "lacuna", "Key": f"store/files/md5/{md5[:2]}/{md5[2:]}"}
    content = s3.get_object(**place)["Body"].read()
    s3.put_object(**place, Body=content.replace(b",", b";", 1))

    said = published.complains("pull")
    assert named(said) == [CELLS]
    assert "Snakemake takes 21 artefacts as made; rendered: nothing" in said

    s3.put_object(**place, Body=content)
    shutil.rmtree(published / ".dvc/cache")
    (published / CELLS).unlink()
    published.made("pull")
    assert numbers(published) == numbers(a)
    assert published.planned("tables/table3.csv") == {}


@pytest.fixture
def http(world: Path, tmp_path: Path) -> Iterator[tuple[Path, str]]:
    """A copy of the remote, and where a server on this machine gives it to read."""
    folder = Path(shutil.copytree(world / "remote", tmp_path / "served"))
    handler = partial(SimpleHTTPRequestHandler, directory=str(folder))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield folder, f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_a_remote_that_forges_outcomes_their_record_and_cells_is_found_out(
    world: Path, tmp_path: Path, published: Clone, http: tuple[Path, str]
) -> None:
    """In themselves the forged files agree; they are not those of which git holds the digests."""
    folder, url = http
    a = Clone(copy(world / "A", tmp_path / "A").root)
    before = {name: (a / name).read_bytes() for name in a.tracked()}
    table = a / OUTCOME
    frame = pd.read_parquet(table)
    pd.concat([frame.assign(adversarial=frame["label"], clean=frame["label"])]).to_parquet(table, index=False)
    record = json.loads((a / f"{OUTCOME}.prov.json").read_text())
    record["stable"]["sha256"] = sha256(table)
    (a / f"{OUTCOME}.prov.json").write_text(record_text(record["stable"], record["volatile"]))
    a.run("--forcerun", "cells", "--", "tables/table3.csv")
    forged = {name for name in a.tracked() if (a / name).read_bytes() != before[name]}
    assert forged == {OUTCOME, f"{OUTCOME}.prov.json", CELLS, f"{CELLS}.prov.json"}
    for name in forged:
        md5 = hashlib.md5(before[name]).hexdigest()
        (folder / "files/md5" / md5[:2] / md5[2:]).write_bytes((a / name).read_bytes())

    published.must("dvc", "remote", "modify", "--local", "storage", "url", url)
    said = published.complains("pull")
    assert set(named(said)) == {OUTCOME, CELLS}
    assert all("is not the version that git holds" in line for line in said if line.startswith("disagrees: "))
    assert "  4 damaged objects were removed from DVC's cache" in said
    assert "Snakemake takes 20 artefacts as made; rendered: nothing" in said
    assert set(named(published.complains("verify"))) == {OUTCOME, CELLS}
    status, audit = published.call("--cores", "1", "audit")
    assert status == 1
    assert "0 tampered, 2 replaced, 0 stale, 0 missing" in audit
    for name in forged:
        (published / name).unlink()
        md5 = hashlib.md5(before[name]).hexdigest()
        (folder / "files/md5" / md5[:2] / md5[2:]).write_bytes(before[name])
    published.made("pull")
    assert published.contents(DATA) == {**published.contents(DATA), **before}


SSHD = shutil.which("sshd", path=f"{os.environ['PATH']}:/usr/sbin")  # started by its whole path, as it asks
SSHD_CONFIG = """
ListenAddress 127.0.0.1
Port {port}
HostKey {folder}/host
AuthorizedKeysFile {folder}/key.pub
AuthenticationMethods publickey
StrictModes no
UsePAM no
PidFile none
Subsystem sftp internal-sftp
"""
SSH_CONFIG = """
Host lacuna-server
  HostName 127.0.0.1
  Port {port}
  User {user}
  IdentityFile {folder}/key
"""


def answers(port: int) -> bool:
    """Whether something on this machine listens at a port."""
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    return False


@pytest.fixture
def ssh_home(tmp_path: Path) -> Iterator[Path]:
    """A home directory whose .ssh/config knows `lacuna-server`: a server on this machine with keys of its own."""
    if SSHD is None or not shutil.which("ssh-keygen"):
        pytest.skip("needs the Debian packages openssh-server and openssh-client")
    if os.getuid() == 0:
        Path("/run/sshd").mkdir(exist_ok=True)  # the server's user root insists on it; services make it at boot
    folder = tmp_path / "sshd"
    (folder / "home/.ssh").mkdir(parents=True, mode=0o700)
    for name in ("host", "key"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", folder / name], check=True)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        known = {"folder": folder, "port": free.getsockname()[1], "user": pwd.getpwuid(os.getuid()).pw_name}
    (folder / "sshd_config").write_text(SSHD_CONFIG.format(**known))
    (folder / "home/.ssh/config").write_text(SSH_CONFIG.format(**known))
    with (folder / "log").open("w") as log:
        server = subprocess.Popen([SSHD, "-D", "-e", "-f", folder / "sshd_config"], stderr=log)
    try:
        deadline = time.monotonic() + 60
        while not answers(known["port"]):
            assert server.poll() is None, (folder / "log").read_text()
            assert time.monotonic() < deadline
            time.sleep(0.05)
        yield folder / "home"
    finally:
        server.terminate()
        server.wait()


def test_an_ssh_remote_gives_back_what_was_pushed_and_a_damaged_file_is_named(
    world: Path, tmp_path: Path, published: Clone, ssh_home: Path
) -> None:
    """Host, port, user and key come from ~/.ssh/config alone."""
    a = Clone(copy(world / "A", tmp_path / "A").root)
    for clone in (a, published):
        clone.environment["HOME"], clone.fresh = str(ssh_home), True  # DVC's libraries look there when imported
        clone.must("dvc", "remote", "modify", "--local", "storage", "url", f"ssh://lacuna-server{tmp_path}/store")
    assert f"{a.objects()} files pushed" in a.made("push")
    md5 = yaml.safe_load((a / f"{CELLS}.dvc").read_text())["outs"][0]["md5"]
    stored = tmp_path / f"store/files/md5/{md5[:2]}/{md5[2:]}"
    content = stored.read_bytes()
    assert content == (a / CELLS).read_bytes()
    stored.write_bytes(content.replace(b",", b";", 1))
    assert named(published.complains("pull")) == [CELLS]

    stored.write_bytes(content)
    shutil.rmtree(published / ".dvc/cache")
    (published / CELLS).unlink()
    published.made("pull")
    assert numbers(published) == numbers(a)
    assert published.planned("tables/table3.csv") == {}
