"""What a person can do, each deed once with its checks.
The doors (command line, console, API, hooks, texts, chat) parse, call and show."""
