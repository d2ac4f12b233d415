"""What questions about a project cost an agent that reads its Markdown files, and one that calls the memory's tools."""
