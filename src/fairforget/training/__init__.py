"""Training: from texts with harmful spans to weights within the budget."""
