#compdef rechost
# Completion for rechost in zsh: sourced after compinit, or a file _rechost in fpath.
_rechost() {
    local cur=${words[CURRENT]}
    local -a before answer
    before=("${(@)words[2,CURRENT-1]}")
    if [[ $cur == -*=* ]]; then # a flag and the beginning of its value
        before+=("${cur%%=*}")
        compset -P 1 '*='
    elif [[ $cur == -* ]]; then
        before+=("$cur")
    fi
    answer=("${(@f)$("${words[1]}" "${before[@]}" --generate-bash-completion 2>/dev/null)}")
    if [[ -z ${answer[1]} ]]; then
        _files
    elif [[ ${answer[1]} == *= ]]; then
        compadd -S '' -a answer
    else
        compadd -a answer
    fi
}
if [[ ${funcstack[1]} == _rechost ]]; then
    _rechost "$@"
else
    compdef _rechost rechost
fi
