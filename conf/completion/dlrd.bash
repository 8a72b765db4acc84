# shellcheck shell=bash
# Completion of dlrd's commands, options and their words for bash, from its own --help.

# The commands, or the options of a command.
_dlrd_words() { # COMMAND
	if [[ -z $1 ]]; then
		dlrd --help 2>/dev/null | sed -n 's/^  \([a-z][a-z-]*\)  .*/\1/p'
	else
		dlrd "$1" --help 2>/dev/null | grep -oE -- '--[a-z][a-z-]+' | sort -u
	fi
}

# The words that an option takes, if the synopsis lists them: [--by sender|service|account].
_dlrd_values() { # COMMAND OPTION
	dlrd "$1" --help 2>/dev/null | tr '\n' ' ' | grep -oE -- "$2 [A-Za-z|]+\|[A-Za-z|]+" | head -n 1 |
		cut -d ' ' -f 2 | tr '|' '\n'
}

_dlrd() {
	local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]} command=''
	((COMP_CWORD < 2)) || command=${COMP_WORDS[1]}
	[[ $command != help ]] || command=''
	case $before in
	-c | --config | --token-file | --ledger | --body-file | --store)
		mapfile -t COMPREPLY < <(compgen -f -- "$word")
		return
		;;
	--*)
		mapfile -t COMPREPLY < <(compgen -W "$(_dlrd_values "$command" "$before")" -- "$word")
		[[ ${#COMPREPLY[@]} -eq 0 ]] || return 0
		;;
	esac
	if [[ -z $command || $word == -* ]]; then
		mapfile -t COMPREPLY < <(compgen -W "$(_dlrd_words "$command")" -- "$word")
	fi
}

complete -o filenames -F _dlrd dlrd
