"""Ending what of ours still runs on a device, however its session ended."""

# Only if its own working folder is ours: pids are used again.
END_RUNNING = r"""
for file in work/.pid work/.ballast; do
    { read -r pid <"$file"; } 2>/dev/null && [ "/proc/$pid/cwd" -ef work ] && kill -9 "$pid"
done
"""
