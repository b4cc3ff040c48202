"""What an operation may ask for: size, cost, budgets, and which documents are accepted."""
