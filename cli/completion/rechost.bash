# Completion for rechost in bash, from 3.2 on; bash-completion is not needed.
_rechost() {
    local cur=${COMP_WORDS[COMP_CWORD]} answer IFS=$'\n'
    local words=("${COMP_WORDS[@]:1:COMP_CWORD-1}")
    # Bash splits --flag=value into three words.
    if [[ $cur == "=" ]]; then
        cur=""
    elif ((${#words[@]} > 0)) && [[ ${words[${#words[@]}-1]} == "=" ]]; then
        unset "words[${#words[@]}-1]"
    fi
    [[ $cur == -* ]] && words+=("$cur")
    answer=$("${COMP_WORDS[0]}" ${words[@]+"${words[@]}"} --generate-bash-completion 2>/dev/null)
    COMPREPLY=($(compgen -W "$answer" -- "$cur"))
    # A parameter's name goes on with its value.
    [[ ${COMPREPLY[0]-} == *= ]] && compopt -o nospace 2>/dev/null
    return 0
}
complete -o bashdefault -o default -F _rechost rechost
