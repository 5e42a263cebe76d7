"""The schema of websites_db, step by step."""
