#compdef rechost
# Completion for rechost in zsh.
_rechost() {
    local cur=${words[CURRENT]}
    local -a before answer
    before=("${(@)words[2,CURRENT-1]}")
    [[ $cur == -* ]] && before+=("$cur")
    answer=("${(@f)$("${words[1]}" "${before[@]}" --generate-bash-completion 2>/dev/null)}")
    if [[ -z ${answer[1]} ]]; then
        _files
    elif [[ ${answer[1]} == *= ]]; then
        compadd -S '' -a answer
    else
        compadd -a answer
    fi
}
compdef _rechost rechost
