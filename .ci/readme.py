"""Print a fenced block of README.md, or run its Python code.

`readme.py bash 2` prints the second bash block; `readme.py python` runs all Python blocks in order, in one namespace,
and `readme.py python 2` the first two of them.
"""

import re
import sys
from pathlib import Path

README = Path(__file__).parent.parent / "README.md"

language = sys.argv[1]
blocks = re.findall(rf"^```{language}\n(.*?)^```", README.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)
number = int(sys.argv[2]) if len(sys.argv) > 2 else len(blocks)
if language == "python":
    exec(compile("\n".join(blocks[:number]), str(README), "exec"), {"__name__": "__main__"})
else:
    print(blocks[number - 1], end="")
