"""What is inside the operators: machine code, the TensorIR it was made of, and loops.

Plain data, read from libraries (ELF, DWARF) without running anything, and what samples make of
it.
"""
