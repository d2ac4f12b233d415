"""Secrets: put, read, listed, deleted, and encrypted anew."""

from __future__ import annotations

from typing import Self

from exuvia.store.core.listing import Key, Listing, Page, Where
from exuvia.store.core.operations import M, Runner, Subsystem, reading, writing, writing_once
from exuvia.store.core.requests import Operation, Statement
from exuvia.store.core.values import Json, checked_id, encode_json
from exuvia.store.encryption import Vault
from exuvia.store.errors import NotFoundError
from exuvia.store.keys import KeyRing
from exuvia.store.secrets.records import SECRET, Secret


class Secrets(Subsystem[M]):
    """Keep named secrets.

    Args:
        runner: Runs the operations.
        vault: Encrypts; None for the keys of ``EXUVIA_SECRET_KEYS`` or ``EXUVIA_SECRET_KEYS_FILE``.
    """

    def __init__(self, runner: Runner, vault: Vault | None = None) -> None:
        super().__init__(runner)
        self._vault = vault

    def using(self, keys: KeyRing) -> Self:
        """Return the same secrets, encrypted and decrypted by these keys."""
        return type(self)(self._runner, Vault(keys))

    @writing_once
    def put(self, name: str, value: Json, *, data: Json = None, project: str | None = None) -> Operation[Secret]:
        """Keep a secret; one of the same name is replaced.

        Args:
            name: Its name.
            value: A JSON value, which is encrypted.
            data: A JSON document, which is not.
            project: The project; not needed in a bound store.

        Raises:
            EncryptionError: There is no key.
            MissingReferenceError: There is no such project.
        """
        owner, vault = self.scope.own(project), self._found_vault()
        rows = yield Statement(
            f"""
            INSERT INTO secrets (project_id, name, version, key_id, ciphertext, data, created_at, updated_at)
            VALUES (:project, :name, 1, :key, :ciphertext, :data, :now, :now)
            ON CONFLICT (project_id, name) DO UPDATE
            SET version = secrets.version + 1, key_id = excluded.key_id, ciphertext = excluded.ciphertext,
              data = excluded.data, updated_at = excluded.updated_at
            RETURNING {SECRET.columns()}
            """,
            {
                "project": owner,
                "name": checked_id(name, what="name"),
                "key": vault.keys.current,
                "ciphertext": vault.encrypt(value, *_place(owner, name)),
                "data": encode_json({} if data is None else data),
                "now": self.now(),
            },
        )
        return SECRET.read(rows[0])

    @reading
    def get(self, name: str, *, project: str | None = None) -> Operation[Json]:
        """Return a secret's value.

        Raises:
            NotFoundError: There is none of this name.
            EncryptionError: It cannot be decrypted.
        """
        owner = self.scope.own(project)
        rows = yield Statement(
            "SELECT ciphertext FROM secrets WHERE project_id = :project AND name = :name",
            {"project": owner, "name": checked_id(name, what="name")},
        )
        if not rows:
            raise NotFoundError(
                f"There is no secret {name!r}.", hint="Put it: store.secrets.put(name, value).", code="secret"
            )
        return self._found_vault().decrypt(rows[0][0], *_place(owner, name))

    @reading
    def list(
        self,
        *,
        project: str | None = None,
        key_id: str | None = None,
        limit: int = 100,
        after: str | None = None,
    ) -> Operation[Page[Secret]]:
        """List secrets without their values, by project and name.

        Args:
            project: The project; all of them if None.
            key_id: Those that are encrypted under this key.
            limit: Rows a page, 1 to 1,000.
            after: The ``next`` of the page before.
        """
        where = Where().equal("project_id", self.scope.among(project)).equal("key_id", key_id)
        return (yield from Listing(SECRET, "secrets", where, (Key("project_id"), Key("name"))).page(limit, after))

    @writing_once
    def delete(self, name: str, *, project: str | None = None) -> Operation[bool]:
        """Delete a secret; return whether it was there."""
        rows = yield Statement(
            "DELETE FROM secrets WHERE project_id = :project AND name = :name RETURNING name",
            {"project": self.scope.own(project), "name": checked_id(name, what="name")},
        )
        return bool(rows)

    @writing
    def rotate(self, *, project: str | None = None) -> Operation[int]:
        """Encrypt anew, under the newest key, what is encrypted under another: all of it or nothing.

        Args:
            project: The project; all of them if None.

        Returns:
            How many secrets that were.

        Raises:
            EncryptionError: One cannot be decrypted.
        """
        vault = self._found_vault()
        where = Where().equal("project_id", self.scope.among(project))
        rows = yield Statement(
            f"""
            SELECT project_id, name, ciphertext FROM secrets WHERE {where} AND key_id <> :key
            ORDER BY project_id, name{self.dialect.for_update}
            """,
            where.parameters | {"key": vault.keys.current},
        )
        for owner, name, ciphertext in rows:
            place = _place(owner, name)
            yield Statement(
                """
                UPDATE secrets SET key_id = :key, ciphertext = :ciphertext
                WHERE project_id = :project AND name = :name
                """,
                {
                    "key": vault.keys.current,
                    "ciphertext": vault.encrypt(vault.decrypt(ciphertext, *place), *place),
                    "project": owner,
                    "name": name,
                },
            )
        return len(rows)

    def _found_vault(self) -> Vault:
        return Vault.find() if self._vault is None else self._vault


def _place(project: str, name: str) -> tuple[str, ...]:
    return (project, "secrets", name, "value")
