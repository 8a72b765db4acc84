"""The command line as a whole: its version, its help, and the exit status of a wrong one."""
import pathlib
import re
import subprocess
import tempfile

import pytest

import harness

COMMANDS = re.findall(r"^  ([a-z-]+) +\S", harness.dlrd("--help").stdout, re.M)


def test_the_list_of_commands_was_read():
    assert {"serve", "check-config", "stats", "audit", "quarantine"} <= set(COMMANDS)


@pytest.mark.parametrize("word", ["-V", "--version"])
def test_the_version(word):
    result = harness.dlrd(word)
    assert result.returncode == 0 and not result.stderr
    assert re.fullmatch(r"dlrd \d+\.\d+(\.\d+)?\S*\n", result.stdout)


@pytest.mark.parametrize("command", COMMANDS)
def test_help_of_a_command_is_its_help_option(command):
    result = harness.dlrd("help", command)
    assert result.returncode == 0 and not result.stderr
    assert result.stdout == harness.dlrd(command, "--help").stdout
    assert result.stdout.startswith(f"Usage: dlrd {command}")


def test_help_alone_lists_the_commands():
    result = harness.dlrd("help")
    assert result.returncode == 0
    assert result.stdout == harness.dlrd("--help").stdout == harness.dlrd("-h").stdout
    assert "dlrd help COMMAND" in result.stdout and "dlrd -V" in result.stdout


@pytest.mark.parametrize("words", [["help", "nonsense"], ["nonsense"], ["help", "stats", "more"]])
def test_a_wrong_command_is_a_usage_error(words):
    result = harness.dlrd(*words)
    assert result.returncode == 2 and not result.stdout
    assert words[-1] in result.stderr


def test_no_command_prints_the_list_and_is_a_usage_error():
    result = harness.dlrd()
    assert result.returncode == 2 and not result.stdout
    assert result.stderr == harness.dlrd("--help").stdout


def man_page_options():
    """All options in dlrd.8, of any command: several share a list of options there."""
    text = (harness.ROOT / "conf/dlrd.8").read_text()
    return set(re.findall(r"Fl Fl ([a-z-]+)", text))


@pytest.mark.parametrize("command", COMMANDS)
def test_each_option_of_a_command_is_in_the_man_page(command):
    text = harness.dlrd(command, "--help").stdout
    options = set(re.findall(r"--([a-z][a-z-]*)", text))
    assert options and options - man_page_options() == set()


@pytest.mark.parametrize("words, meant", [
    (["stat"], "stats"), (["evnets"], "events"), (["chekc-config"], "check-config"), (["opt-outs"], "optouts"),
    (["stats", "--campain", "x"], "--campaign"), (["stats", "--worspace=x"], "--workspace"),
    (["check-config", "--stict"], "--strict"), (["url", "--overides", "x"], "--overrides"),
])
def test_what_is_misspelled_is_answered_with_the_nearest(words, meant):
    result = harness.dlrd(*words)
    assert result.returncode == 2
    assert f"did you mean {meant}?" in result.stderr


@pytest.mark.parametrize("words", [["x"], ["nonsense"], [""], ["x" * 500], ["stats", "--nonsense"], ["stats", "-z"],
                                   ["stats", "--" + "x" * 500], ["\x1b[31m"]])
def test_what_is_like_nothing_gets_no_guess(words):
    result = harness.dlrd(*words)
    assert result.returncode == 2 and "unknown" in result.stderr
    assert "did you mean" not in result.stderr and "\x1b" not in result.stderr


# --- completion in a shell ---

COMPLETION = harness.ROOT / "conf" / "completion"


def completed(*words):
    """What bash offers for the last word."""
    script = """PATH=$1:$PATH; . "$2"; shift 2; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _dlrd; printf '%s\\n' "${COMPREPLY[@]}" """
    with tempfile.TemporaryDirectory() as place:
        (pathlib.Path(place) / "dlrd").symlink_to(harness.DLRD)
        found = subprocess.run(["bash", "-c", script, "bash", place, COMPLETION / "dlrd.bash", "dlrd", *words],
                               capture_output=True, text=True, timeout=60)
    assert (found.returncode, found.stderr) == (0, "")
    return found.stdout.split()


def test_commands_are_completed():
    assert completed("che") == ["check-config"]
    assert set(COMMANDS) <= set(completed(""))
    assert completed("help", "optou") == ["optouts"]
    assert completed("nonsen") == []


@pytest.mark.parametrize("command", COMMANDS)
def test_options_are_completed(command):
    options = set(re.findall(r"--[a-z][a-z-]+", harness.dlrd(command, "--help").stdout))
    assert set(completed(command, "--")) == options


def test_values_and_files_are_completed(tmp_path):
    (tmp_path / "my-dlrd.ini").touch()
    assert completed("stats", "-c", f"{tmp_path}/my") == [f"{tmp_path}/my-dlrd.ini"]
    assert completed("stats", "--camp") == ["--campaign"]
    assert completed("stats", "--campaign", "x") == []
