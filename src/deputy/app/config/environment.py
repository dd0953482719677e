"""The only reader of environment variables. Nothing here prints or keeps a value."""

import os
from collections.abc import Iterable, Mapping

from deputy.app.config.reference import Reference
from deputy.base.errors import ConfigError

__all__ = ["EnvSecrets", "child_environment", "is_reference", "user_name", "variable"]

_FOR_CHILDREN = (
    "HOME", "LANG", "LANGUAGE", "LC_ALL", "LC_CTYPE", "LOGNAME", "PATH", "PYTHONPATH", "SHELL", "SSL_CERT_DIR",
    "SSL_CERT_FILE", "TERM", "TMPDIR", "TZ", "USER", "VIRTUAL_ENV", "XDG_CACHE_HOME", "XDG_CONFIG_HOME",
)  # fmt: skip


def _process() -> Mapping[str, str]:
    return os.environ


def is_reference(value: str) -> bool:
    """Whether a configured value stands for a secret: `env:NAME` or `secret:NAME`."""
    return value.startswith(("env:", "secret:"))


def child_environment() -> dict[str, str]:
    """What a program that we start may see of our environment: how to find things, and no secret."""
    process = _process()
    return {name: process[name] for name in _FOR_CHILDREN if name in process}


def variable(name: str) -> str:
    """What an environment variable holds that is no secret, or nothing."""
    return _process().get(name, "").strip()


def user_name() -> str:
    """What the machine calls the person at the keyboard, or nothing."""
    process = _process()
    return process.get("LOGNAME") or process.get("USER") or ""


class EnvSecrets:
    """Lends secrets from environment variables; fits `deputy.ports.secret.Secret`.

    `needed` says what each is for, so that the error about a missing one can; `environment` is the process's own unless
    given.
    """

    def __init__(self, needed: Iterable[Reference] = (), environment: Mapping[str, str] | None = None) -> None:
        self._needed = {reference.secret: reference for reference in reversed(tuple(needed))}
        self._environment = environment

    def lend(self, reference: str) -> str:
        """The value behind `env:NAME`; raises ConfigError naming the reference, never a value."""
        kind, _, name = reference.partition(":")
        if kind != "env" or not name:
            raise ConfigError("This is no reference to a secret.", "Write `env:` and the name of a variable.")
        value = (_process() if self._environment is None else self._environment).get(name, "")
        need = self._needed.get(reference)
        purpose = f", which is needed as {need.purpose}" if need else ""
        if not value:
            message = f"The environment variable {name}{purpose}, is not set." if need else (
                f"The environment variable {name} is not set.")  # fmt: skip
            raise self._wrong(reference, message, f"Set {name} in the environment of this command.")
        if not value.isprintable():
            message = f"The environment variable {name} holds a line break or a character that cannot be sent."
            raise self._wrong(reference, message, f"Set {name} anew, without it.")
        return value

    def _wrong(self, reference: str, message: str, remedy: str) -> ConfigError:
        need = self._needed.get(reference)
        return ConfigError(message, remedy, file=need.file if need else "", line=need.line if need else None)
