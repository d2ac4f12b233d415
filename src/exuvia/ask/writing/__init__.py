"""Answers in a model's words, held to their sources."""
