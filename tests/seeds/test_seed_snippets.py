"""No snippet is left out: what kinds are found, and that one that is not known is an error."""
from __future__ import annotations

import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
DOCUMENT = """
1. a list

    ``` bash
    !pip install nothing
    ```

```python (12)
Runner(model)
```
```
x={'a': 1}
```
```toml
a = 1
```
| `interval` | (`int`) `50` |
"""


def test_every_kind_is_found(tmp_path: Path, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    monkeypatch.syspath_prepend(str(HERE))
    from snippets import read_document
    (tmp_path / 'page.txt').write_text(DOCUMENT)
    found = read_document(tmp_path / 'page.txt')
    assert [(snippet.kind, snippet.line) for snippet in found] == [
        ('notebook', 4), ('python', 8), ('python', 11), ('toml', 14), ('arguments', 17)]
    assert found[0].code == '!pip install nothing\n'


def test_what_is_not_known_is_an_error(tmp_path: Path) -> None:
    (tmp_path / 'page.txt').write_text('```python\nmystery()\n```\n```toml\na = 1\n```\n```bash\nrm -rf nothing\n```\n')
    command = [sys.executable, str(HERE / 'run.py'), str(tmp_path), '--corpus', str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 1, done.stdout + done.stderr
    assert '3 snippets, 3 failed' in done.stdout
    for words in ('page.txt:1: 0 kinds in cases.py know this snippet', "page.txt:4: a snippet of kind 'toml'",
                  "page.txt:7: the command 'rm -rf nothing' is not known"):
        assert words in done.stdout
