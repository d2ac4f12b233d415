"""PostgreSQL's row-level security for the store's tables, and the role under which bound stores work.

Policies are permissive and for everybody: whoever is not the tables' owner sees the rows of the project that the
transaction is set to, and none where it is set to none. The owner has a policy of its own for all rows, since FORCE
would hide them from it, too. See https://www.postgresql.org/docs/current/ddl-rowsecurity.html.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple

from exuvia.store.core.detecting import APPLICATION_ROLE, attempt
from exuvia.store.core.dialect import POSTGRES
from exuvia.store.core.requests import Operation, Statement
from exuvia.store.core.tenants import Tenant, find_tables

LOCK: Final = "SELECT pg_advisory_xact_lock(hashtextextended('exuvia store schema', 0))"
_SETTING: Final = "NULLIF(current_setting('exuvia.{}_id', true), '')"
_TABLES: Final = f"""
SELECT relname,
       relrowsecurity AND relforcerowsecurity AND EXISTS (
         SELECT 1 FROM pg_policy WHERE polrelid = pg_class.oid AND polname = 'exuvia_tenant'),
       EXISTS (
         SELECT 1 FROM aclexplode(relacl) AS granted JOIN pg_roles ON pg_roles.oid = grantee
         WHERE rolname = '{APPLICATION_ROLE}' AND privilege_type = 'DELETE')
FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace AND nspname = :schema
WHERE relkind IN ('r', 'p') AND pg_has_role(current_user, relowner, 'USAGE')
"""
# From PostgreSQL 16 on CREATEROLE is not enough to grant a role that somebody else has made.
_ROLE: Final = f"""
SELECT rolsuper OR (rolcreaterole AND (
         app IS NULL OR current_setting('server_version_num')::int < 160000
         OR pg_has_role(app, 'MEMBER WITH ADMIN OPTION'))),
       app IS NOT NULL,
       COALESCE(pg_has_role(app, 'MEMBER'), false)
FROM pg_roles, (SELECT to_regrole('{APPLICATION_ROLE}')::oid AS app) AS known
WHERE rolname = current_user
"""


class _State(NamedTuple):
    may_make_roles: bool
    role: bool
    member: bool
    open: tuple[Tenant, ...]
    ungranted: tuple[Tenant, ...]

    @property
    def wants_role(self) -> bool:
        return self.may_make_roles and not self.member

    @property
    def is_behind(self) -> bool:
        return bool(self.open) or self.wants_role or (self.role and bool(self.ungranted))


def unsecured(schema: str) -> Operation[bool]:
    """Tell whether there is anything to secure that this user can."""
    return (yield from _look(schema)).is_behind


def secure(schema: str) -> Operation[None]:
    """Make the role where that is allowed, and give every table of tenants its policies and the role its rights.

    May be done again at any time, and is after every step of the schema.
    """
    yield Statement(LOCK)
    state = yield from _look(schema)
    if state.wants_role:
        yield from attempt(f"CREATE ROLE {APPLICATION_ROLE} NOLOGIN NOBYPASSRLS")
        yield from attempt(f"GRANT {APPLICATION_ROLE} TO CURRENT_USER")
        state = yield from _look(schema)
    for tenant in state.open:
        for statement in policies(tenant, schema):
            yield Statement(statement)
    if state.role:
        yield from attempt(*grants(schema, state.ungranted))


def policies(tenant: Tenant, schema: str) -> Iterator[str]:
    """Return the statements that put a table under row-level security."""
    table = f'"{schema}"."{tenant.table}"'
    own = f"{tenant.project} = {_SETTING.format('project')}"
    if tenant.session is not None:
        session = _SETTING.format("session")
        own += f" AND ({session} IS NULL OR {tenant.member(tenant.session, session)})"
    yield f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY"
    for name, who, rows in (("exuvia_tenant", "PUBLIC", own), ("exuvia_owner", "CURRENT_USER", "true")):
        yield f"DROP POLICY IF EXISTS {name} ON {table}"
        yield f"CREATE POLICY {name} ON {table} TO {who} USING ({rows}) WITH CHECK ({rows})"


def grants(schema: str, tenants: tuple[Tenant, ...]) -> Iterator[str]:
    """Return the statements that let the role work on tables of tenants."""
    yield f'GRANT USAGE ON SCHEMA "{schema}" TO {APPLICATION_ROLE}'
    yield f'GRANT SELECT ON "{schema}".exuvia_schema TO {APPLICATION_ROLE}'
    yield f'GRANT USAGE ON ALL SEQUENCES IN SCHEMA "{schema}" TO {APPLICATION_ROLE}'
    for tenant in tenants:
        yield f'GRANT SELECT, INSERT, UPDATE, DELETE ON "{schema}"."{tenant.table}" TO {APPLICATION_ROLE}'


def administrators_script(schema: str, user: str) -> str:
    """Return what an administrator runs where the store's own user may not make roles."""
    own = user.replace('"', '""')
    return (
        f"-- Once for the server, as a superuser or a role with CREATEROLE. Then open the store again as its owner,\n"
        f'-- who lets the role into the schema "{schema}".\n'
        f"CREATE ROLE {APPLICATION_ROLE} NOLOGIN NOBYPASSRLS;\n"
        f'GRANT {APPLICATION_ROLE} TO "{own}";\n'
    )


def _look(schema: str) -> Operation[_State]:
    ((may_make_roles, role, member),) = yield Statement(_ROLE)
    tenants = (yield from find_tables(POSTGRES, schema)).tenants
    rows = yield Statement(_TABLES, {"schema": schema})
    mine = [(tenants[name], secured, granted) for name, secured, granted in rows if name in tenants]
    open_ones = tuple(tenant for tenant, secured, _ in mine if not secured)
    ungranted = tuple(tenant for tenant, _, granted in mine if not granted)
    return _State(may_make_roles, role, member, open_ones, ungranted)
