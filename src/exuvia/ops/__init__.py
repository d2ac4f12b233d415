"""Operating a database: advice."""
