"""The exam itself 考试: attempts, the answer journal, the exam clock."""
