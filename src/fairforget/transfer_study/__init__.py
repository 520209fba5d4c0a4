"""The transfer study: how unlearning one bias changes the others.

This package is an application of the library, not part of its core. Its modules use all other
packages; no other package imports them, apart from the command line, which runs the study, and
`fairforget.report`, which finds the page of a study by the name of its module.

From the bottom up: `plan` lists the runs, `runs` executes one, `verdicts`, `rows` and `matrix`
compute the results, `study` combines all of this, and `report` shows the record.
"""
