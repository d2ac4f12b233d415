"""Who did what to which row, and when: entries that are only added, each with the hash of the one before it."""

from exuvia.store.audit.audit import Audit
from exuvia.store.audit.records import AuditEntry, AuditHead, BrokenLink, Chain

__all__ = ["Audit", "AuditEntry", "AuditHead", "BrokenLink", "Chain"]
