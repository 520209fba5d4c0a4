"""Selectors: texts → the characters that are harmful, each with a reason."""

from fairforget.selection.identity import identity_ranges, mentions_of
from fairforget.selection.methods import METHODS, Method, SelectionOptions, make_selector
from fairforget.selection.parallel import select_in_parallel
from fairforget.selection.score import SpanScore, SpanScorer, score_spans
from fairforget.selection.selected import SelectedSpan, SelectedText, Selector, select
from fairforget.selection.spans_file import write_spans

__all__ = [
    "METHODS",
    "Method",
    "SelectedSpan",
    "SelectedText",
    "SelectionOptions",
    "Selector",
    "SpanScore",
    "SpanScorer",
    "identity_ranges",
    "make_selector",
    "mentions_of",
    "score_spans",
    "select",
    "select_in_parallel",
    "write_spans",
]
