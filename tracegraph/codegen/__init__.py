"""Code generation: graph -> kernels -> loop programs -> LLVM text -> machine code."""
