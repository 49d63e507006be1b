# Completion for rechost in fish.
function __rechost_complete
    set -l words (commandline -opc)
    set -l cur (commandline -ct)
    set -l before ''
    switch $cur
        case '-*=*' # a flag and the beginning of its value
            set before (string replace -r '=.*' '=' -- $cur)
            set words $words (string replace -r '=.*' '' -- $cur)
            set cur (string replace -r '^[^=]*=' '' -- $cur)
        case '-*'
            set words $words $cur
    end
    set -l answer ($words --generate-bash-completion 2>/dev/null)
    if not set -q answer[1]
        set answer (__fish_complete_path $cur)
    end
    for x in $answer
        echo $before$x
    end
end
complete -c rechost -f -a '(__rechost_complete)'
