"""One self-contained HTML document: its frame, style, panels and tables."""
