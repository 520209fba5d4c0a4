"""Reports: one self-contained HTML file about the results in an output directory."""

from fairforget.extras import check_report_extra
from fairforget.report.page import write_report

__all__ = ["check_report_extra", "write_report"]
