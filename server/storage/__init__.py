"""Database plumbing; knows nothing about exams."""
