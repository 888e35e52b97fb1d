"""YAML files, read and written without Python objects in them."""
from __future__ import annotations

from typing import IO, Any

from mmengine.fileio.handlers.base import BaseFileHandler


class YamlHandler(BaseFileHandler):
    """YAML through the safe loader; pass `Loader=` or `Dumper=` for another one."""

    def load_from_fileobj(self, file: IO[Any], **kwargs: Any) -> Any:
        """Read an object from an open file."""
        from mmengine.fileio.handlers.plain_yaml import SafeLoader, yaml
        kwargs.setdefault('Loader', SafeLoader)
        return yaml.load(file, **kwargs)

    def dump_to_fileobj(self, obj: Any, file: IO[Any], **kwargs: Any) -> None:
        """Write an object to an open file."""
        from mmengine.fileio.handlers.plain_yaml import SafeDumper, yaml
        kwargs.setdefault('Dumper', SafeDumper)
        yaml.dump(obj, file, **kwargs)

    def dump_to_str(self, obj: Any, **kwargs: Any) -> str:
        """Write an object to a string."""
        from mmengine.fileio.handlers.plain_yaml import SafeDumper, yaml
        kwargs.setdefault('Dumper', SafeDumper)
        text: str = yaml.dump(obj, **kwargs)
        return text
