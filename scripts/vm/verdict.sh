# What both machines do once they are up: run the task in $2, in the cgroup of this shell or in $1, and say the verdict
# on the second serial line. The first one belongs to the kernel.

project=/opt/bulkhead
line=/dev/ttyS1
export PATH=$project/node_modules/.bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
export HOME=/root LANG=C.UTF-8 TERM=dumb

say_up() {
	stty -F $line raw -echo -onlcr
	nonce=$(sed -n 's/.*bulkhead\.nonce=\([0-9a-f]*\).*/\1/p' /proc/cmdline)
	printf 'bulkhead-vm %s up\n' "$nonce" > $line
}

# run_task CGROUP: the directory that the tests run in.
run_task() {
	cd $project || exit
	rmdir lost+found
	set -a
	. $project/.vm/environment
	# Which share of the tests is this machine's.
	BULKHEAD_VM_SHARD=$(sed -n 's/.*bulkhead\.shard=\([0-9/]*\).*/\1/p' /proc/cmdline)
	set +a

	# One folder for whoever runs tests: Node makes one for each user in it.
	mkdir -p "$NODE_COMPILE_CACHE" && chmod 1777 "$NODE_COMPILE_CACHE"

	# When the host gives up, the last of these tells what was running.
	while sleep 30; do
		echo "vm: after $SECONDS s: $(ps -N --ppid 1,2 -ww -o args= | grep -o '[^ ]*[.]test[.]ts$' | tr '\n' ' ')"
	done > $line 2>&1 &

	# Through a pipe, so that the tests see what they would see in CI: no terminal.
	(
		echo $BASHPID > "$1/cgroup.procs"
		exec bash $project/.vm/task
	) < /dev/null 2>&1 | cat > $line
	verdict=${PIPESTATUS[0]}

	printf '\nbulkhead-vm %s exit %d\n' "$nonce" "$verdict" > $line
	sync
}
