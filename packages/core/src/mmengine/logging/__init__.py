"""Logging: the logger of a run, the histories of its scalars, and the hub that its components share."""
from mmengine.logging.history_buffer import HistoryBuffer as HistoryBuffer
from mmengine.logging.logger import MMLogger as MMLogger
from mmengine.logging.logger import print_log as print_log
from mmengine.logging.message_hub import MessageHub as MessageHub
