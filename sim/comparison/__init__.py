"""Two builds, each run several times: what changed by more than noise, and what the runs cannot tell."""
