"""A durability measurement as tables in the terminal."""

from __future__ import annotations

from fairforget.attacks.page import headline, main_score
from fairforget.attacks.record import DurabilityRecord
from fairforget.attacks.tables import effects_of, effects_table, half_lives_table
from fairforget.report.terminal import print_table
from fairforget.terminal.tables import print_lines


def show_durability(record: DurabilityRecord) -> None:
    """Show what is left of the effect in the domains that were unlearned, and the half-lives."""
    if score := main_score(record):
        for domain in record.domains:
            if effects_of(record, score, domain):
                print_table(effects_table(record, score, domain))
        if half_lives := half_lives_table(record, score):
            print_table(half_lives)
    print_lines(headline(record).sentences)
