"""The folder `mmaction.models.localizers.drn`, which the wheel of MMAction2 1.2.0 lacks and its modules import."""
