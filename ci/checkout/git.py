"""Git: run with settings of ours alone, nothing to ask anybody, and a deadline."""

from __future__ import annotations

import os
import shlex
import tempfile
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ci.errors import CheckoutError, DeadlineError
from ci.programs import Program, find_program, start

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from ci.programs import Running

KEPT = (
    *("PATH", "HOME", "SSH_AUTH_SOCK", "SSL_CERT_FILE", "SSL_CERT_DIR", "GIT_SSL_CAINFO"),
    *("http_proxy", "https_proxy", "all_proxy", "no_proxy"),
    *("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"),
)
"""What of our environment git has to know."""
CONFIGURATION = """\
[core]
    hooksPath = /dev/null
    fsmonitor = false
    attributesFile = /dev/null
    protectHFS = true
    protectNTFS = true
    logAllRefUpdates = false
    quotePath = false
[safe]
    directory = *
[credential]
    helper =
[fetch]
    recurseSubmodules = false
    writeCommitGraph = false
[submodule]
    recurse = false
[gc]
    autoDetach = false
[maintenance]
    autoDetach = false
[merge]
    renameLimit = 2000
[diff]
    renameLimit = 2000
    external =
[user]
    name = ci
    email = ci@localhost
    useConfigOnly = true
"""
"""All that git is told; `safe` is for a checkout of ours that we are told to read as root."""
SSH_KEY = "MIGRATOR_CI_SSH_KEY"
KNOWN_HOSTS = "MIGRATOR_CI_KNOWN_HOSTS"
"""Variables that name files."""
ANSWER_BYTES = 256 << 20
FETCHED_BYTES = 8 << 30
"""The largest file that git may write."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Git:
    """Git in one repository of ours."""

    folder: Path
    """The repository, bare."""
    seconds: float
    """How long one command may take."""
    variables: Mapping[str, str] = field(default_factory=dict)

    @property
    def configuration(self) -> Path:
        """The only file of settings that git reads beside the repository's own."""
        return self.folder.with_name(f"{self.folder.name}.gitconfig")

    @property
    def log(self) -> Path:
        """What git has complained about, in private."""
        return self.folder.with_name(f"{self.folder.name}.log")

    def ask(self, *arguments: str, limit: int = ANSWER_BYTES) -> bytes:
        """Return what a command answers; raises CheckoutError when it fails."""
        status, answer = self.run(*arguments, limit=limit)
        if status:
            raise CheckoutError(f"git {arguments[0]} failed", hint=f"see {self.log.name}")
        return answer

    def run(self, *arguments: str, limit: int = ANSWER_BYTES) -> tuple[int, bytes]:
        """Return the exit status of a command and what it answers, which is at most *limit*.

        Raises CheckoutError for a command that takes too long.
        """
        git = find_program("git", package="git")
        command = ("/bin/sh", "-c", 'umask 022; exec "$@"', "sh", git, *arguments)
        program = Program(
            arguments=command,
            environment={**self._environment(), **self.variables},
            folder=self.folder,
            limits={"RLIMIT_FSIZE": FETCHED_BYTES},
            grace=1,
        )
        with tempfile.TemporaryFile() as answer:
            with start(program, log=self.log, stdout=answer) as running:
                status = self._waited(running, arguments[0])
            if answer.seek(0, os.SEEK_END) > limit:
                raise CheckoutError(f"git {arguments[0]} says more than {limit} bytes")
            answer.seek(0)
            return status, answer.read()

    def _waited(self, running: Running, command: str) -> int:
        try:
            return running.wait(self.seconds, step=f"git {command}")
        except DeadlineError as error:
            raise CheckoutError(error.message, hint=f"see {self.log.name}") from error

    def _environment(self) -> dict[str, str]:
        return {
            **{name: os.environ[name] for name in KEPT if name in os.environ},
            "LC_ALL": "C",
            "GIT_DIR": str(self.folder),
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_CONFIG_GLOBAL": str(self.configuration),
            "GIT_ATTR_NOSYSTEM": "1",
            "GIT_ALLOW_PROTOCOL": "file:http:https:ssh",
            "GIT_TERMINAL_PROMPT": "0",
            "GIT_ASKPASS": "/bin/false",
            "SSH_ASKPASS": "/bin/false",
            "SSH_ASKPASS_REQUIRE": "never",
            "GIT_SSH_COMMAND": ssh_command(os.environ),
            "GIT_NO_REPLACE_OBJECTS": "1",
            "GIT_LITERAL_PATHSPECS": "1",
            # The merge of the same commits is the same commit.
            "GIT_AUTHOR_DATE": "@0 +0000",
            "GIT_COMMITTER_DATE": "@0 +0000",
        }


def ssh_command(environment: Mapping[str, str]) -> str:
    """Return what git runs as ssh: with the key and the hosts that the runner was told of."""
    words = ["ssh", "-o", "BatchMode=yes"]
    key, hosts = (environment.get(each) for each in (SSH_KEY, KNOWN_HOSTS))
    if key:
        words += ["-o", "IdentitiesOnly=yes", "-i", key]
    if hosts:
        words += ["-o", f'UserKnownHostsFile="{hosts}"', "-o", "StrictHostKeyChecking=yes"]
    return shlex.join(words)


def fsdecoded(name: bytes) -> str:
    """Return a name of a file as Python has it; bytes that are no text are kept."""
    return name.decode("utf-8", "surrogateescape")
