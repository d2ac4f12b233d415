"""Reports: JSON for programs, one HTML file and the terminal for people."""
