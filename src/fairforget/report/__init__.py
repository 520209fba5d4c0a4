"""Reports: one self-contained HTML file about the results in an output directory."""

from fairforget.report.page import write_report

__all__ = ["write_report"]
