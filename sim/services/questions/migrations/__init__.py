"""The schema of questions_db, step by step."""
