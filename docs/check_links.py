"""Check that the relative links of the documentation lead to files and headings that exist."""

import re
import sys
from pathlib import Path
from urllib.parse import unquote

REPOSITORY = Path(__file__).resolve().parents[1]
LINK = re.compile(r"\[[^\]]*\]\(\s*<?([^)\s>]+)>?[^)]*\)")
FENCED_CODE = re.compile(r"^(```|~~~).*?^\1", re.MULTILINE | re.DOTALL)
INLINE_CODE = re.compile(r"`[^`\n]*`")
HEADING = re.compile(r"^#+\s+(.*?)\s*#*$", re.MULTILINE)


def documents(root: Path) -> list[Path]:
    """Return the Markdown files at the top and under docs/."""
    return sorted(root.glob("*.md")) + sorted((root / "docs").rglob("*.md"))


def anchors(document: Path) -> set[str]:
    """Return the anchors of the headings of a document, as GitHub spells them."""
    headings = HEADING.findall(FENCED_CODE.sub("", document.read_text(encoding="utf-8")))
    return {re.sub(r"[^\w\- ]", "", text).strip().lower().replace(" ", "-") for text in headings}


def broken_links(document: Path, root: Path) -> list[str]:
    """Return `file:line: what is wrong` for each relative link that leads nowhere."""
    text = document.read_text(encoding="utf-8")
    for code in (FENCED_CODE, INLINE_CODE):
        text = code.sub(lambda match: re.sub(r"[^\n]", " ", match[0]), text)
    found = []
    for match in LINK.finditer(text):
        if re.match(r"[a-z][a-z0-9+.-]*:", match[1], re.IGNORECASE):
            continue
        path, _, anchor = unquote(match[1]).partition("#")
        target = (document.parent / path).resolve() if path else document
        missing_anchor = anchor and target.suffix == ".md" and target.is_file()
        if not target.is_relative_to(root) or not target.exists():
            wrong = f"{match[1]} does not exist"
        elif missing_anchor and anchor not in anchors(target):
            wrong = f"{match[1]}: no such heading"
        else:
            continue
        line = text.count("\n", 0, match.start()) + 1
        found.append(f"{document.relative_to(root)}:{line}: {wrong}")
    return found


def main() -> int:
    """Print every broken link and return 1, or say how many documents were read and return 0."""
    read = documents(REPOSITORY)
    broken = [line for document in read for line in broken_links(document, REPOSITORY)]
    print("\n".join(broken) or f"links: {len(read)} documents, none broken")
    return int(bool(broken))


if __name__ == "__main__":
    sys.exit(main())
