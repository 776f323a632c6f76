"""Messages: templates, segment counts, forecasts and the courier that delivers each once."""
