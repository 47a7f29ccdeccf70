"""Marks, scores, results, hand-over 评分."""
