"""The clients of the three REST APIs, and the parts that they share: calls, answers, records, transport."""
