"""How records get from a visualizer to its backends: copied, in order, guarded, and without holding up the run."""
