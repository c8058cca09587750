"""A limit on the memory of one run, where the shell may make control groups: with root."""

MEMORY_GROUP = "/sys/fs/cgroup/taskzip"

# Pages are charged to whom reads them first: without an empty page cache, files that were pushed
# would be somebody else's.
LIMIT_MEMORY = r"""
limit_memory() {
    [ -f /sys/fs/cgroup/cgroup.controllers ] || return
    rmdir GROUP
    echo +memory >/sys/fs/cgroup/cgroup.subtree_control &&
        mkdir GROUP && echo "$1" >GROUP/memory.max &&
        echo 3 >/proc/sys/vm/drop_caches && echo $$ >GROUP/cgroup.procs
} 2>/dev/null
[ -z "$limit" ] || limit_memory "$limit" || {
    echo '{"kind":"failure","code":"no_memory_limit","message":"the shell may not make a control group with a memory limit: that takes root and cgroup2; leave memory_limit out"}'
    exit 1
}
""".replace("GROUP", MEMORY_GROUP)  # noqa: E501 - one line of JSON
