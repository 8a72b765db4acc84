#!/usr/bin/python3
"""Reads the tree and checks its structure: floors, doors, pairs, names.

Folders are floors: an include points down or sideways within its folder, never up. Each foreign
library has one door. Every src/FOLDER/x.c has its header. The headers through which the store and
the journal are used have no SQL. A header that only its folder includes is next to its sources in
src/FOLDER/ and is included by its name alone; include/dlrd/FOLDER/ has the headers that other folders
include. Modules that reach each other by includes, in however many steps, are a cycle. Invented trees test
that the checks can fail.
"""
import pathlib
import re
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]

FLOORS = {
    'base': 0,
    'twilio': 1, 'model': 1,
    'request': 2, 'engine': 2,
    'journal': 3, 'store': 3,
    'projector': 4, 'query': 4, 'refused': 4,
    'intake': 5, 'api': 5,
    'daemon': 6,
    'cli': 7,  # and main.c
    'simulate': 8, 'url': 8,  # tools: commands that only main's table names
}

# Header of a library, and the files (without their ending) or folders that may include it.
DOORS = [
    (r'microhttpd\.h', ['intake/', 'api/']),
    (r'sqlite3\.h', ['base/sqlite', 'base/sqlite_recovery', 'base/sqlite_rows', 'engine/', 'journal/', 'refused/']),
    (r'dlrd/base/sqlite\.h', ['base/sqlite', 'base/sqlite_rows', 'engine/', 'journal/', 'refused/']),
    (r'sodium(/.*)?\.h', ['twilio/signature']),
    (r'nettle/.*', ['twilio/signature']),
    (r'ini\.h', ['base/ini']),
    (r'jansson\.h', ['base/json']),
    (r'systemd/.*', ['daemon/systemd']),
]

# Sources that need no header: each subcommand is a row of a table, and error_pages and received
# stand in for functions of libraries.
HEADERLESS = re.compile(
    r'cli/[a-z_]+|simulate/simulate|url/url|main|intake/(error_pages|received)')

# Modules that reach each other, each set with the reason. No others may.
CYCLES = {
    ('api/ask', 'api/campaigns', 'api/dashboard', 'api/endpoints', 'api/events', 'api/list', 'api/optouts',
     'api/question', 'api/questions', 'api/refusals', 'api/session', 'api/upkeep'): 'a route names its function, which takes the question',
    ('intake/intake', 'intake/loop', 'intake/request', 'intake/state'):
        'state.h has the structs of the other three, and the options of intake.h in one of them',
}

VAGUE_NAMES = {'common', 'util', 'utils', 'misc', 'helper', 'helpers'}

# Headers that a second engine would implement, too.
NO_SQL = ['engine/*.h', 'store/*.h', 'journal/*.h', 'refused/*.h']
SQL = re.compile(r'\b(SELECT|INSERT|UPDATE|DELETE FROM|CREATE TABLE|PRAGMA|WHERE|JOIN|sqlite3)\b')

INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]', re.MULTILINE)


def module_of(root, path):
    """'store/reader' for src/store/reader.c and for include/dlrd/store/reader.h."""
    for base in (root / 'src', root / 'include' / 'dlrd'):
        if base in path.parents:
            module = path.relative_to(base).with_suffix('').as_posix()
            return module.replace('engine/sqlite/', 'engine/')
    raise ValueError(path)


def folder_of(module):
    return module.split('/')[0] if '/' in module else 'cli'


def floor_of(module):
    return FLOORS[folder_of(module)]


def sources(root):
    return sorted([*(root / 'src').rglob('*.c'), *(root / 'src').rglob('*.h'),
                   *(root / 'include').rglob('*.h')])


def is_private(root, module):
    return any((root / 'src' / f'{name}.h').exists()
               for name in (module, module.replace('engine/', 'engine/sqlite/')))


def target_of(root, path, header):
    """The module whose header an include names, as module_of returns it; None if not of this tree."""
    if header.startswith('dlrd/'):
        return header[len('dlrd/'):].removesuffix('.h')
    beside = path.parent / header
    return module_of(root, beside) if beside.exists() else None


def check_private(root):
    """A header is public if another folder includes it, or a public header does."""
    included_by = {}
    for path in sources(root):
        for _, header in INCLUDE.findall(path.read_text()):
            target = target_of(root, path, header)
            if target is not None:
                included_by.setdefault(target, set()).add(path)
    public, changed = set(), True
    while changed:
        before = len(public)
        public |= {target for target, paths in included_by.items()
                   if any(folder_of(module_of(root, path)) != folder_of(target) or
                          (path.suffix == '.h' and module_of(root, path) in public)
                          for path in paths)}
        changed = len(public) > before
    for path in sorted((root / 'include' / 'dlrd').rglob('*.h')):
        if module_of(root, path) not in public and included_by:
            yield f'{module_of(root, path)}: no other folder includes it: it belongs to src/'


def reached(uses, module):
    """The modules that it includes, directly or through others."""
    found, rest = set(), [module]
    while rest:
        new = uses.get(rest.pop(), set()) - found
        found |= new
        rest += new
    return found


def cycles(root):
    """Sets of modules that reach each other by includes, in alphabetical order."""
    uses = {}
    for path in sources(root):
        module = module_of(root, path)
        for _, header in INCLUDE.findall(path.read_text()):
            target = target_of(root, path, header)
            if target is not None and target != module:
                uses.setdefault(module, set()).add(target)
    reach = {module: reached(uses, module) for module in uses}
    return sorted({tuple(sorted(other for other in reach[module] if module in reach.get(other, ())))
                   for module in uses if module in reach[module]})


def check_include(module, kind, header):
    if header.startswith('dlrd/'):
        target = header[len('dlrd/'):].removesuffix('.h')
        if folder_of(target) not in FLOORS:
            yield f'{module}: {header} is in no known folder'
        elif folder_of(target) != folder_of(module) and floor_of(target) >= floor_of(module):
            yield f'{module}: {header} is not on a lower floor'
    elif kind == '"' and '/' in header:
        yield f'{module}: "{header}" is a private header of another folder'
    for pattern, allowed in DOORS:
        if re.fullmatch(pattern, header) and not any(
                module.startswith(door) if door.endswith('/') else module == door
                for door in allowed):
            yield f'{module}: {header} has its door in {", ".join(allowed)}'


def check_file(root, path):
    module = module_of(root, path)
    if folder_of(module) not in FLOORS:
        yield f'{path}: no floor is known for {folder_of(module)}/'
        return
    for kind, header in INCLUDE.findall(path.read_text()):
        yield from check_include(module, kind, header)
    if path.stem in VAGUE_NAMES:
        yield f'{module}: a name that says nothing'
    header = root / 'include' / 'dlrd' / f'{module}.h'
    if (path.suffix == '.c' and not HEADERLESS.fullmatch(module) and not header.exists() and
            not is_private(root, module)):
        yield f'{module}: has no header'


def problems(root):
    """Every breach in the tree at root, as a line each."""
    found = []
    for path in sources(root):
        found += check_file(root, path)
    found += check_private(root)
    found += [f'{", ".join(cycle)}: include each other' for cycle in cycles(root) if cycle not in CYCLES]
    for pattern in NO_SQL:
        for path in sorted((root / 'include' / 'dlrd').glob(pattern)):
            found += [f'{path.relative_to(root)}: speaks SQL: {word}'
                      for word in SQL.findall(path.read_text())]
    return found


class Tree(unittest.TestCase):
    def test_the_tree_was_found(self):
        self.assertGreater(len(sources(ROOT)), 50)
        found = {folder_of(module_of(ROOT, path)) for path in sources(ROOT)}
        self.assertEqual(found, set(FLOORS))

    def test_the_tree_holds(self):
        self.assertEqual(problems(ROOT), [])

    def test_each_cycle_that_is_allowed_is_there(self):
        self.assertEqual(cycles(ROOT), sorted(CYCLES))

    def test_each_header_without_sql_is_there(self):
        for pattern in NO_SQL:
            self.assertTrue(list((ROOT / 'include' / 'dlrd').glob(pattern)), pattern)

    def test_each_door_is_used(self):
        """A door without users is a rule that tests nothing."""
        headers = {header for path in sources(ROOT)
                   for _, header in INCLUDE.findall(path.read_text())}
        for pattern, _ in DOORS:
            self.assertTrue(any(re.fullmatch(pattern, header) for header in headers), pattern)


class MadeUpTrees(unittest.TestCase):
    """The same checks on trees that break one rule each."""

    def problems_of(self, files):
        with tempfile.TemporaryDirectory() as directory:
            root = pathlib.Path(directory)
            for name, text in files.items():
                path = root / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text)
            return problems(root)

    def assert_one(self, files, part):
        found = self.problems_of(files)
        self.assertEqual(len(found), 1, found)
        self.assertIn(part, found[0])

    def test_a_good_tree_passes(self):
        self.assertEqual([], self.problems_of({
            'src/base/a.h': '#include <stddef.h>\n',
            'include/dlrd/engine/b.h': '#include "dlrd/base/a.h"\n',
            'src/engine/sqlite/b.c': '#include "dlrd/engine/b.h"\n#include <sqlite3.h>\n',
            'src/store/c.h': '#include "dlrd/engine/b.h"\n',
            'src/store/d.h': '',
            'src/store/d.c': '#include "d.h"\n#include "c.h"\n',
            'src/base/a.c': '#include "dlrd/base/a.h"\n',
            'src/cli/sub.c': '#include "dlrd/engine/b.h"\n',
            'include/dlrd/cli/cli.h': '',
            'src/url/url.c': '#include "dlrd/cli/cli.h"\n',
            'src/main.c': '#include "dlrd/base/a.h"\n#include "dlrd/cli/cli.h"\n',
        }))

    def test_an_include_that_points_up_is_seen(self):
        self.assert_one({'src/base/a.h': '#include "dlrd/store/b.h"\n'}, 'lower floor')

    def test_an_include_sideways_into_another_folder_is_seen(self):
        self.assert_one({'src/store/a.h': '# include "dlrd/journal/b.h"\n'},
                        'lower floor')
        self.assert_one({'src/api/a.h': '#include "dlrd/intake/b.h"\n'}, 'lower floor')
        self.assert_one({'src/url/a.h': '#include "dlrd/simulate/b.h"\n'}, 'lower floor')

    def test_an_include_in_a_source_counts_too(self):
        self.assert_one({'src/model/a.h': '',
                         'src/model/a.c': '#include "dlrd/twilio/b.h"\n'}, 'lower floor')

    def test_a_library_beside_its_door_is_seen(self):
        for header in ('microhttpd.h', 'sqlite3.h', 'sodium.h', 'sodium/core.h', 'nettle/hmac.h',
                       'ini.h', 'jansson.h', 'systemd/sd-daemon.h'):
            self.assert_one({'include/dlrd/projector/a.h': f'#include <{header}>\n'}, 'door')
        self.assert_one({'include/dlrd/twilio/signature_more.h': '#include <sodium.h>\n'}, 'door')
        self.assert_one({'include/dlrd/intake/a.h': '#include <sqlite3.h>\n'}, 'door')

    def test_a_missing_header_is_seen(self):
        self.assert_one({'src/base/a.c': ''}, 'no header')
        self.assert_one({'src/intake/other.c': ''}, 'no header')

    def test_a_vague_name_is_seen(self):
        self.assert_one({'include/dlrd/base/util.h': ''}, 'says nothing')

    def test_an_unknown_folder_is_seen(self):
        self.assert_one({'src/extra/a.c': ''}, 'no floor')
        self.assert_one({'src/cli/a.h': '#include "dlrd/extra/b.h"\n'}, 'no known folder')

    def test_a_private_header_of_another_folder_is_seen(self):
        self.assert_one({'src/base/b.h': '', 'src/store/a.c': '#include "base/b.h"\n',
                         'src/store/a.h': ''}, 'private header')

    def test_a_public_header_that_no_other_folder_includes_is_seen(self):
        self.assert_one({'include/dlrd/store/a.h': '',
                         'src/store/a.c': '#include "dlrd/store/a.h"\n'}, 'belongs to src')

    def test_modules_that_include_each_other_are_seen(self):
        self.assert_one({'src/store/a.h': '#include "b.h"\n', 'src/store/b.h': '',
                         'src/store/b.c': '#include "b.h"\n#include "a.h"\n'},
                        'include each other')

    def test_modules_that_include_each_other_through_a_third_are_seen(self):
        self.assert_one({'src/store/a.h': '#include "b.h"\n', 'src/store/b.h': '',
                         'src/store/b.c': '#include "b.h"\n#include "c.h"\n',
                         'src/store/c.h': '#include "a.h"\n'},
                        'store/a, store/b, store/c: include each other')

    def test_sql_in_the_engines_interface_is_seen(self):
        self.assert_one({'include/dlrd/store/store.h': '/* SELECT */\n'}, 'SQL')
        self.assert_one({'include/dlrd/engine/reader.h': '#define X "DELETE FROM x"\n'}, 'SQL')
        self.assert_one({'include/dlrd/journal/journal.h': '/* PRAGMA */\n'}, 'SQL')
        self.assert_one({'include/dlrd/engine/names.h': 'void names_open(struct sqlite3 *db);\n'}, 'SQL')
        self.assert_one({'src/store/a.h': '', 'src/store/a.c': '#include "a.h"\n#include <sqlite3.h>\n'},
                        'door')
        self.assertEqual([], self.problems_of({'src/engine/sqlite/a.h': '/* SELECT */\n'}))


if __name__ == '__main__':
    unittest.main()
