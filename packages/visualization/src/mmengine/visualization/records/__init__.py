"""What `LocalVisBackend` has written, read again: runs, their curves and configs."""
from mmengine.visualization.records.page import curves_page as curves_page
from mmengine.visualization.records.runs import Run as Run
from mmengine.visualization.records.runs import find_runs as find_runs
from mmengine.visualization.records.runs import open_run as open_run
from mmengine.visualization.records.series import Series as Series
from mmengine.visualization.records.series import read_series as read_series
