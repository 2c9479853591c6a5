"""Speed as ratios: this project and a peer in the same run, their arms interleaved. Figures in docs/benchmarks.md."""
