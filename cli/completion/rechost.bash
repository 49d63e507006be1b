# Completion for rechost in bash 4.3 or newer; bash-completion is not needed.
_rechost() {
    local cur=${COMP_WORDS[COMP_CWORD]} words=("${COMP_WORDS[@]:1:COMP_CWORD-1}") answer
    # Bash splits --flag=value into three words.
    if [[ $cur == "=" ]]; then
        cur=""
    elif [[ ${words[-1]-} == "=" ]]; then
        unset 'words[-1]'
    fi
    [[ $cur == -* ]] && words+=("$cur")
    answer=$("${COMP_WORDS[0]}" "${words[@]}" --generate-bash-completion 2>/dev/null)
    mapfile -t COMPREPLY < <(compgen -W "$answer" -- "$cur")
}
complete -o bashdefault -o default -F _rechost rechost
