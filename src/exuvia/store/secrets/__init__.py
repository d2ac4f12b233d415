"""Named secrets of a project, encrypted: what the database holds cannot be read without the keys."""

from exuvia.store.secrets.records import Secret
from exuvia.store.secrets.secrets import Secrets

__all__ = ["Secret", "Secrets"]
