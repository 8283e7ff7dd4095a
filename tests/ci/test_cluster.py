"""Cluster: a real scheduler with TLS, and workers that are killed."""

from __future__ import annotations

import datetime
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import ExitStack, contextmanager
from ipaddress import ip_address
from typing import TYPE_CHECKING

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from distributed import Client

from ci.errors import ToolError
from ci.scheduler import Address, Tls
from ci.scheduler.carry import names_for, wanted_for
from ci.scheduler.cluster import Cluster, security_of
from tests.ci.slow_tree import slow_project
from tests.ci.test_scheduler import expect_nothing_left

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.ci.slow_tree import Slow

pytestmark = [
    pytest.mark.thorough,
    # Tornado and Dask leave sockets to the collector when the other side was killed.
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]
SECONDS = 180


def write_authority(folder: Path) -> Tls:
    """Write an authority, and a certificate of it, into *folder*."""
    root, own = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    issuer = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "ci test authority")])
    pem = serialization.Encoding.PEM
    for name, subject, key in (("ca", issuer, root), ("own", None, own)):
        now = datetime.datetime.now(datetime.UTC)
        made = (
            x509.CertificateBuilder()
            .subject_name(subject or x509.Name([]))
            .issuer_name(issuer)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(days=1))
            .not_valid_after(now + datetime.timedelta(days=1))
            .add_extension(
                x509.BasicConstraints(ca=subject is not None, path_length=None), critical=True
            )
            .add_extension(
                x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]),
                critical=True,
            )
            .sign(root, hashes.SHA256())
        )
        (folder / f"{name}.pem").write_bytes(made.public_bytes(pem))
    plain = serialization.NoEncryption()
    (folder / "own.key").write_bytes(
        own.private_bytes(pem, serialization.PrivateFormat.PKCS8, plain)
    )
    return Tls(ca=folder / "ca.pem", cert=folder / "own.pem", key=folder / "own.key")


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
    return port


@contextmanager
def running(*arguments: str) -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen([sys.executable, "-m", *arguments]) as process:
        try:
            yield process
        finally:
            process.terminate()


@pytest.fixture(scope="module")
def slow() -> Iterator[Slow]:
    with slow_project(2.0) as project:
        yield project


@contextmanager
def scheduling(files: Tls) -> Iterator[tuple[Address, subprocess.Popen[bytes]]]:
    said = f"tls://127.0.0.1:{free_port()}"
    scheduler = (
        *("distributed.cli.dask_scheduler", "--protocol", "tls", "--host", said),
        *("--no-dashboard", "--tls-ca-file", str(files.ca)),
        *("--tls-cert", str(files.cert), "--tls-key", str(files.key)),
    )
    with running(*scheduler) as process:
        yield Address.parse(said, tls=files), process


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Address]:
    with scheduling(write_authority(tmp_path_factory.mktemp("tls"))) as (found, _):
        yield found


def tls(address: Address) -> list[str]:
    """Return the options of who has a certificate."""
    found = address.tls
    assert found is not None
    ours = ("--tls-cert", str(found.cert), "--tls-key", str(found.key))
    return ["--tls-ca", str(found.ca), *ours]


@contextmanager
def working(
    slow: Slow, address: Address, *, datasets: str = ""
) -> Iterator[subprocess.Popen[bytes]]:
    state = ("--state", str(slow.state.folder))
    folder = ("--datasets", str(slow.datasets / datasets))
    with running(
        "ci", "worker", "--scheduler", address.url, *folder, *tls(address), *state
    ) as worker:
        yield worker


def client(address: Address) -> Client:
    """Return what anybody with a certificate can have."""
    found: Client = Client(  # type: ignore[no-untyped-call]
        address.url, security=security_of(address), set_as_default=False
    )
    return found


def wait_for_datasets(cluster: Cluster, *names: str) -> None:
    give_up = time.monotonic() + SECONDS
    while cluster.datasets("slow") != names:
        assert time.monotonic() < give_up, cluster.datasets("slow")
        time.sleep(0.1)


@pytest.mark.parametrize(
    ("project", "names", "waits"),
    [
        ("shop", ("large", "small"), "ci.dataset/shop/small"),
        ("cloud", ("large",), "ci.dataset//small"),
        (None, ("large", "small"), "ci.dataset/shop/small"),
    ],
)
def test_workers_have_datasets_of_a_project_or_of_any(
    project: str | None, names: tuple[str, ...], waits: str
) -> None:
    announced = ["ci.dataset/shop/small", "ci.dataset//large", "memory"]
    assert names_for(project, announced) == names
    assert wanted_for(project, "small", announced) == waits
    assert wanted_for(project, "large", announced) == "ci.dataset//large"


@pytest.mark.slow
def test_a_worker_that_is_killed_loses_nothing(slow: Slow, address: Address) -> None:
    with ExitStack() as stack:
        first = stack.enter_context(working(slow, address))
        cluster = stack.enter_context(Cluster(address))
        wait_for_datasets(cluster, "a", "b")
        answers = cluster.answers([slow.order("r1", "a")])
        future = cluster._sent(slow.order("r0", "b"))
        slow.wait_for("sync")
        assert any("postgres" in each for each in slow.left())
        os.kill(first.pid, signal.SIGKILL)
        slow.wait_for("ci.scheduler.job", gone=True)
        assert slow.folders_left() == []

        stack.enter_context(working(slow, address))
        assert b'"run":"r0"' in future.result(timeout=SECONDS)
        ((order, answer),) = answers
        assert answer.found().run == order.run == "r1"
    expect_nothing_left(slow)


@pytest.mark.slow
def test_a_run_is_sent_to_workers_that_end_in_order(slow: Slow, address: Address) -> None:
    with working(slow, address, datasets="a") as worker:
        with Cluster(address) as cluster:
            wait_for_datasets(cluster, "a")
        run = [sys.executable, "-m", "ci", "run", "--base", slow.base, "--change", slow.head]
        told = [*run, "--repository", str(slow.checkout), "--scheduler", address.url, *tls(address)]
        state = ["--state", str(slow.folder / "runner")]
        done = subprocess.run([*told, *state], capture_output=True, text=True, check=False)
        assert "a (sqlite): SUCCESS" in done.stdout, done.stderr
        assert done.returncode == 0

        with subprocess.Popen([*told, *state], stderr=subprocess.PIPE) as second:
            slow.wait_for("sync")
            began = time.monotonic()
            worker.terminate()
            slow.wait_for("ci.scheduler.job", gone=True)
            assert worker.wait(SECONDS) == 130
            assert time.monotonic() - began < 20
            assert slow.folders_left() == []
            second.terminate()
            second.communicate()
            assert second.returncode == 130
    expect_nothing_left(slow)


def test_what_nobody_waits_for_is_ended(slow: Slow, address: Address) -> None:
    with working(slow, address, datasets="a"):
        with Cluster(address) as cluster:
            wait_for_datasets(cluster, "a")
            cluster._open[cluster._sent(slow.order("r2", "a"))] = slow.order("r2", "a")
            slow.wait_for("sync")
        slow.wait_for("ci.scheduler.job", gone=True)
        assert slow.folders_left() == []


def test_a_dataset_that_no_worker_has(slow: Slow, address: Address) -> None:
    told: list[str] = []
    with (
        working(slow, address, datasets="a"),
        Cluster(address, patience=0.1, tell=lambda _, where: told.append(where.phase)) as cluster,
    ):
        wait_for_datasets(cluster, "a")
        ((_, answer),) = cluster.answers([slow.order("r3", "b")])
    assert told[1:] == ["no worker has it; one is waited for, 0.1 s at the most"]
    assert "no worker has had the dataset 'b'" in answer.refused


def test_a_worker_runs_nothing_else(slow: Slow, address: Address) -> None:
    with (
        working(slow, address, datasets="a"),
        Cluster(address) as cluster,
        client(address) as other,
    ):
        wait_for_datasets(cluster, "a")
        assert other.submit(os.getpid).exception(timeout=SECONDS) is not None
        with pytest.raises(TypeError):
            other.run(os.getpid)


def kill_during_a_step(slow: Slow, process: subprocess.Popen[bytes]) -> None:
    slow.wait_for("sync")
    process.kill()


@pytest.mark.slow
def test_a_scheduler_that_is_killed_leaves_nothing(slow: Slow, tmp_path: Path) -> None:
    with (
        scheduling(write_authority(tmp_path)) as (own, scheduler),
        working(slow, own, datasets="a") as worker,
    ):
        with Cluster(own) as cluster:
            wait_for_datasets(cluster, "a")
            answers = cluster.answers([slow.order("r4", "a")])
            threading.Thread(target=kill_during_a_step, args=(slow, scheduler)).start()
            with pytest.raises(ToolError, match="is gone"):
                list(answers)
        assert worker.wait(SECONDS) == 1
    expect_nothing_left(slow)


def test_nobody_gets_in_with_another_authority(address: Address, tmp_path: Path) -> None:
    other = Address.parse(address.url, tls=write_authority(tmp_path))
    with pytest.raises(ToolError, match="no scheduler answers"), Cluster(other):
        pass
