"""The documents are right: every command in them runs, shown output is what the program prints, links lead
somewhere, files and functions that they name exist, and the configuration page has every key.

A command is a line of a fenced block marked sh. A fenced block marked text directly after it is its output; there,
a line of three dots is any number of lines, and times and identifiers may differ. Commands that need root, systemd,
the network or many minutes are run by the test that ELSEWHERE names.
"""

import os
import pathlib
import re
import shutil
import subprocess

import pytest

import harness
from harness import (ACCOUNT, DLRD, ROOT, SAMPLE_TARGET, SLOW, TOKEN, free_port, new_sid, reply_params, signed_post,
                     status_params)

DOCUMENTS = [path for path in (ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md",
                               *sorted((ROOT / "docs").glob("*.md"))) if path.exists()]
SID = "SM0123456789abcdef0123456789abcdef"

# Command: (file, text in it that runs the command).
ELSEWHERE = {
    "scripts/quickstart": (".ci/run", "scripts/quickstart --once"),
    "scripts/test": ("tests/bare/run", "scripts/test"),
    "scripts/install build run": (".ci/run", "scripts/install build run test check"),
    "meson setup build --prefix=/usr && ninja -C build && meson install -C build":
        ("tests/systemd/unit.py", "documented_command"),
    "meson setup build-dev -Dtests=true": ("scripts/test", 'meson setup "$build" "$root" -Dtests=true'),
    "ninja -C build-dev": ("scripts/test", 'ninja -C "$build"'),
    "CC=clang meson setup build-clang -Dtests=true -Db_lto=false --werror":
        (".ci/run", "CC=clang meson setup build-ci-clang"),
    "ninja -C build-clang": (".ci/run", "ninja -C build-ci-clang"),
    "systemctl enable --now dlrd": ("tests/systemd/test_unit.py", "systemctl enable"),
}
# Commands that end with 1, as their document says.
NEGATIVE = {"dlrd quarantine show 1 --request | dlrd explain -"}


def name_of(path):
    return str(path.relative_to(ROOT))


def blocks_of(text):
    """(kind, content, start, end) of each fenced block."""
    pattern = re.compile(r"^( *)```(\w*)\n(.*?)^\1```$", re.M | re.S)
    return [(match[2], re.sub(f"^{match[1]}", "", match[3], flags=re.M), match.start(), match.end())
            for match in pattern.finditer(text)]


def commands_of(text):
    """(script, expected output or None) of each sh block, in order."""
    found, blocks = [], blocks_of(text)
    for i, (kind, content, _, end) in enumerate(blocks):
        if kind != "sh":
            continue
        after = blocks[i + 1] if i + 1 < len(blocks) else None
        shown = after is not None and after[0] == "text" and not text[end:after[2]].strip()
        found.append((content, after[1] if shown else None))
    return found


def lines_of(script):
    """Its commands, one each, without comments; a line that ends with a backslash goes on."""
    joined = script.replace("\\\n", "")
    return [line.strip() for line in joined.splitlines() if line.strip() and not line.startswith("#")]


def plain(text):
    """Without what differs from run to run."""
    text = re.sub(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", "TIME", text)
    text = re.sub(r"\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT", "TIME", text)
    text = re.sub(r"\b[A-Z]{2}[0-9a-f]{32}\b", "SID", text)
    text = re.sub(r"\bdlrd \d+\.\d+\.\d+", "dlrd VERSION", text)
    text = re.sub(r"\b\d+(\.\d+)? (ms|s)\b", "N s", text)
    return "\n".join(re.sub(r" +", " ", line).rstrip() for line in text.splitlines()).strip()


def check_output(shown, printed):
    lines = [r"(?:.*\n)*?" if line == "..." else re.escape(line) + r"\n" for line in plain(shown).split("\n")]
    assert re.fullmatch("".join(lines), plain(printed) + "\n"), f"shown:\n{shown}\nprinted:\n{printed}"


# --- commands ---


def put_data(daemon):
    """Data for the examples: the sample callback, other statuses, an opt-out, a near miss, a refused request."""
    daemon.keep(SAMPLE_TARGET, status_params(SID, "failed", 30005, To="+14155550123", From="+14155550100"))
    for number in (1, 2, 3):
        sid = new_sid()
        daemon.keep(SAMPLE_TARGET, status_params(sid, "sent", number=number))
        daemon.keep(SAMPLE_TARGET, status_params(sid, "delivered", number=number))
    daemon.keep("/sms/twilio", reply_params(new_sid(), "STOP", From="+14155550123", To="+14155550100"), 200)
    daemon.keep("/sms/twilio", reply_params(new_sid(), "please stop", 2), 200)
    refused = signed_post(SAMPLE_TARGET, status_params(new_sid(), "sent"), public_url="http://callbacks.example.com")
    assert daemon.ask(refused).status == 403
    daemon.settle()
    harness.until(lambda: daemon.get("/v1/quarantine")["quarantine"], what="the quarantine")


class Reader:
    """A reader of a document: a folder to work in, and a daemon with data in place of an installed one."""

    def __init__(self, daemon, folder):
        self.folder = folder
        installed = folder / "etc"
        installed.mkdir()
        (installed / "auth_token").write_text(TOKEN + "\n")
        shutil.copy(daemon.config, installed / "dlrd.ini")
        for name in ("scripts", "conf", "tests", "src"):
            (folder / name).symlink_to(ROOT / name)
        (folder / "docs").mkdir()
        programs = folder / "bin"
        programs.mkdir()
        wrapper = programs / "dlrd"
        wrapper.write_text(f"""#!/bin/bash
case " $* " in
" sign "* | " verify "* | *" -c "* | *" --store "* | *" --help "* | *" --version "*) exec {DLRD} "$@" ;;
*) exec {DLRD} "$@" -c {daemon.config} ;;
esac
""")
        wrapper.chmod(0o755)
        self.path = f"{programs}:{os.environ['PATH']}:/usr/sbin:/sbin"
        self.names = [("/etc/dlrd", str(installed)), ("/var/lib/dlrd", str(daemon.store)),
                      ("127.0.0.1:8081", f"127.0.0.1:{daemon.api_port}"),
                      ("127.0.0.1:8080", f"127.0.0.1:{daemon.port}")]

    def run(self, script):
        status = int(script.strip() in NEGATIVE)
        for ours, real in self.names:
            script = script.replace(ours, real)
        result = subprocess.run(["bash", "-euo", "pipefail", "-c", script], cwd=self.folder, capture_output=True,
                                text=True, timeout=60 * SLOW, env=harness.environment(PATH=self.path))
        assert result.returncode == status, (script, result.stdout, result.stderr)
        printed = result.stdout
        for ours, real in self.names:
            printed = printed.replace(real, ours)
        return printed


@pytest.mark.parametrize("document", DOCUMENTS, ids=name_of)
def test_each_command_runs_and_prints_what_is_shown(document, make_daemon, tmp_path):
    commands = commands_of(document.read_text())
    here = [(script, shown) for script, shown in commands if not set(lines_of(script)) & set(ELSEWHERE)]
    if not here:
        return
    daemon = make_daemon()
    put_data(daemon)
    reader = Reader(daemon, tmp_path)
    # Questions first: requests that change something may remove what another example asks for.
    for script, shown in sorted(here, key=lambda command: "-X POST" in command[0]):
        printed = reader.run(script.replace("curl -s http", "curl -sf http"))
        if shown is not None:
            check_output(shown, printed)


def test_commands_run_elsewhere_are_in_a_document_and_in_that_test():
    found = set()
    for document in DOCUMENTS:
        for script, _ in commands_of(document.read_text()):
            elsewhere = set(lines_of(script)) & set(ELSEWHERE)
            assert not elsewhere or elsewhere == set(lines_of(script)), f"{document}: {script}: split this block"
            found |= elsewhere
    assert found == set(ELSEWHERE)
    for file, text in ELSEWHERE.values():
        assert text in (ROOT / file).read_text(), (file, text)


def test_the_quickstart_prints_what_readme_shows(tmp_path):
    """With the program under test in place of a build of its own."""
    shutil.copytree(ROOT / "scripts", tmp_path / "scripts")
    (tmp_path / "conf").symlink_to(ROOT / "conf")
    build = tmp_path / "build-quickstart"
    build.mkdir()
    (build / "dlrd").symlink_to(DLRD)
    (build / "build.ninja").write_text("build dlrd: phony\n")
    port, api_port = free_port(), free_port()
    result = subprocess.run([tmp_path / "scripts" / "quickstart", "--once", "--no-install"], capture_output=True,
                            text=True, timeout=80 * SLOW, env=harness.environment(
                                DLRD_PORT=str(port), DLRD_API_PORT=str(api_port)))
    assert result.returncode == 0, (result.stdout, result.stderr)
    shown, = [content for kind, content, _, _ in blocks_of((ROOT / "README.md").read_text()) if kind == "text"]
    printed = result.stdout.replace(f":{port}", ":18080").replace(f":{api_port}", ":18081")
    printed = printed.replace(f"{tmp_path}/", "")
    printed = re.sub(r"^Not installed: .*\n", "", printed, flags=re.M)
    check_output(shown, printed)


def test_the_api_document_is_generated_from_the_program(daemon):
    result = subprocess.run([ROOT / "scripts" / "http-api-doc"], input=daemon.api("/v1/openapi.json").body,
                            capture_output=True, check=True)
    assert result.stdout.decode() == (ROOT / "docs" / "http-api.md").read_text(), (
        "run scripts/http-api-doc as its --help says")


# --- links and names ---


def test_each_metric_is_explained(daemon):
    families = set(re.findall(r"^# TYPE (\w+)", daemon.api("/metrics").body.decode(), re.M))
    assert set(re.findall(r"`(dlrd_\w+)`", (ROOT / "docs" / "operations.md").read_text())) == families


def anchors_of(path):
    """GitHub's anchors of a document's headings."""
    text = re.sub(r"^( *)```.*?^\1```$", "", path.read_text(), flags=re.M | re.S)
    return {re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")
            for heading in re.findall(r"^#+ (.*)$", text, re.M)}


@pytest.mark.parametrize("document", DOCUMENTS, ids=name_of)
def test_links_lead_somewhere(document):
    for target in re.findall(r"\]\(([^)\s]+)\)", document.read_text()):
        if "://" in target:
            continue
        path, _, anchor = target.partition("#")
        file = (document.parent / path).resolve() if path else document
        assert file.exists(), target
        assert not anchor or anchor in anchors_of(file), target


def test_readme_links_each_document():
    readme = (ROOT / "README.md").read_text()
    for document in DOCUMENTS[1:]:
        assert f"({name_of(document)})" in readme, document


@pytest.mark.parametrize("document", DOCUMENTS, ids=name_of)
def test_files_that_are_named_exist(document):
    """As `src/main.c`; and as `main` in `src/main.c`, which names a function with its file."""
    text = document.read_text()
    for name in re.findall(r"`((?:src|include|tests|conf|scripts|systemd|docs|\.ci)/[\w./-]+)`", text):
        assert "NAME" in name or (ROOT / name).exists(), name
    for function, file in re.findall(r"`(\w+)` in `(src/[\w./-]+)`", text):
        assert re.search(rf"\b{function}\b", (ROOT / file).read_text()), (function, file)


def test_log_lines_that_are_explained_are_in_the_source():
    """Words in capitals are placeholders."""
    source = "".join(path.read_text() for path in sorted((ROOT / "src").rglob("*.c")))
    source = re.sub(r'"\s*(JOURNAL|STORE)_FILE\s*"',
                    lambda match: {"JOURNAL": "journal.db", "STORE": "dlrd.db"}[match[1]], source)
    source = re.sub(r'"\s*"', "", source)  # literals that the compiler joins
    table = (ROOT / "docs" / "operations.md").read_text().partition("## Log lines")[2].partition("\n## ")[0]
    found = [text for row in re.findall(r"^\| (.*?) \|", table, re.M) for text in re.findall(r"`([^`]+)`", row)]
    assert found
    for text in found:
        for part in re.split(r"\[?\b[A-Z]+\b\]?", text):
            assert part.strip() in source, text


@pytest.mark.parametrize("document", DOCUMENTS, ids=name_of)
def test_every_text_block_is_checked(document):
    """Output that is shown follows its command; README's is the quickstart's."""
    text = document.read_text()
    shown = sum(1 for _, output in commands_of(text) if output is not None)
    kinds = [kind for kind, *_ in blocks_of(text)]
    assert kinds.count("text") == shown + (document.name == "README.md")
    assert set(kinds) <= {"sh", "text", "ini", "json", "sql", "c", "", "http"}


# --- man pages ---


def help_of(*words):
    return subprocess.run([DLRD, *words, "--help"], capture_output=True, text=True, check=True).stdout


def test_the_page_of_dlrd_has_each_command_and_option():
    page = (ROOT / "conf" / "dlrd.8").read_text()
    synopsis = page.partition(".Sh SYNOPSIS")[2].partition(".Sh DESCRIPTION")[0]
    listed = set(re.findall(r"^  ([a-z][\w-]*)  +\S", help_of(), re.M))
    assert set(re.findall(r"^\.Nm\n\.Cm (\S+)$", synopsis, re.M)) == listed | {"help"}
    for command in sorted(listed):
        for option in set(re.findall(r"(?<![\w-])--([a-z][\w-]*)", help_of(command))):
            assert re.search(rf"\bFl Fl {option}\b", page), (command, option)


# --- the page of the configuration ---

FULL = f"""[account {ACCOUNT}]
auth_token = {TOKEN}
next_auth_token = {TOKEN[::-1]}
previous_auth_token = {TOKEN[1:] + "a"}
[shared_key CK0123456789abcdef0123456789abcdef]
account = {ACCOUNT}
secret = 12345678901234567890123456789012
[callback /x]
account = {ACCOUNT}
[keyword join]
words = join
[provider Example]
default = yes
"""
SETTING = re.compile(r"^;?(\w+) ?=(.*)$")


def settings_of(lines):
    """{(section without its name, key): value}; a key may be commented out."""
    found, section = {}, None
    for line in lines:
        if heading := re.match(r";?\[(\w+)", line):
            section = heading[1]
        elif setting := SETTING.match(line):
            found.setdefault((section, setting[1]), setting[2].strip())
    return found


def settings_of_page():
    text = (ROOT / "conf" / "dlrd.ini.5").read_text().partition(".Sh FILES")[0]
    return settings_of(re.sub(r"^\.(?:Ss|It Li) ", "", line) for line in text.splitlines()
                       if re.match(r"\.(Ss|It Li) ", line))


def printed(tmp_path, text):
    config = tmp_path / "dlrd.ini"
    config.write_text(text)
    config.chmod(0o600)
    result = subprocess.run([DLRD, "check-config", "--print", "-c", config], capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    return settings_of(result.stdout.splitlines())


def test_the_page_has_exactly_the_keys_that_are_printed(tmp_path):
    """And those that name a file with a secret, which is printed as the secret."""
    page = settings_of_page()
    secrets = {(section, key) for section, key in page if section in ("account", "shared_key")
               and key.endswith("_file")}
    assert set(page) - secrets == set(printed(tmp_path, FULL))
    assert {(section, key.removesuffix("_file")) for section, key in secrets} <= set(page)


def test_the_page_has_exactly_the_keys_of_the_installed_file():
    installed = settings_of((ROOT / "conf" / "dlrd.ini").read_text().splitlines())
    assert set(settings_of_page()) == set(installed)


def test_the_page_has_the_defaults_that_are_printed(tmp_path):
    page = settings_of_page()
    defaults = printed(tmp_path, f"[account {ACCOUNT}]\nauth_token = {TOKEN}\n")
    wrong = {name: (page[name], value) for name, value in defaults.items()
             if name[0] != "account" and page[name] != value}
    assert not wrong
