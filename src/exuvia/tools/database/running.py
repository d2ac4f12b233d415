"""Running a caller's statement under the policy, with errors that help its writer."""

from __future__ import annotations

from collections.abc import Sequence

from exuvia.errors import ExuviaError
from exuvia.guard import Bounds, Level, Result
from exuvia.guard.result import WHOLE
from exuvia.tools.database.failures import Written, explained
from exuvia.tools.frame import Call
from exuvia.tools.frame.outputs import Json


async def run(
    call: Call, sql: str, *, level: Level, values: Sequence[Json] = (), bounds: Bounds = WHOLE, prefix: str = ""
) -> Result:
    """Judge one statement and run it.

    Args:
        call: The call.
        sql: The statement.
        level: What the tool is for.
        values: Of its parameters.
        bounds: Which part of the answer is wanted.
        prefix: What the tool itself puts before the statement.

    Raises:
        DeniedError: The policy does not allow it.
        StatementError: The database cannot run it as it is written.
        TargetError: It takes too long, or the database is away.
    """
    database = await call.desk.database()
    try:
        return await database.run(prefix + sql, level=level, values=values, bounds=bounds)
    except ExuviaError as error:
        raise await explained(error, call, database, Written(sql, level, prefix)) from error
