"""The schema of auth_db, step by step."""
