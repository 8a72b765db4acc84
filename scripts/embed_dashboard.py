#!/usr/bin/env python3
"""Writes the dashboard's files as C arrays for src/api/dashboard.c, each as it is and compressed:
embed_dashboard.py OUTPUT FILE... Run by meson.

All names have the hash of all files in their path, so a browser may keep them for ever. In index.html,
which has no hash in its own, @VERSION@ becomes the hash."""
import gzip
import hashlib
import pathlib
import sys

MEDIA_TYPES = {".html": "text/html; charset=utf-8", ".css": "text/css; charset=utf-8",
               ".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml"}

# src/api/dashboard.c has the same struct.
HEAD = """#include "dlrd/base/slice.h"

struct dashboard_file {
	struct slice path;
	const char *media_type;
	struct slice plain, gzipped;
};

extern const struct dashboard_file dashboard_files[];
extern const size_t dashboard_file_count;
extern const char dashboard_etag[];

"""

target, *names = sys.argv[1:]
files = sorted(map(pathlib.Path, names), key=lambda file: file.name)
total = hashlib.sha256()
for file in files:
    data = file.read_bytes()
    total.update(f"{file.name}\0{len(data)}\0".encode() + data)
version = total.hexdigest()[:16]


def array(name, data):
    rows = (data[start:start + 20] for start in range(0, len(data), 20))
    lines = ("\t" + " ".join(f"{byte if byte < 128 else byte - 256}," for byte in row) for row in rows)
    return f"static const char {name}[] = {{\n" + "\n".join(lines) + "\n};\n"


with open(target, "w", encoding="ascii") as out:
    out.write(HEAD)
    entries = []
    for index, file in enumerate(files):
        data = file.read_bytes()
        page = file.suffix == ".html"
        if page:
            data = data.replace(b"@VERSION@", version.encode())
        path = "/" if page else f"/assets/{version}/{file.name}"
        out.write(array(f"plain_{index}", data))
        out.write(array(f"gzipped_{index}", gzip.compress(data, 9, mtime=0)))
        entries.append(f'\t{{SLICE_INIT("{path}"), "{MEDIA_TYPES[file.suffix]}",\n'
                       f"\t    {{plain_{index}, sizeof plain_{index}}}, {{gzipped_{index}, sizeof gzipped_{index}}}}},\n")
    out.write(f'\nconst char dashboard_etag[] = "W/\\"{version}\\"";\n')
    out.write("const struct dashboard_file dashboard_files[] = {\n" + "".join(entries) + "};\n")
    out.write("const size_t dashboard_file_count = sizeof dashboard_files / sizeof dashboard_files[0];\n")
