"""The local receiver of every alert channel: mail, Slack, webhook."""
