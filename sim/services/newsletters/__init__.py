"""E-mail: subscribers by double opt-in, templates, campaigns, and the mails other services ask for."""
