"""Where threads were, at a rate: samples, and what they are of. Plain data, without TVM."""
