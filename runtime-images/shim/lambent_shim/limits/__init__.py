"""What processes use of memory, disk and the kernel, read and bounded."""
