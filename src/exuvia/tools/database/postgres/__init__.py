"""What is asked of PostgreSQL about itself."""
