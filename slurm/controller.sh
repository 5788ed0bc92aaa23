# What the programs in slurm/bin share, which stand between Snakemake's executor and Slurm; sourced by each of them.
#
# RUN is a folder of the run's own: `away` stands there while nobody answers and says since when, `stop` once the run is
# being ended, `jobs` names the jobs that were submitted. The run's main process makes it (lacuna.jobs.outages).

unset SQUEUE_ACCOUNT SQUEUE_FORMAT SQUEUE_FORMAT2 SQUEUE_NAMES SQUEUE_PARTITION SQUEUE_QOS SQUEUE_STATES SQUEUE_USERS
RUN=${LACUNA_RUN:-}
[ -d "$RUN" ] || RUN=''
A_DAY=86400

real() { # program: the one that this folder's stands in for; nothing where there is none
    IFS=:
    for folder in $PATH; do
        [ "$folder" != "$here" ] && [ -x "$folder/$1" ] && echo "$folder/$1" && break
    done
    unset IFS
}

unanswered() { # file: whether nobody answered, by the last of the errors in it, and not a request was rejected
    { tail -n 1 "$1"; grep "Munge encode failed" "$1"; } | grep -qE "Unable to contact slurm controller\
|Socket timed out on send/recv|Zero Bytes were transmitted|Message (receive|send) failure|standby mode\
|Communication (connection|shutdown) failure|Connection (refused|timed out|reset by peer)|No route to host\
|Network is unreachable|Resource temporarily unavailable|Slurm temporarily unable to accept job\
|Unable to create job record, try again|Could not establish a configuration source|Munge encode failed\
|Problem talking to the database|Failed to connect to authentication agent"
}

begun=$(date +%s)
away() { # file: notes that nobody answers, with the last error in it as the reason; fails once that was so for a day
    note=${RUN:-$scratch}/away
    if [ ! -e "$note" ]; then
        reason=$(tail -n 1 "$1" | sed 's/^[a-z_]*:* *[a-z]*: *//')
        echo "$(date +%s) Slurm does not answer (${reason:-no reason given}); it is asked for a day at most." >"$note"
    fi
    since=$(cut -d ' ' -f 1 "$note" 2>/dev/null)
    [ "${since:-$begun}" -lt "$begun" ] || since=$begun
    [ $(($(date +%s) - since)) -lt $A_DAY ]
}

back() { # somebody answered
    rm -f "${RUN:-$scratch}/away"
}

ending() { # whether the run is being ended, or was killed
    [ -n "$RUN" ] && { [ -e "$RUN/stop" ] || ! kill -0 "${RUN##*.}" 2>/dev/null; }
}

pause() { # seconds: waits in short steps; fails at once where the run is being ended
    left=$1
    while [ "$left" -gt 0 ]; do
        if ending; then return 1; fi
        sleep 5
        left=$((left - 5))
    done
}
