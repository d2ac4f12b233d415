"""What is told of a secret without its value."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from exuvia.store.core.shapes import Shape
from exuvia.store.core.values import Json


@dataclass(frozen=True, slots=True)
class Secret:
    """A secret, without its value.

    Args:
        project_id: The project.
        name: Its name.
        version: 1, and one more each time that it is put.
        key_id: The key that it is encrypted under.
        data: What may be known about it.
        created_at: When it was first put.
        updated_at: When it was last put.
    """

    project_id: str
    name: str
    version: int
    key_id: str
    data: Json
    created_at: datetime
    updated_at: datetime


SECRET: Final = Shape(Secret)
