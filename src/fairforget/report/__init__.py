"""What a person looks at: one self-contained HTML file about a run."""

from fairforget.report.page import write_report

__all__ = ["write_report"]
