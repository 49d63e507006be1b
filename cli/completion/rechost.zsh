#compdef rechost
# Completion for rechost in zsh.
_rechost() {
    local cur=${words[CURRENT]}
    local -a before answer
    before=("${(@)words[2,CURRENT-1]}")
    [[ $cur == -* ]] && before+=("$cur")
    answer=("${(@f)$("${words[1]}" "${before[@]}" --generate-bash-completion 2>/dev/null)}")
    if [[ -n ${answer[1]} ]]; then
        compadd -a answer
    else
        _files
    fi
}
compdef _rechost rechost
