"""Reading questions in plain English: words, time words, names, shapes."""
