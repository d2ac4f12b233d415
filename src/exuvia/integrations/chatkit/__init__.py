"""OpenAI ChatKit's store, on SQLite and PostgreSQL alike.

::

    async with exuvia.open("sqlite:///memory.db") as store:
        server = MyChatKitServer(ExuviaStore(store, lambda context: Whose("shop", context.user_id)))

See https://openai.github.io/chatkit-python/.
"""

from exuvia.integrations.packages import missing

try:
    import chatkit.server  # noqa: F401 - only to tell whether it can be
except ImportError as error:
    raise missing(error, "openai-chatkit", "chatkit") from error

from exuvia.integrations.chatkit.attachments import ExuviaAttachmentStore
from exuvia.integrations.chatkit.requests import Whose
from exuvia.integrations.chatkit.store import ExuviaStore

__all__ = ["ExuviaAttachmentStore", "ExuviaStore", "Whose"]
