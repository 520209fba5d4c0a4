"""What a person looks at: one self-contained HTML file about a run."""

from fairforget.report.page import check_report_extra, write_report

__all__ = ["check_report_extra", "write_report"]
