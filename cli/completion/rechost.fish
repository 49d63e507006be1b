# Completion for rechost in fish.
function __rechost_complete
    set -l words (commandline -opc)
    set -l cur (commandline -ct)
    if string match -q -- '-*' "$cur"
        set words $words $cur
    end
    $words --generate-bash-completion 2>/dev/null
end
complete -c rechost -a '(__rechost_complete)'
