"""The schema of contacts_db, step by step."""
