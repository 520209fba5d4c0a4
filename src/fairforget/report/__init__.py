"""What a person looks at: one self-contained HTML file about a run."""

from fairforget.report.page import check_installed, write_report

__all__ = ["check_installed", "write_report"]
