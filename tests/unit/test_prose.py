#!/usr/bin/python3
"""Tests scripts/prose: it rejects a text with words to avoid, accepts plain text, and reads comments
and documents, but not strings and examples.
"""
import importlib.machinery
import importlib.util
import pathlib
import subprocess
import sys
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
PROGRAM = ROOT / 'scripts' / 'prose'

# One sentence for each marker.
DIALECT = {
    '"What …" as a noun': 'What was sent is in the file.',
    'where, for if or when': 'NULL where the file is empty.',
    'tell, told': 'It tells the caller.',
    'stands': 'The entry stands in the file.',
    'is none': 'A text is none.',
    'anew': 'It opens the file anew.',
    'nobody, whoever, …': 'Nobody reads it.',
    'stranger': 'A stranger sends a request.',
    'mend': 'It mends the file.',
    'beside': 'The key is beside the file.',
    'behind, for after': 'The value comes behind the name.',
}

PLAIN = 'Returns the number of entries, or 0 if the file is empty. The caller frees the list.'


def load_markers():
    loader = importlib.machinery.SourceFileLoader('prose', str(PROGRAM))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader('prose', loader))
    sys.dont_write_bytecode = True
    loader.exec_module(module)
    return module.MARKERS


class Prose(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)

    def run_on(self, name, text, *options):
        path = self.folder / name
        path.write_text(text)
        return subprocess.run([sys.executable, PROGRAM, *options, path], capture_output=True, text=True)

    def found_in(self, name, text):
        """Line numbers and words of the places that are listed."""
        output = self.run_on(name, text, '--list').stdout
        places = [line.split(':', 3) for line in output.splitlines() if line.startswith(str(self.folder))]
        return [(int(line), words.strip().strip('"')) for _, line, words, _ in places]

    # --- the verdict ---

    def test_each_marker_fails(self):
        self.assertEqual(set(DIALECT), set(load_markers()))
        for marker, sentence in DIALECT.items():
            result = self.run_on('a.md', sentence + '\n')
            failed = [line for line in result.stdout.splitlines() if line.endswith('TOO MANY')]
            self.assertEqual((1, 1), (result.returncode, len(failed)), (sentence, result))
            self.assertTrue(failed[0].startswith(marker), failed)

    def test_plain_text_passes(self):
        for name, text in (('a.md', PLAIN), ('a.c', f'/* {PLAIN} */\n'), ('a.py', f'"""{PLAIN}"""\n'),
                           ('a.sh', f'# {PLAIN}\n'), ('a.8', f'.Sh NAME\n{PLAIN}\n')):
            result = self.run_on(name, text)
            self.assertEqual((0, ''), (result.returncode, result.stderr), result)
            self.assertNotIn(' 0 words', result.stdout)

    def test_a_rate_below_the_limit_passes(self):
        self.assertEqual(0, self.run_on('a.md', PLAIN * 400 + DIALECT['tell, told']).returncode)
        self.assertEqual(1, self.run_on('a.md', PLAIN * 400 + DIALECT['stranger']).returncode)

    # --- the places ---

    def test_comments_of_c(self):
        self.assertEqual([(2, 'anew'), (3, 'stands'), (4, 'told')], self.found_in('a.c', (
            'int stands;\n'
            '/* It opens the file anew. */ char c = \'"\'; // plain\n'
            'int a; // it stands here\n'
            'puts("told"); /* told */\n')))

    def test_strings_of_c_are_not_read(self):
        self.assertEqual([], self.found_in('a.c', (
            'puts("/* told */"); puts("// told"); puts("\\"/* told */");\n'
            "char c[] = {'\"', '\\'', '/'}; /* plain */ puts(\"told\");\n")))

    def test_a_comment_is_read_across_its_lines(self):
        self.assertEqual([(1, 'comes behind')], self.found_in('a.h', '/* It comes\n * behind it. */\n'))
        self.assertEqual([(2, 'comes behind')], self.found_in('a.py', '\n# It comes\n# behind it.\n'))

    def test_comments_and_docstrings_of_python(self):
        self.assertEqual([(1, 'told'), (3, 'stands'), (4, 'anew'), (6, 'Nobody')], self.found_in('a.py', (
            '"""It is told."""\n'
            'def f():\n'
            "    '''It stands here.'''\n"
            '    a = 1  # anew\n'
            '    return a\n'
            '    # Nobody\n')))

    def test_strings_of_python_are_not_read(self):
        self.assertEqual([], self.found_in('a.py', (
            'A = """told"""\n'
            'B = "a # told"\n'
            'f("""\n# told\n""")\n'
            'C = {\n    "told": "anew",\n}\n')))

    def test_a_program_without_an_ending_is_read_by_its_first_line(self):
        self.assertEqual([(2, 'told')], self.found_in('a', '#!/usr/bin/python3\n"""told"""\nA = "# told"\n'))
        self.assertEqual([(2, 'told')], self.found_in('b', '#!/bin/sh\n# told\necho "# anew"\n'))
        self.assertEqual([], self.found_in('c', '# told\n'))

    def test_comments_of_shell_and_configurations(self):
        self.assertEqual([(1, 'told'), (3, 'anew')], self.found_in('a.sh', (
            "# it's told\n"
            "echo 'a # told' \"b # told\"; told; # plain\n"
            'x=1 # anew\n')))
        self.assertEqual([(2, 'told')], self.found_in('a.ini', 'told = told\n; told\n'))
        self.assertEqual([(2, 'told')], self.found_in('Caddyfile', 'told {\n\t# told\n}\n'))

    def test_examples_in_documents_are_not_read(self):
        self.assertEqual([(5, 'told')], self.found_in('a.md', '`told`\n```\ntold\n```\ntold\n'))
        self.assertEqual([(4, 'told')], self.found_in('a.8', '.Bd -literal\ntold\n.Ed\ntold\n'))

    # --- files and output ---

    def test_a_folder_is_read_without_ignored_files(self):
        git = ['git', '-C', self.folder]
        subprocess.run([*git, 'init', '-q'], check=True)
        for name, text in (('.gitignore', 'ignored.md\n'), ('ignored.md', 'told\n'), ('new.md', 'anew\n')):
            (self.folder / name).write_text(text)
        result = subprocess.run([sys.executable, PROGRAM, '--list', '.'], cwd=self.folder,
                                capture_output=True, text=True)
        self.assertIn('new.md:1: "anew"', result.stdout)
        self.assertNotIn('ignored.md', result.stdout)

    def test_a_file_that_is_not_text_is_skipped(self):
        (self.folder / 'a.md').write_bytes(b'told \xff\n')
        result = subprocess.run([sys.executable, PROGRAM, self.folder / 'a.md'], capture_output=True, text=True)
        self.assertEqual((0, ''), (result.returncode, result.stderr))

    def test_a_closed_pipe_ends_it_silently(self):
        path = self.folder / 'a.md'
        path.write_text('told\n' * 20000)
        with subprocess.Popen([sys.executable, PROGRAM, '--list', path], stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, text=True) as process:
            process.stdout.readline()
            process.stdout.close()
            self.assertEqual('', process.stderr.read())


if __name__ == '__main__':
    unittest.main()
