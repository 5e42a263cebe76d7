"""What numbers can bear: percentiles and shares with their bounds, warm-up, ratios beyond noise, error budgets.

Pure functions of samples. Whatever is random takes a seeded generator.
"""
