"""The report as one HTML page: its text and tables are written here, its charts are drawn by the browser."""
