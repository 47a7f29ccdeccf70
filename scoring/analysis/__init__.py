"""From the answers of a sitting to what is known of items, papers and pairs of papers: collecting, computing, telling."""
