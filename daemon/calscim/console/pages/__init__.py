"""One module for each page. A module's ``routes`` are added to the application; nothing else has to know of it."""
