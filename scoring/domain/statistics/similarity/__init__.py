"""Similar papers 雷同: screening all pairs, exact indices for those that stand out, an error budget for each family of pairs.

Statistics open a case for a reviewer. Nothing is voided by a number.
"""
