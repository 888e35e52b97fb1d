"""What of an older config would change today, and why; the command is `mmengine migrate`."""
from mmengine.config.migration.draft import Draft as Draft
from mmengine.config.migration.draft import Finding as Finding
from mmengine.config.migration.rules import migrate_config as migrate_config
