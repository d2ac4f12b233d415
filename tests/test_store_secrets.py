"""Secrets are unreadable in the database, bound to their place, and survive a change of keys."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exuvia.store import Store, open_store
from exuvia.store.encryption import KeyRing, Vault, new_key
from exuvia.store.errors import EncryptionError, NotFoundError
from store_fixtures import run_raw

OLD, NEW = f"old:{new_key()}", f"new:{new_key()}"
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.text(st.characters(exclude_categories=["Cc", "Cs"])),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("abc"), inner, max_size=3),
    max_leaves=5,
)


@pytest.fixture
def bound(shared_store: Store, project: str, monkeypatch: pytest.MonkeyPatch) -> Store:
    """A store that is bound to a project of its own, with a key for secrets in the environment."""
    monkeypatch.setenv("EXUVIA_SECRET_KEYS", OLD)
    return shared_store.project(project)


def refused(vault: Vault, written: str, *place: str) -> EncryptionError:
    """Return the error of what cannot be decrypted."""
    with pytest.raises(EncryptionError) as raised:
        vault.decrypt(written, *place)
    return raised.value


@given(JSON)
def test_a_value_comes_back_as_it_was(value: object) -> None:
    vault = Vault(KeyRing.parse(OLD))
    written = vault.encrypt(value, "p", "r")
    assert vault.decrypt(written, "p", "r") == value
    assert written != vault.encrypt(value, "p", "r")


def test_what_was_changed_moved_or_is_of_another_key_is_refused_without_being_shown() -> None:
    vault = Vault(KeyRing.parse(OLD))
    written = vault.encrypt("hunter2", "p", "r")
    at = len(written) // 2  # not the last character, of which base64 leaves bits unused
    changed = f"{written[:at]}{'A' if written[at] != 'A' else 'B'}{written[at + 1 :]}"
    errors = [
        refused(vault, written, "p", "other"),
        refused(vault, written, "p"),
        refused(vault, changed, "p", "r"),
        refused(Vault(KeyRing.parse(f"old:{new_key()}")), written, "p", "r"),
    ]
    assert {error.code for error in errors} == {"store.encryption.tampered"}
    errors.append(refused(Vault(KeyRing.parse(NEW)), written, "p", "r"))
    assert errors[-1].code == "store.encryption.key"
    errors += [refused(vault, text, "p", "r") for text in ("", "hunter2", "exuvia1:old:", "exuvia1:old:é")]
    assert errors[-1].code == "store.encryption.form"
    key = OLD.partition(":")[2]
    assert not any(text in f"{error}{vault.keys!r}" for error in errors for text in ("hunter2", key))


def test_chosen_fields_are_encrypted() -> None:
    vault = Vault(KeyRing.parse(OLD))
    stored = vault.encrypt_fields({"name": "ada", "phone": {"n": 5}}, ["phone", "missing"], "p", "r")
    assert stored["name"] == "ada"
    assert stored.keys() == {"name", "phone"}
    assert vault.decrypt_fields(stored, "p", "r") == {"name": "ada", "phone": {"n": 5}}
    with pytest.raises(EncryptionError):
        vault.decrypt_fields({"fax": stored["phone"]}, "p", "r")


def test_a_secret_is_kept_replaced_listed_and_deleted(bound: Store) -> None:
    first = bound.secrets.put("smtp", {"password": "hunter2"}, data={"owner": "ada"})
    again = bound.secrets.put("smtp", {"password": "hunter3"})
    assert (first.version, again.version, again.created_at) == (1, 2, first.created_at)
    assert bound.secrets.get("smtp") == {"password": "hunter3"}
    assert bound.secrets.list().items == (again,)
    assert "hunter" not in repr(run_raw(bound, "SELECT * FROM secrets"))
    assert bound.secrets.delete("smtp")
    assert not bound.secrets.delete("smtp")
    with pytest.raises(NotFoundError, match="smtp"):
        bound.secrets.get("smtp")


def test_a_ciphertext_of_another_name_is_refused(bound: Store) -> None:
    bound.secrets.put("a", 1)
    bound.secrets.put("b", 2)
    run_raw(bound, "UPDATE secrets SET ciphertext = (SELECT s.ciphertext FROM secrets AS s WHERE s.name = 'a')")
    assert bound.secrets.get("a") == 1
    with pytest.raises(EncryptionError, match="another place"):
        bound.secrets.get("b")


def test_after_a_rotation_the_old_key_can_go(bound: Store) -> None:
    for number in range(3):
        bound.secrets.put(f"s{number}", number)
    both = bound.secrets.using(KeyRing.parse(f"{NEW},{OLD}"))
    assert both.get("s1") == 1
    assert both.rotate() == 3
    assert both.rotate() == 0
    assert bound.secrets.using(KeyRing.parse(NEW)).get("s1") == 1
    assert {secret.version for secret in both.list(key_id="new").items} == {1}
    with pytest.raises(EncryptionError, match="'new', which is not there"):
        bound.secrets.get("s1")


def test_without_a_key_the_error_says_how_to_give_one(bound: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("EXUVIA_SECRET_KEYS")
    with pytest.raises(EncryptionError, match="EXUVIA_SECRET_KEYS") as raised:
        bound.secrets.put("smtp", "hunter2")
    assert "hunter2" not in str(raised.value)


def test_secrets_are_kept_asynchronously(shared_store_url: str) -> None:
    async def run() -> None:
        async with open_store(shared_store_url) as store:
            await store.projects.put("secrets-async")
            secrets = store.project("secrets-async").secrets.using(KeyRing.parse(OLD))
            await secrets.put("smtp", [1])
            assert await secrets.get("smtp") == [1]

    asyncio.run(run())
