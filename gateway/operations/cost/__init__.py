"""What an operation costs before it runs, and the budgets it is charged to."""
