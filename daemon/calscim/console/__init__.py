"""The console: web pages for operators, on their own listener.

A page reads and edits through ``admin``, like the command line: whatever a page can do, a verb can do. ``pages/`` has
one module for each page, and ``templates/`` its HTML.
"""
