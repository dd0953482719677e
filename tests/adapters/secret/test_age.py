"""Secrets at rest: what the files show, what several processes do at once, and what happens when a file is wrong."""

import os
import stat
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from deputy.adapters.secret.age import LONGEST, AgeSecrets
from deputy.base.errors import ConfigError, NotFound, UsageError

AT = datetime(2026, 11, 23, 20, 0, tzinfo=UTC)


def kept(folder: Path, **values: str) -> AgeSecrets:
    secrets = AgeSecrets(folder)
    for name, value in values.items():
        secrets.put(name, value, by="person:wei", at=AT)
    return secrets


def test_a_secret_comes_back_and_no_file_shows_it(tmp_path: Path):
    secrets = kept(tmp_path, ERP="canary-4711", MAIL="canary-0815\nsecond line")
    assert (secrets.lend("secret:ERP"), AgeSecrets(tmp_path).lend("secret:MAIL")) == (
        "canary-4711", "canary-0815\nsecond line"
    )  # fmt: skip
    assert secrets.names() == ["ERP", "MAIL"]
    assert (secrets.kept("ERP").by, secrets.kept("ERP").at) == ("person:wei", AT)
    for file in tmp_path.rglob("*"):
        assert not file.is_file() or b"canary" not in file.read_bytes()
    assert "canary" not in repr(secrets.kept("ERP"))


def test_nobody_else_may_use_the_files(tmp_path: Path):
    before = os.umask(0)
    try:
        kept(tmp_path, ERP="canary-4711")
    finally:
        os.umask(before)
    modes = {p.relative_to(tmp_path).as_posix(): stat.S_IMODE(p.stat().st_mode) for p in tmp_path.rglob("*")}
    assert modes == {"keys": 0o700, "keys/identity.txt": 0o600, "secrets": 0o700, "secrets/ERP.age": 0o600}


def test_a_changed_secret_is_lent_from_the_next_call_on(tmp_path: Path):
    here = kept(tmp_path, ERP="old-value")
    assert here.lend("secret:ERP") == "old-value"
    kept(tmp_path, ERP="new-value")  # as another process does
    assert here.lend("secret:ERP") == "new-value"
    AgeSecrets(tmp_path).remove("ERP")
    with pytest.raises(ConfigError, match="`ERP` is not set") as error:
        here.lend("secret:ERP")
    assert error.value.remedy == "Set it with `deputy secret set ERP`."


SETTER = """
import sys
from datetime import UTC, datetime
from pathlib import Path
from deputy.adapters.secret.age import AgeSecrets

folder, mine = Path(sys.argv[1]), sys.argv[2]
sys.stdin.readline()
for n in range(20):
    AgeSecrets(folder).put(f"{mine}-{n}", f"value {mine} {n}", by="person:wei", at=datetime.now(UTC))
    AgeSecrets(folder).put("shared", f"by {mine}", by="person:wei", at=datetime.now(UTC))
"""


def test_many_processes_that_set_secrets_at_once_lose_nothing(tmp_path: Path):
    setters = [
        subprocess.Popen([sys.executable, "-c", SETTER, str(tmp_path), f"p{n}"], stdin=subprocess.PIPE)
        for n in range(4)
    ]
    for setter in setters:  # all of them at once, the first key included
        assert setter.stdin is not None
        setter.stdin.close()
    assert [setter.wait(60) for setter in setters] == [0] * 4
    secrets = AgeSecrets(tmp_path)
    assert {secrets.lend(f"secret:p{p}-{n}") for p in range(4) for n in range(20)} == {
        f"value p{p} {n}" for p in range(4) for n in range(20)
    }
    assert secrets.lend("secret:shared") in {f"by p{n}" for n in range(4)}
    assert not [name for name in os.listdir(tmp_path / "keys") if name != "identity.txt"]
    assert len(secrets.names()) == 81 and len(os.listdir(tmp_path / "secrets")) == 81


def test_a_write_that_fails_leaves_the_old_secret(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    secrets = kept(tmp_path, ERP="old-value")

    def full(_handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(UsageError, match="No space left"):
        secrets.put("ERP", "new-value", by="person:wei", at=AT)
    assert secrets.lend("secret:ERP") == "old-value"


def test_a_file_in_anothers_place_is_noticed(tmp_path: Path):
    secrets = kept(tmp_path, ERP="erp-value", MAIL="mail-value")
    os.replace(tmp_path / "secrets/MAIL.age", tmp_path / "secrets/ERP.age")
    with pytest.raises(ConfigError, match="holds another one"):
        secrets.lend("secret:ERP")


def test_a_secret_of_another_key_or_a_torn_one_does_not_open(tmp_path: Path):
    secrets = kept(tmp_path / "a", ERP="erp-value")
    kept(tmp_path / "b", ERP="erp-value")
    file = tmp_path / "a/secrets/ERP.age"
    whole = file.read_bytes()
    for body in (whole[: len(whole) // 2], b"", (tmp_path / "b/secrets/ERP.age").read_bytes()):
        file.write_bytes(body)
        with pytest.raises(ConfigError, match="does not open") as error:
            secrets.lend("secret:ERP")
        assert "erp-value" not in str(error.value)


def test_a_lost_key_is_never_replaced_while_secrets_need_it(tmp_path: Path):
    secrets = kept(tmp_path, ERP="erp-value")
    aside = secrets.identity_file.rename(tmp_path / "aside")
    with pytest.raises(ConfigError, match="is missing"):
        AgeSecrets(tmp_path).put("MAIL", "value", by="person:wei", at=AT)
    assert not secrets.identity_file.exists()
    aside.rename(secrets.identity_file)
    assert AgeSecrets(tmp_path).lend("secret:ERP") == "erp-value"


def test_a_link_in_place_of_a_secret_is_not_followed(tmp_path: Path):
    secrets = kept(tmp_path, ERP="erp-value")
    (tmp_path / "secrets/OTHER.age").symlink_to(tmp_path / "secrets/ERP.age")
    with pytest.raises(ConfigError, match="cannot be read"):
        secrets.lend("secret:OTHER")


@pytest.mark.parametrize("name", ["", "../ERP", "a/b", "a b", "x" * 129, "ERP\n"])
def test_what_is_no_name_is_refused(tmp_path: Path, name: str):
    with pytest.raises(UsageError, match="no name"):
        AgeSecrets(tmp_path).put(name, "value", by="person:wei", at=AT)
    with pytest.raises(UsageError, match="no name"):
        AgeSecrets(tmp_path).remove(name)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("value", "says"), [("", "empty"), ("x" * (LONGEST + 1), "longer"), ("a\0b", "control"), ("a\rb", "control")]
)
def test_what_cannot_be_a_secret_is_refused_and_not_shown(tmp_path: Path, value: str, says: str):
    with pytest.raises(UsageError, match=says) as error:
        AgeSecrets(tmp_path).put("ERP", value, by="person:wei", at=AT)
    assert len(str(error.value)) < 100 and not list(tmp_path.iterdir())


def test_what_is_not_there_cannot_be_removed(tmp_path: Path):
    kept(tmp_path, ERP="erp-value")
    with pytest.raises(NotFound, match="There is no secret 'MAIL'") as error:
        AgeSecrets(tmp_path).remove("MAIL")
    assert error.value.remedy == "Known are ERP."


def test_modes_that_let_others_in_are_told(tmp_path: Path):
    secrets = kept(tmp_path, ERP="erp-value")
    assert not list(secrets.problems())
    secrets.identity_file.chmod(0o644)
    (tmp_path / "secrets").chmod(0o755)
    assert [message.partition(" may")[0] for message, _ in secrets.problems()] == [
        str(tmp_path / "secrets"), str(secrets.identity_file)
    ]  # fmt: skip
