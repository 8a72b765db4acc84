#!/usr/bin/env python3
"""Writes a file's bytes and a NUL as a C array: embed.py NAME INPUT OUTPUT. Run by meson."""
import sys

name, source, target = sys.argv[1:]
data = open(source, "rb").read()
with open(target, "w", encoding="ascii") as out:
    out.write(f"#include <stddef.h>\n\nextern const char {name}[];\nextern const size_t {name}_size;\n\n")
    out.write(f"const char {name}[] = {{\n")
    for start in range(0, len(data), 20):
        row = data[start : start + 20]
        out.write("\t" + " ".join(f"{byte if byte < 128 else byte - 256}," for byte in row) + "\n")
    out.write(f"\t0}};\nconst size_t {name}_size = sizeof {name} - 1;\n")
