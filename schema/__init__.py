"""The schema: types, inputs, and the roots Query, Mutation and Subscription; no I/O."""
