"""What a service, ours or the real one, promises to the others: data only, nothing that connects."""
