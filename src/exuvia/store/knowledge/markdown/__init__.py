"""Plans, sessions and events as Markdown files with YAML front matter, to be read, edited and kept in git."""

from exuvia.store.knowledge.markdown.exporting import ExportedMarkdown, export_markdown
from exuvia.store.knowledge.markdown.importing import ImportedMarkdown, import_markdown
from exuvia.store.knowledge.markdown.problems import MarkdownError

__all__ = ["ExportedMarkdown", "ImportedMarkdown", "MarkdownError", "export_markdown", "import_markdown"]
