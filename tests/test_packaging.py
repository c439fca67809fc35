"""What is released: one version everywhere, wheels that hold what they should, pages that are true away from here."""

import re
import runpy
import sys
from importlib import metadata
from pathlib import Path

import pytest

import fastsgns
from fastsgns._train import compiled_variants

ROOT = Path(__file__).resolve().parent.parent


def text_of(name):
    path = ROOT / name
    if not path.exists():
        pytest.skip(f"the tests are here without {name}")
    return path.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("name", "pattern"),
    [
        ("pyproject.toml", r'^version = "(.+)"$'),
        ("CITATION.cff", r"^version: (.+)$"),
        ("CHANGELOG.md", r"^## \[?(\d[\w.]*)"),  # the newest comes first
    ],
)
def test_versions_agree(name, pattern):
    assert re.search(pattern, text_of(name), re.MULTILINE)[1] == fastsgns.__version__ == metadata.version("fastsgns")


def test_the_wheel_holds_what_it_should():
    folder = Path(fastsgns.__path__[0])
    if (folder / "_c").exists():
        pytest.skip("fastsgns is used from its source folder")
    files = [path.as_posix() for path in metadata.files("fastsgns") if "__pycache__" not in path.parts]
    suffixes = {path.rpartition(".")[2] for path in files if path.startswith("fastsgns/")}
    library = "pyd" if sys.platform == "win32" else "so"
    assert suffixes == {"py", "pyi", "pyx", "typed", "js", "css", "html", library}
    modules = {Path(path).name.split(".")[0] for path in files if path.endswith(f".{library}")}
    assert modules == {Path(path).stem for path in files if path.endswith(".pyx")}
    others = {path.partition("/")[0] for path in files if not path.startswith(("fastsgns/", ".."))}
    assert others == {f"fastsgns-{fastsgns.__version__}.dist-info"}  # no tests, no benchmarks


def test_licences_are_in_the_wheel_and_that_of_d3_is_what_its_file_says():
    licences = {path.name: path for path in metadata.files("fastsgns") if ".dist-info/licenses/" in path.as_posix()}
    assert set(licences) == {"LICENSE", "LICENSE.d3"}
    licence = licences["LICENSE.d3"].read_text(encoding="utf-8").partition("npm:\n\n")[2]
    script = Path(fastsgns.__path__[0], "_page", "d3.min.js").read_text(encoding="utf-8")
    header = script.partition("*/")[0]
    assert len(licence.splitlines()) > 50 and header.rstrip().endswith(licence.rstrip())


@pytest.mark.skipif(not Path("/proc/cpuinfo").exists(), reason="Linux tells what the processor can")
def test_kernels_are_found_where_the_processor_has_them():
    """A compiler's own question may answer no to everything (zig's does), and the wheel is slow without a word."""
    flags = set(Path("/proc/cpuinfo").read_text(encoding="utf-8").split())
    needed = {"avx2": {"avx2", "fma"}, "avx512": {"avx2", "fma", "avx512f"}}
    variants = compiled_variants()
    if not variants.keys() & needed.keys():
        pytest.skip("not an x86-64")
    assert {name: variants[name] for name in needed} == {name: flags >= wanted for name, wanted in needed.items()}


@pytest.fixture(scope="module")
def prepare():
    script = ROOT / ".ci" / "prepare_release.py"
    if not script.exists():
        pytest.skip("the tests are here without .ci")
    return runpy.run_path(str(script))


def test_the_readme_of_a_release_links_to_the_repository(prepare):
    text = text_of("README.md")
    absolute = prepare["absolute_links"](text, "https://example.org/o/fastsgns", "v1.2.3")
    assert "(https://example.org/o/fastsgns/raw/v1.2.3/benchmarks/speed.png)" in absolute
    links = re.findall(r"\]\(([^)]+)\)", absolute)
    assert links and all(link.startswith(("https://", "#")) for link in links)
    prefix = re.compile(r"https://example\.org/o/fastsgns/(?:raw|blob)/v1\.2\.3/")
    linked = {prefix.sub("", link).partition("#")[0] for link in links if prefix.match(link)}
    assert linked and all((ROOT / path).exists() for path in linked)
    assert prefix.sub("", absolute) == text  # nothing else has changed


def test_the_project_of_a_release_has_addresses(prepare):
    text = text_of("pyproject.toml")
    with_urls = prepare["with_urls"](text, "https://example.org/o/fastsgns")
    assert '\n[project.urls]\nRepository = "https://example.org/o/fastsgns"\n' in with_urls
    with pytest.raises(SystemExit, match="none"):
        prepare["with_urls"](with_urls, "https://example.org/o/fastsgns")


def test_a_tag_must_be_the_version(prepare):
    text = text_of("pyproject.toml")
    for ref in (f"v{fastsgns.__version__}", "0123abc"):
        prepare["check_tag"](text, ref)
    with pytest.raises(SystemExit, match=r"the tag is v99\.0\.0"):
        prepare["check_tag"](text, "v99.0.0")
