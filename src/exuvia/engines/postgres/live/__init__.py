"""The target's side of a live move: what is known of it, and the tables that are brought up to date round by round."""
