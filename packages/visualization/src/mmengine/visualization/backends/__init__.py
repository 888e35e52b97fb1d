"""Where records go: the base class of all trackers, and the one that writes plain files."""
