"""What all benches share: pairs in turn, statistics, records, processes, the page."""
