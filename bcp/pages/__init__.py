"""All that people see as HTML: templates, one style sheet, one palette of states. It is handed plain data and knows
nothing of ours but the kernel."""
