"""The server over HTTP: one endpoint for the protocol, one for its health, and who may use them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Any, Final

import orjson
from mcp.server.auth.middleware.bearer_auth import AuthenticatedUser
from mcp.server.auth.provider import AccessToken
from mcp.server.lowlevel import Server
from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
from mcp.server.transport_security import TransportSecurityMiddleware, TransportSecuritySettings
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Send
from starlette.types import Scope as Connection

from exuvia.errors import ConfigError
from exuvia.mcp.admission import Admission, RefusedError
from exuvia.mcp.attending import watch_leaving
from exuvia.mcp.callers import Caller, remember
from exuvia.mcp.health import Health
from exuvia.mcp.server import Serving
from exuvia.mcp.variables import TOKEN, TOKEN_FILE
from exuvia.tools.frame import Desk

_LOOPBACK: Final = ("127.0.0.1", "localhost", "[::1]")
_REALM: Final = 'Bearer realm="exuvia"'


@dataclass(frozen=True, slots=True)
class Site:
    """Where and for whom the server answers over HTTP.

    Args:
        path: Of the protocol's endpoint.
        names: Of hosts, besides this machine's own, by which it may be addressed: ``tools.example.com``, or with a
            port. A browser that was lured to another name is refused (DNS rebinding).
        admission: Who is let in; None for everybody.
    """

    path: str
    names: Sequence[str]
    admission: Admission | None


def site_for(serving: Serving, host: str, path: str, names: Sequence[str], *, own: str | None, asks: bool) -> Site:
    """Decide for whom a server answers.

    Args:
        serving: What is served.
        host: Where it listens.
        path: Of the protocol's endpoint.
        names: By which it may be addressed besides.
        own: The server's own token; None for none.
        asks: Whether a token is asked for.

    Raises:
        ConfigError: Everybody could connect without a token, or nobody could have one.
    """
    own_names = () if _is_loopback(host) or _is_any(host) else (f"[{host}]" if ":" in host else host,)
    if asks and own is None and not serving.desk.has_store:
        raise ConfigError(
            "Nobody could call this server: there is no token for it.",
            hint=f"Put one into {TOKEN}, or into a file that {TOKEN_FILE} names"
            + ("; or pass --no-auth, and everything on this machine may call it." if _is_loopback(host) else "."),
            code="mcp_no_token",
        )
    if not asks and not _is_loopback(host):
        raise ConfigError(
            f"At {host} other machines could call this server without a token.",
            hint=f"Leave out --no-auth and put a token into {TOKEN}, or make some: exuvia mcp token create; or listen "
            "at 127.0.0.1.",
            code="mcp_open_to_all",
        )
    admission = Admission(serving.desk, own=own, caller=serving.caller) if asks else None
    return Site(path, (*own_names, *names), admission)


def make_app(server: Server[Any], site: Site, desk: Desk) -> Starlette:
    """Make the ASGI application; a server can be made into one once.

    Args:
        server: The protocol's server.
        site: Where and for whom.
        desk: The databases, whose states ``/health`` tells.
    """
    manager = StreamableHTTPSessionManager(server)
    health = Health(desk)

    @asynccontextmanager
    async def running(_app: Starlette) -> AsyncIterator[None]:
        async with manager.run():
            yield

    async def tell_health(_request: Request) -> Response:
        state = await health.look()
        return _json(state.as_dict(), 200 if state.is_well else 503)

    return Starlette(
        routes=[
            Route("/health", tell_health, methods=["GET"]),
            Route(site.path, _Door(_Presence(manager.asgi_app), site.admission)),
        ],
        middleware=[Middleware(_KnownHosts, names=site.names)],
        lifespan=running,
    )


def _is_loopback(host: str) -> bool:
    return host == "localhost" or (_is_address(host) and ip_address(host).is_loopback)


def _is_any(host: str) -> bool:
    return _is_address(host) and ip_address(host).is_unspecified


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


class _KnownHosts:
    """Refuses requests to names that the server does not have."""

    def __init__(self, app: ASGIApp, names: Sequence[str]) -> None:
        hosts = [host for name in (*_LOOPBACK, *names) for host in _with_ports(name)]
        origins = [f"{scheme}://{host}" for scheme in ("http", "https") for host in hosts]
        settings = TransportSecuritySettings(allowed_hosts=hosts, allowed_origins=origins)
        self._checks = TransportSecurityMiddleware(settings)
        self._app = app

    async def __call__(self, scope: Connection, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            refusal = await self._checks.validate_request(Request(scope))
            if refusal is not None:
                told = {
                    "error": "unknown_host",
                    "error_description": "The request's Host or Origin is not one of this server's names. Start it "
                    "with --allow-host NAME.",
                }
                await _json(told, refusal.status_code)(scope, receive, send)
                return
        await self._app(scope, receive, send)


class _Door:
    """Lets in who shows a token, and notes who it is."""

    def __init__(self, app: ASGIApp, admission: Admission | None) -> None:
        self._app = app
        self._admission = admission

    async def __call__(self, scope: Connection, receive: Receive, send: Send) -> None:
        if self._admission is not None:
            request = Request(scope)
            try:
                caller = await self._admission.admit(_bearer(request), request.client.host if request.client else "")
            except RefusedError as error:
                await _refusal(error)(scope, receive, send)
                return
            remember(scope, caller)
            scope["user"] = _user(caller)  # the SDK binds a session to whom it belongs
        await self._app(scope, receive, send)


class _Presence:
    """Notes when the client closes the connection."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Connection, receive: Receive, send: Send) -> None:
        left = watch_leaving(scope)

        async def listen() -> Message:
            message = await receive()
            if message["type"] == "http.disconnect":
                left.set()
            return message

        await self._app(scope, listen, send)


def _with_ports(name: str) -> tuple[str, ...]:
    has_port = name.rpartition(":")[2].isdigit() and not name.endswith("]")
    return (name,) if has_port else (name, f"{name}:*")


def _bearer(request: Request) -> str | None:
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" and token.strip() else None


def _user(caller: Caller) -> AuthenticatedUser:
    whose = f"{caller.project or ''}/{caller.name}"
    return AuthenticatedUser(AccessToken(token="", client_id=whose, scopes=sorted(caller.scopes)))


def _refusal(error: RefusedError) -> Response:
    """Answer as RFC 6750 wants: the header says why, unless no token came at all."""
    headers = {}
    said = error.message.replace("\\", "").replace('"', "'")
    if error.status in {401, 403}:
        told = f', error="{error.error}", error_description="{said}"' if error.error else ""
        scope = ', scope="read"' if error.status == 403 else ""
        headers["WWW-Authenticate"] = f"{_REALM}{told}{scope}"
    if error.retry_after is not None:
        headers["Retry-After"] = f"{max(1, round(error.retry_after))}"
    told_body = {"error": error.error or "token_missing", "error_description": f"{error.message} {error.hint}".strip()}
    return _json(told_body, error.status, headers)


def _json(told: Any, status: int, headers: dict[str, str] | None = None) -> Response:
    return Response(orjson.dumps(told), status, headers, media_type="application/json")
