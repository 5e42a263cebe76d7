"""Auth: who somebody is and what they may do. It signs access tokens; the gateway verifies them by itself."""
