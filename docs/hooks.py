"""Puts the pages of the reference, which are made of the components, into the site."""

from __future__ import annotations

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

from streammtl.component import FAMILIES
from streammtl.run.reference import pages


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages of the reference."""
    made = pages()
    for name, text in made.items():
        files.append(File.generated(config, f"reference/{name}.md", content=text))
    families = "\n".join(f"- [{name}]({name}.md)" for name in FAMILIES)
    index = f"# Reference\n\nOf everything that can be configured.\n\n- [Sections](configuration.md)\n{families}\n"
    files.append(File.generated(config, "reference/index.md", content=index))
    return files
