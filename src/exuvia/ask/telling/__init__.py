"""From what was found to an answer: sentences, citations, budgets."""
