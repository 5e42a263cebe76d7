"""What is asked of a pod network and what it answers: edges, outcomes, listeners, flows. Values and one protocol."""
