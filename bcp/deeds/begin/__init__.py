"""The first configuration: what is asked, how each answer is checked, what is found out, and what is written."""
