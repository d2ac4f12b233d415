"""Service tokens: shown once, checked, rotated with an overlap, revoked, and slow for who guesses."""

from __future__ import annotations

import asyncio
import traceback
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest

from exuvia.errors import ConfigError
from exuvia.store import Store, open_store
from exuvia.store.errors import ConflictError, InvalidValueError, NotFoundError, StateError, StoreError, TokenError
from exuvia.store.keys import KeyRing, new_key
from exuvia.store.tokens import NewToken
from store_fixtures import run_raw

KEYS = KeyRing.parse(f"k1:{new_key()}")
SHORT = timedelta(milliseconds=1)


@pytest.fixture
def bound(shared_store: Store, project: str, monkeypatch: pytest.MonkeyPatch) -> Store:
    """A store that is bound to a project of its own, with a key for tokens in the environment."""
    monkeypatch.setenv("EXUVIA_TOKEN_KEYS", f"k1:{new_key()}")
    return shared_store.project(project)


def refused(store: Store, token: str, **options: object) -> TokenError:
    """Return the error of a check that has to be refused."""
    with pytest.raises(TokenError) as raised:
        store.tokens.check(token, **options)  # type: ignore[arg-type]
    return raised.value


def wrong(made: NewToken) -> str:
    """Return a token with the prefix of another one and the wrong secret."""
    return made.secret[:-43] + ("A" * 43)


def test_a_token_is_accepted_for_its_scopes_and_found_without_its_project(bound: Store, shared_store: Store) -> None:
    made = bound.tokens.create("deploy", scopes=["runs:write", "runs:read"], data={"team": "core"})
    for store in (bound, shared_store):
        found = store.tokens.check(made.secret, scopes=["runs:read"], caller="10.0.0.1")
        assert (found.token_id, found.project_id, found.scopes) == (
            made.token.id,
            made.token.project_id,
            ("runs:read", "runs:write"),
        )
    assert refused(bound, made.secret, scopes=["admin"]).code == "store.token.scope"
    assert [token.id for token in bound.tokens.list(scope="runs:read").items] == [made.token.id]
    assert bound.tokens.get(made.token.id) == made.token


def test_the_secret_is_nowhere_but_in_what_create_returns(bound: Store) -> None:
    made = bound.tokens.create("deploy")
    secret = made.secret[-43:]
    rows = run_raw(bound, "SELECT * FROM service_token_secrets")
    errors = [refused(bound, made.secret, scopes=["admin"]), refused(bound, made.secret[:-1] + "!")]
    bound.tokens.revoke(made.token.id)
    errors.append(refused(bound, made.secret))
    written = [repr(made), repr(rows), *("".join(traceback.format_exception(error)) for error in errors)]
    assert not any(secret in text for text in written)


@pytest.mark.parametrize(
    "given", ["", "exu_", "exu_0123_x", "ghp_" + "a" * 60, None, "exu_" + "f" * 16 + "_" + "é" * 43]
)
def test_what_is_no_token_is_refused(bound: Store, given: str) -> None:
    assert refused(bound, given).code == "store.token.invalid"


def test_who_knows_only_the_prefix_gets_nowhere(bound: Store) -> None:
    made = bound.tokens.create("deploy")
    assert refused(bound, wrong(made)).code == "store.token.invalid"
    assert refused(bound, f"exu_{'0' * 16}_{'A' * 43}").code == "store.token.invalid"
    assert [use.outcome for use in bound.tokens.uses(made.token.id).items] == ["wrong"]


def test_without_a_key_a_slow_hash_is_stored(bound: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("EXUVIA_TOKEN_KEYS")
    made = bound.tokens.create("deploy")
    assert bound.tokens.secrets(made.token.id).items[0].method == "scrypt"
    assert bound.tokens.check(made.secret).token_id == made.token.id
    assert refused(bound, wrong(made)).code == "store.token.invalid"


def test_a_token_outlives_the_rotation_of_the_key(bound: Store) -> None:
    old = f"old:{new_key()}"
    made = bound.tokens.using(KeyRing.parse(old)).create("deploy")
    both = KeyRing.parse(f"# the newest first\nnew:{new_key()}\n{old}")
    assert bound.tokens.using(both).check(made.secret).token_id == made.token.id
    again = bound.tokens.using(both).rotate(made.token.id)
    assert [each.key_id for each in bound.tokens.secrets(again.token.id).items] == ["new", "old"]
    with pytest.raises(TokenError, match="'old', which is not there"):
        bound.tokens.using(KEYS).check(made.secret)


@pytest.mark.parametrize("text", ["", "k1", "k1:", "k1:c2hvcnQ", f"k1:{'A' * 43},k1:{'A' * 43}"])
def test_malformed_keys_are_refused_without_being_shown(text: str) -> None:
    with pytest.raises(ConfigError) as raised:
        KeyRing.parse(text, where="KEYS")
    assert "c2hvcnQ" not in str(raised.value)
    assert "AAAA" not in str(raised.value)


def test_after_a_rotation_both_secrets_are_accepted_until_the_overlap_ends(bound: Store) -> None:
    first = bound.tokens.create("deploy")
    second = bound.tokens.rotate(first.token.id, overlap=timedelta(hours=1))
    assert second.token.generation == 2
    assert bound.tokens.check(first.secret).expires_at is not None
    assert bound.tokens.check(second.secret).expires_at is None
    third = bound.tokens.rotate(first.token.id, overlap=timedelta())
    assert [refused(bound, old.secret).code for old in (first, second)] == ["store.token.expired"] * 2
    assert bound.tokens.check(third.secret).token_id == first.token.id


def test_of_rotations_at_once_one_wins_where_the_generation_is_named(bound: Store) -> None:
    made = bound.tokens.create("deploy")

    def rotate(_: int) -> NewToken | None:
        try:
            return bound.tokens.rotate(made.token.id, generation=1)
        except ConflictError:
            return None

    with ThreadPoolExecutor(6) as threads:
        won = [each for each in threads.map(rotate, range(6)) if each]
    assert [each.token.generation for each in won] == [2]
    assert bound.tokens.check(won[0].secret).token_id == made.token.id


def test_of_rotations_at_once_each_has_a_generation_and_only_the_newest_goes_on(bound: Store) -> None:
    made = bound.tokens.create("deploy")
    with ThreadPoolExecutor(6) as threads:
        new = list(threads.map(lambda _: bound.tokens.rotate(made.token.id, overlap=timedelta()), range(6)))
    newest = max(new, key=lambda each: each.token.generation)
    assert sorted(each.token.generation for each in new) == list(range(2, 8))
    assert bound.tokens.check(newest.secret).expires_at is None
    assert {refused(bound, each.secret).code for each in new if each is not newest} == {"store.token.expired"}


def test_a_revoked_token_is_refused_with_all_its_secrets(bound: Store) -> None:
    made = bound.tokens.create("deploy")
    new = bound.tokens.rotate(made.token.id)
    revoked = bound.tokens.revoke(made.token.id)
    assert bound.tokens.revoke(made.token.id) == revoked
    assert [refused(bound, each.secret).code for each in (made, new)] == ["store.token.revoked"] * 2
    with pytest.raises(StateError, match="was revoked"):
        bound.tokens.rotate(made.token.id)
    assert bound.tokens.list().total == 0
    assert bound.tokens.list(revoked=True).items == (revoked,)


def test_no_check_that_begins_after_a_revocation_succeeds(bound: Store) -> None:
    made = bound.tokens.create("deploy")

    def check(_: int) -> bool:
        try:
            bound.tokens.check(made.secret)
        except TokenError:
            return False
        return True

    with ThreadPoolExecutor(6) as threads:
        before = [threads.submit(check, number) for number in range(20)]
        bound.tokens.revoke(made.token.id)
        uses = bound.tokens.secrets(made.token.id).items[0].uses
        assert not any(threads.map(check, range(6)))
    assert sum(each.result() for each in before) == uses == bound.tokens.secrets(made.token.id).items[0].uses


def test_a_token_expires(bound: Store) -> None:
    made = bound.tokens.create("deploy", expires_at=datetime.now(UTC) + timedelta(hours=1))
    assert bound.tokens.rotate(made.token.id, overlap=timedelta(days=9)).token.expires_at == made.token.expires_at
    assert {each.ends_at for each in bound.tokens.secrets(made.token.id).items} == {made.token.expires_at}
    run_raw(bound, "UPDATE service_token_secrets SET ends_at = :then", then=datetime.now(UTC))
    assert refused(bound, made.secret).code == "store.token.expired"
    with pytest.raises(InvalidValueError, match="expired already"):
        bound.tokens.create("late", expires_at=datetime.now(UTC))


def test_use_is_counted_and_logged_without_gaps_until_it_is_pruned(bound: Store) -> None:
    made = bound.tokens.create("deploy")
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda number: bound.tokens.check(made.secret, caller=f"c{number % 2}"), range(24)))
    refused(bound, made.secret, scopes=["admin"], caller="c9")
    secret = bound.tokens.secrets(made.token.id).items[0]
    assert (secret.uses, secret.checks, secret.last_outcome, secret.last_caller) == (24, 25, "scope", "c9")
    assert sorted(use.seq for use in bound.tokens.uses(made.token.id).items) == list(range(1, 26))
    assert bound.tokens.uses(caller="c0", outcome="used").total == 12
    assert bound.tokens.prune(before=datetime.now(UTC) + SHORT) == 25
    assert bound.tokens.secrets(made.token.id).items[0].uses == 24


def test_who_guesses_has_to_wait_longer_each_time_and_slows_nobody_else(bound: Store) -> None:
    made = bound.tokens.create("deploy")
    codes = [refused(bound, wrong(made), caller="thief").code for _ in range(6)]
    assert codes == ["store.token.invalid"] * 5 + ["store.token.slow_down"]
    assert refused(bound, made.secret, caller="thief").code == "store.token.slow_down"
    assert bound.tokens.check(made.secret, caller="owner").token_id == made.token.id
    back = "UPDATE service_token_failures SET failures = 9, failed_at = :then"
    run_raw(bound, back, then=datetime.now(UTC))
    wait = refused(bound, wrong(made), caller="thief").retry_after
    assert wait is not None
    assert 14 < wait <= 16
    run_raw(bound, back, then=datetime.now(UTC) - timedelta(seconds=17))
    bound.tokens.check(made.secret, caller="thief")
    assert run_raw(bound, "SELECT count(*) FROM service_token_failures") == [(0,)]


def test_guesses_of_prefixes_are_slowed_together(bound: Store) -> None:
    guesses = [f"exu_{number:016x}_{'A' * 43}" for number in range(6)]
    codes = [refused(bound, guess, caller="thief").code for guess in guesses]
    assert codes == ["store.token.invalid"] * 5 + ["store.token.slow_down"]
    assert run_raw(bound, "SELECT prefix, failures FROM service_token_failures") == [("", 5)]


def test_guesses_at_once_are_all_counted(bound: Store) -> None:
    made = bound.tokens.create("deploy")
    with ThreadPoolExecutor(8) as threads:
        codes = list(threads.map(lambda _: refused(bound, wrong(made)).code, range(16)))
    heard = codes.count("store.token.invalid")
    assert heard >= 5
    assert run_raw(bound, "SELECT failures FROM service_token_failures") == [(heard,)]


def test_another_project_s_token_is_not_known(bound: Store, shared_store: Store) -> None:
    made = bound.tokens.create("deploy")
    other = shared_store.project(shared_store.projects.put("tokens-other").id)
    assert refused(other, made.secret).code == "store.token.invalid"
    with pytest.raises(NotFoundError):
        other.tokens.revoke(made.token.id)
    assert bound.tokens.delete(made.token.id)
    assert refused(bound, made.secret).code == "store.token.invalid"


def test_tokens_are_made_and_checked_asynchronously(shared_store_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("EXUVIA_TOKEN_KEYS", raising=False)

    async def run() -> None:
        async with open_store(shared_store_url) as store:
            await store.projects.put("tokens-async")
            tokens = store.project("tokens-async").tokens
            for each in (tokens, tokens.using(KEYS)):
                made = await each.create("deploy")
                assert (await each.check(made.secret)).token_id == made.token.id
                with pytest.raises(StoreError, match="not valid"):
                    await each.check(wrong(made))

    asyncio.run(run())
