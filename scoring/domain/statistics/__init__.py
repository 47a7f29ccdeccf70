"""What the answers say: item analysis, calibration, DIF, similar papers, answer behaviour. Pure NumPy, no I/O, no clock.

Everything starts from a `ResponseMatrix`. Nothing here returns NaN: a figure that does not exist is `None`, and a reason
stands beside it. Methods, formulas and sources: deploy/docs/statistics.md.
"""
