"""The three REST APIs: what they are called, how they are asked, and what they answer."""
