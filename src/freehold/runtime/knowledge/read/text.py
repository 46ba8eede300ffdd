"""Plain text: anything a person can read as it is, settings and logs among it."""

from typing import Final

from freehold.runtime.knowledge.decode import decode
from freehold.runtime.knowledge.read.contract import Head, Reader, Reading, Source
from freehold.runtime.knowledge.split import split_text


def _detects(_head: Head) -> bool:
    return False  # any text could be meant otherwise: the name decides


def _read(source: Source) -> Reading:
    return Reading(split_text(decode(source.data)))


READER: Final = Reader(
    summary="Plain text, logs, settings and data as written.",
    suffixes=(
        ".txt",
        ".text",
        ".log",
        ".json",
        ".jsonl",
        ".ndjson",
        ".json5",
        ".yaml",
        ".yml",
        ".toml",
        ".ini",
        ".cfg",
        ".conf",
        ".properties",
        ".env",
        ".xml",
        ".svg",
        ".xsd",
        ".xsl",
        ".plist",
        ".tex",
        ".bib",
        ".adoc",
        ".asciidoc",
        ".org",
        ".srt",
        ".vtt",
        ".ics",
        ".vcf",
        ".diff",
        ".patch",
    ),
    names=("license", "copying", "notice", "authors", "changelog", "todo"),
    detects=_detects,
    text=True,
    read=_read,
)
