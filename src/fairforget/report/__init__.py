"""Reports: one self-contained HTML file about an evaluation, a run, a comparison or a study."""

from fairforget.report.page import check_report_extra, write_report

__all__ = ["check_report_extra", "write_report"]
