"""What `transfer`, `leaderboard` and `durability` share: many runs in one output directory."""
