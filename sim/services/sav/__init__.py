"""Customer support: tickets, their messages, and attachments in a private bucket."""
