"""The report page of a transfer study, built from the tables and plots of `fairforget.report`."""
