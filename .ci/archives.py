"""Look into the sdist and the wheel of a folder: what is in them, and the text that an index shows.

`archives.py DIST TREE`, where TREE is the tree that they were built from.
"""

import re
import sys
import tarfile
import zipfile
from email import message_from_bytes
from pathlib import Path

dist, tree = Path(sys.argv[1]), Path(sys.argv[2])
(sdist,) = dist.glob("*.tar.gz")
(wheel,) = dist.glob("*.whl")


def files_under(*folders: str) -> set[str]:
    """Return the files of the tree, without those that a build of the site or a run made."""
    made = re.compile(r"docs/(_build|api|auto_examples)/|__pycache__|\.egg-info|docs/examples/.*\.png$")
    paths = {str(path.relative_to(tree)) for folder in folders for path in tree.glob(folder) if path.is_file()}
    return {path for path in paths if not made.search(path)}


def check(label: str, wrong: object) -> None:
    """End with the label and what is wrong, if anything is."""
    if wrong:
        raise SystemExit(f"{label}: {wrong}")


package = files_under("sk_optuna/**/*.py", "sk_optuna/py.typed")

# The wheel: the package and its metadata.
with zipfile.ZipFile(wheel) as archive:
    contents = {name: archive.read(name) for name in archive.namelist()}
info = next(name for name in contents if name.endswith("/METADATA")).rpartition("/")[0]
about = {f"{info}/{name}" for name in ("METADATA", "RECORD", "WHEEL", "top_level.txt", "licenses/LICENSE")}
check("The wheel and the tree differ in", set(contents) ^ (package | about))

# The sdist: what the tests, docs, benchmarks and CI need, too.
with tarfile.open(sdist) as archive:
    members = [member for member in archive.getmembers() if member.isfile()]
    packed = {member.name.partition("/")[2]: archive.extractfile(member).read() for member in members}
root = ("*.cff", "*.cfg", "*.in", "*.md", "*.py", "*.toml", "LICENSE", ".gitignore", ".pre-commit-config.yaml")
folders = (f"{folder}/**/*" for folder in (".ci", "benchmarks", "docs", "scripts", "tests"))
needed = package | files_under(*root, *folders)
check("The sdist lacks", sorted(needed - set(packed)))
written = {"PKG-INFO"} | {name for name in packed if name.startswith("sk_optuna.egg-info/")}
check("The sdist has beside the tree's files", sorted(set(packed) - needed - written))
check("The sdist's metadata are not the wheel's", contents[f"{info}/METADATA"] != packed["PKG-INFO"])

# Neither names the machine that built them.
places = {str(place.resolve()).encode() for place in (tree, dist.parent, Path(sys.prefix).parent)} - {b"/"}
named = [name for name, text in (contents | packed).items() if any(place in text for place in places)]
check("A path of this machine is in", named)

# The text for an index.
description = message_from_bytes(packed["PKG-INFO"]).get_payload()
check("The description is short", len(description) < 2000)
targets = re.findall(r"\]\(([^)]*)\)|(?:href|src)=\"([^\"]*)\"|^\[[^\]]+\]:\s*(\S+)", description, re.MULTILINE)
check("Links that lead nowhere from an index", [t for t in map("".join, targets) if not re.match("https?://|#", t)])
print(f"{sdist.name}: {len(packed)} files. {wheel.name}: {len(contents)} files.")
