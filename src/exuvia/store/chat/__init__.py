"""Chat: threads, the items in them (messages, tool calls, widgets …) in an order that nobody loses a place in, and
attachments.

A thread has an owner, the user whose it is, who never changes. Calls that are given an owner see nothing of others'.
"""

from exuvia.store.chat.chat import Chat
from exuvia.store.chat.records import Attachment, Item, NewItem, Thread

__all__ = ["Attachment", "Chat", "Item", "NewItem", "Thread"]
