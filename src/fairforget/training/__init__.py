"""From texts with harmful spans to trained weights that keep within a budget."""
