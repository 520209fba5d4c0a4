"""The transfer study: what unlearning one bias does to the others."""
