"""The catalogue of tools over the Model Context Protocol, by its official SDK."""
