#!/usr/bin/env bash
# A private Slurm cluster on loopback, for tests: two CPU nodes, one node with two fake GPUs, which jobs of the partition
# urgent take from those of the partition gpu. Each GPU has two shards.
#
#   tests/slurm/cluster.sh up FOLDER     starts it; everything lives below FOLDER; then: . FOLDER/env.sh
#   tests/slurm/cluster.sh down FOLDER   stops it
#
# With ACCOUNTING=1 it keeps a database of finished jobs. Needs the Debian packages slurm-wlm and munge, and then slurmdbd
# and mariadb-server-core, but none of their services, and no root.
set -euo pipefail
export PATH="$PATH:/usr/sbin"
action=$1
mkdir -p "$2"
home=$(cd "$2" && pwd)
nodes="n1 n2 g1"
storage=accounting_storage/none
[ "${ACCOUNTING:-0}" = 1 ] && storage=accounting_storage/slurmdbd

running() { # pid file, daemon: whether the recorded process is alive and is that daemon
    local pid
    pid=$(cat "$1" 2>/dev/null) && [ -n "$pid" ] && tr '\0' ' ' <"/proc/$pid/cmdline" 2>/dev/null | grep -q "$2"
}

wait_until() { # command: retried for two minutes, since the machine may be busy
    for _ in $(seq 600); do
        if "$@"; then return 0; fi
        sleep 0.2
    done
    echo "the test cluster does not answer; see $home/log" >&2
    return 1
}

configure() {
    mkdir -p "$home"/{etc,state,run,log,bin}
    for node in $nodes; do mkdir -p "$home/spool/$node"; done
    chmod 755 "$home" "$home"/{etc,run,log}
    chmod 700 "$home/state"
    [ -s "$home/etc/munge.key" ] || (umask 077 && head -c 1024 /dev/urandom >"$home/etc/munge.key")
    local memory
    memory=$(awk '/MemTotal/ {print int($2 / 1024) - 100}' /proc/meminfo)
    # Several slurmd on one host need made-up host names and their own ports. Memory is scheduled, not enforced, and so
    # are the processors of g1, of which there are more than the machine may have: GPUs are what is scarce there.
    cat >"$home/etc/slurm.conf" <<CONF
ClusterName=lacuna
SlurmctldHost=$(hostname -s)(127.0.0.1)
SlurmctldPort=16817
SlurmUser=$(id -un)
SlurmdUser=$(id -un)
AuthType=auth/munge
AuthInfo=socket=$home/run/munge.socket
CredType=cred/munge
CommunicationParameters=NoInAddrAny,NoCtldInAddrAny
StateSaveLocation=$home/state
SlurmdParameters=config_overrides
SlurmdSpoolDir=$home/spool/%n
SlurmctldPidFile=$home/run/slurmctld.pid
SlurmdPidFile=$home/run/slurmd-%n.pid
SlurmctldLogFile=$home/log/slurmctld.log
SlurmdLogFile=$home/log/slurmd-%n.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/linux
MpiDefault=none
SwitchType=switch/none
ReturnToService=2
SlurmdTimeout=20
KillWait=5
MinJobAge=3600
SchedulerType=sched/backfill
SchedulerParameters=bf_interval=2,sched_interval=2,batch_sched_delay=0
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
DefMemPerCPU=500
GresTypes=gpu,shard
JobRequeue=1
AccountingStorageType=$storage
AccountingStorageHost=127.0.0.1
AccountingStoragePort=16919
AccountingStoragePass=$home/run/munge.socket
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
NodeName=n1 NodeHostname=n1 NodeAddr=127.0.0.1 Port=16821 CPUs=2 RealMemory=$memory State=UNKNOWN
NodeName=n2 NodeHostname=n2 NodeAddr=127.0.0.1 Port=16822 CPUs=2 RealMemory=$memory State=UNKNOWN
NodeName=g1 NodeHostname=g1 NodeAddr=127.0.0.1 Port=16823 CPUs=8 RealMemory=$memory Gres=gpu:2,shard:4 State=UNKNOWN
PartitionName=cpu Nodes=n1,n2 Default=YES MaxTime=30-0 State=UP
PartitionName=gpu Nodes=g1 MaxTime=30-0 State=UP PriorityTier=1
PartitionName=urgent Nodes=g1 MaxTime=30-0 State=UP PriorityTier=9 PreemptMode=OFF
CONF
    (umask 077 && cat >"$home/etc/slurmdbd.conf") <<CONF
AuthType=auth/munge
AuthInfo=socket=$home/run/munge.socket
DbdAddr=127.0.0.1
DbdHost=localhost
DbdPort=16919
SlurmUser=$(id -un)
LogFile=$home/log/slurmdbd.log
PidFile=$home/run/slurmdbd.pid
StorageType=accounting_storage/mysql
StorageHost=127.0.0.1
StoragePort=16918
StorageUser=slurm
StoragePass=slurm
StorageLoc=slurm
CONF
    # A GPU must be a character device.
    {
        echo 'AutoDetect=off'
        echo 'NodeName=g1 Name=gpu File=/dev/null'
        echo 'NodeName=g1 Name=gpu File=/dev/zero'
        echo 'NodeName=g1 Name=shard Count=4'
    } >"$home/etc/gres.conf"
    # Inside a job the executor drops every SLURM_* variable, SLURM_CONF too, before it calls srun.
    # Jobs ask squeue after jobs, and scontrol to queue them again.
    for tool in srun squeue scontrol; do
        printf '#!/bin/sh\nSLURM_CONF=%s exec /usr/bin/%s "$@"\n' "$home/etc/slurm.conf" $tool >"$home/bin/$tool"
        chmod 755 "$home/bin/$tool"
    done
    printf 'export SLURM_CONF=%s\nexport PATH=%s:$PATH\n' "$home/etc/slurm.conf" "$home/bin" >"$home/env.sh"
}

keep_accounts() { # the database, then Slurm's daemon in front of it
    local data=$home/database
    mkdir -p "$data"
    mariadb-install-db --no-defaults --datadir="$data" --user="$(id -un)" --auth-root-authentication-method=normal \
        --skip-test-db >"$home/log/install-db.log" 2>&1
    mariadbd --no-defaults --datadir="$data" --user="$(id -un)" --bind-address=127.0.0.1 --port=16918 \
        --socket="$home/run/mariadb.socket" --pid-file="$home/run/mariadbd.pid" >"$home/log/mariadbd.log" 2>&1 &
    wait_until eval "mariadb --no-defaults -uroot -S $home/run/mariadb.socket -e 'select 1' >/dev/null 2>&1"
    mariadb --no-defaults -uroot -S "$home/run/mariadb.socket" \
        -e "create user slurm@'%' identified by 'slurm'; grant all on slurm.* to slurm@'%'; \
            create user slurm@localhost identified by 'slurm'; grant all on slurm.* to slurm@localhost"
    SLURM_CONF=$home/etc/slurm.conf slurmdbd
    wait_until eval '(echo >/dev/tcp/127.0.0.1/16919) 2>/dev/null'
    sacctmgr --immediate add cluster lacuna >/dev/null || true
}

up() {
    if (echo >/dev/tcp/127.0.0.1/16817) 2>/dev/null; then
        echo "port 16817 is taken: another test cluster is running; stop it first" >&2
        exit 1
    fi
    configure
    export SLURM_CONF=$home/etc/slurm.conf
    munged --force --key-file="$home/etc/munge.key" --socket="$home/run/munge.socket" --num-threads=2 \
        --pid-file="$home/run/munged.pid" --log-file="$home/log/munged.log" --seed-file="$home/run/munge.seed"
    if [ "$storage" != accounting_storage/none ]; then keep_accounts; fi
    slurmctld -i
    wait_until eval 'scontrol ping 2>/dev/null | grep -q UP'
    for node in $nodes; do slurmd -N "$node"; done
    wait_until eval '[ "$(sinfo -h -N -o %T | sort -u)" = idle ]'
    sinfo -N -l
}

down() {
    export SLURM_CONF=$home/etc/slurm.conf
    if running "$home/run/slurmctld.pid" slurmctld; then
        squeue -h -o %A | sort -u | xargs -r scancel --quiet --full 2>/dev/null || true
        sleep 1
    fi
    for daemon in slurmd-n1 slurmd-n2 slurmd-g1 slurmctld slurmdbd mariadbd munged; do
        if running "$home/run/$daemon.pid" "${daemon%%-*}"; then
            kill "$(cat "$home/run/$daemon.pid")"
            wait_until eval "! running $home/run/$daemon.pid ${daemon%%-*}"
        fi
    done
}

"$action"
