"""Sandbox: it is made where it can be, and untrusted code is refused where it cannot."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from ci.errors import ConfigurationError, SandboxError
from ci.sandbox import Job, Unconfined, can_confine, find_sandbox
from tests.ci.hostile import ORDINARY, PYTHON, SMALL, Hostile, place

FILES = ("test_sandbox.py", "test_sandbox_reach.py", "test_sandbox_limits.py")
ALSO_ORDINARY = (
    "can_confine or network or machine or environment or nobody or writes or memory_is or "
    "daemon or open"
)
"""What is tried as an ordinary user as well; one who is root outside may have any processes."""

pytestmark = pytest.mark.thorough  # it needs bubblewrap, which `make test-quick` installs not


@pytest.fixture
def hostile(tmp_path: Path) -> Hostile:
    return place(tmp_path)


def test_the_programs_of_the_sandbox_are_there() -> None:
    """A test of this file needs them; `.ci/packages` installs them."""
    for program in ("bwrap", "prlimit", "setpriv", "unshare"):
        assert shutil.which(program), f"{program} is missing"
    assert PYTHON.exists()


def test_this_machine_can_confine() -> None:
    found = can_confine()

    assert found.confined, found.why


def test_an_exit_status_is_given_back(hostile: Hostile) -> None:
    heard = hostile.run("raise SystemExit(7)")

    assert heard.ended.status == 7
    assert heard.log == "evil: exit status 7\n"


def test_a_sandbox_that_is_not_made_is_no_failure_of_the_change(hostile: Hostile) -> None:
    with pytest.raises(SandboxError, match="evil: the sandbox was not made"):
        hostile.run("", readable=[hostile.folder / "nothing"])


def test_what_cannot_be_given_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="cannot be given to a sandbox"):
        Job(arguments=("true",), folder=Path("/usr"), readable=[Path("/")])


def test_trusted_code_has_a_clean_environment_and_limits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SECRET_OF_RUNNER", "x")
    heard = place(tmp_path, Unconfined()).run(
        "import os, resource\nprint('SECRET_OF_RUNNER' in os.environ)\n"
        "print(resource.getrlimit(resource.RLIMIT_AS)[0] >> 20, os.getcwd())"
    )

    assert heard.lines == ["False", f"{SMALL.memory_mib} {tmp_path / 'tree'}"]


def test_without_bubblewrap_untrusted_code_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ci.programs.find.SYSTEM_FOLDERS", ())
    monkeypatch.setenv("PATH", "/nowhere")

    with pytest.raises(SandboxError, match="bwrap is not installed") as caught:
        find_sandbox()
    assert "install bubblewrap; or" in str(caught.value.hint)
    assert "--trust-change" in str(caught.value.hint)
    assert not find_sandbox(trusted=True).confined


def test_without_user_namespaces_an_ordinary_user_is_refused() -> None:
    """As in a container: bubblewrap is there, and may do nothing."""
    code = "from ci.sandbox import can_confine as c; f = c(); print(f.confined, f.why, f.hint)"
    none_left = "echo 0 > /proc/sys/user/max_user_namespaces; exec setpriv --bounding-set=-all "
    said = subprocess.run(
        [
            *("unshare", "--user", "--map-root-user", "sh", "-c"),
            none_left + ' --inh-caps=-all -- unshare_less "$@"'.replace("unshare_less", '"$0"'),
            *(sys.executable, "-c", code),
        ],
        capture_output=True,
        text=True,
        check=True,
    ).stdout

    assert said.startswith("False bwrap: ")
    assert "user namespaces" in said


def test_all_that_holds_for_an_ordinary_user() -> None:
    if os.getuid() != 0:
        return  # it was an ordinary user all the time
    ran = subprocess.run(
        [
            *(*ORDINARY, sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"),
            *("-n", "0", "-k", ALSO_ORDINARY),
            *(str(Path(__file__).with_name(each)) for each in FILES),
        ],
        cwd=Path(__file__).parent.parent.parent,
        env={**os.environ, "PYTEST_ADDOPTS": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout[-3000:]
