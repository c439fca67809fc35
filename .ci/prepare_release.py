"""Makes what PyPI shows true away from the repository: `python .ci/prepare_release.py ADDRESS REF`, before the sdist.

README.md's links to files get the address of the repository and the tag or commit; pyproject.toml gets [project.urls].
The address is known where a release is made, and only there: forks have their own. A tag must be the version's.
"""

import re
import sys
from pathlib import Path

LINK = re.compile(r"(!?)\[([^\]]*)\]\((?!https?:|#)([^)\s]+)\)")


def absolute_links(text: str, address: str, ref: str) -> str:
    """The page with its relative links made absolute; images are taken from where GitHub keeps raw files."""

    def absolute(match: re.Match[str]) -> str:
        image, label, target = match.groups()
        return f"{image}[{label}]({address}/{'raw' if image else 'blob'}/{ref}/{target})"

    return LINK.sub(absolute, text)


def with_urls(text: str, address: str) -> str:
    """pyproject.toml with the addresses of the project."""
    pages = {
        "Repository": address,
        "Documentation": f"{address}/tree/main/docs",
        "Changelog": f"{address}/blob/main/CHANGELOG.md",
        "Issues": f"{address}/issues",
    }
    table = "".join(f'{name} = "{page}"\n' for name, page in pages.items())
    head, scripts, rest = text.partition("[project.scripts]\n")
    if not scripts or "[project.urls]" in text:
        raise SystemExit("pyproject.toml: a table [project.scripts], and none [project.urls], were expected")
    return f"{head}[project.urls]\n{table}\n{scripts}{rest}"


def check_tag(text: str, ref: str) -> None:
    """Exit where the tag is another version's than pyproject.toml's."""
    version = re.search(r'^version = "(.*)"$', text, re.MULTILINE)[1]
    if re.match(r"v\d", ref) and ref != f"v{version}":
        raise SystemExit(f"the tag is {ref}, and pyproject.toml says version {version}: set the tag v{version}")


def main(address: str, ref: str) -> None:
    readme, project = Path("README.md"), Path("pyproject.toml")
    check_tag(project.read_text(encoding="utf-8"), ref)
    project.write_text(with_urls(project.read_text(encoding="utf-8"), address), encoding="utf-8")
    readme.write_text(absolute_links(readme.read_text(encoding="utf-8"), address, ref), encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
