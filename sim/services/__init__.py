"""What runs inside containers of ours. Nothing here imports the rest of the project: it is copied into images."""
