/* The rules between the fields of a specification. */
#include "spec-rules.h"

#include "refusal.h"

void spec_check_given(bool given, const char *key)
{
	if (!given)
		invalid("cannot read the specification: %s is missing", key);
}

/* Out of a preloaded parent comes the whole sandbox or none of it, and nothing but processes of such a sandbox. */
static void check_preloaded(const struct spec *spec)
{
	spec_check_given(spec->as_root && spec->cgroup2 && spec->proc, "mode=root, cgroup2 or proc, for preload,");
#ifndef WEAKER_COPIES /* the attack suite's build: see the Makefile */
	for (int layer = 0; layer < LAYER_COUNT; layer++)
		if (spec->weaker[layer])
			invalid("cannot read the specification: preload with weaker");
#endif
	if (spec->report_denials || spec->engine_create[0])
		invalid("cannot read the specification: preload with report-denials or an engine");
	if (spec->parent && (spec->preload || spec->data || spec->tmp_bytes > 0 || spec->network.count > 0))
		invalid("cannot read the specification: preload-parent with preload, data, tmp-bytes or network");
}

/* It has to build the sandboxes of others, whose rights and limits are theirs, and would be no larger than its own. */
void spec_of_parent(struct spec *spec)
{
	static const enum layer without[] = {LAYER_CAPABILITIES, LAYER_SECCOMP, LAYER_LANDLOCK, LAYER_RLIMITS,
					     LAYER_CGROUP_NAMESPACE};

	for (size_t i = 0; i < sizeof without / sizeof without[0]; i++)
		spec->weaker[without[i]] = true;
}

/* Rules between fields. What needs the machine's answer (is this uid root?) is asked later, where it is used. */
void spec_check(const struct spec *spec, bool from_file)
{
	spec_check_given(spec->run != NULL, "run");
	spec_check_given(spec->root != NULL, "root");
	spec_check_given(spec->exec != NULL, "exec");
	spec_check_given(spec->argument_count > 0, "arg");
	spec_check_given(spec->cwd != NULL, "cwd");
	spec_check_given(spec->files > 0 || !wants(spec, LAYER_RLIMITS), "files");
	spec_check_given(spec->memory_bytes > 0 || !wants(spec, LAYER_MEMORY), "memory-bytes");
	spec_check_given(spec->processes > 0 || !wants(spec, LAYER_PROCESSES), "processes");
	spec_check_given(spec->data_bytes == 0 || spec->data, "data");
	spec_check_given((spec->tmp_bytes > 0) == (spec->tmp_inodes > 0), "tmp-bytes or tmp-inodes");
	if (wants(spec, LAYER_UID) && (spec->uid == 0 || spec->gid == 0))
		invalid("cannot read the specification: uid or gid is 0");
	if (wants(spec, LAYER_LANDLOCK) && spec->landlock_abi == 0)
		invalid("cannot read the specification: landlock-abi is 0");
	if (spec->report_denials && !wants(spec, LAYER_SECCOMP))
		invalid("cannot read the specification: report-denials without seccomp");
	if (spec->as_root && spec->helper)
		invalid("cannot read the specification: idmap=helper is for mode=user");
	if (spec->cgroup2_controllers != 0 && !spec->cgroup2)
		invalid("cannot read the specification: cgroup2-controllers without cgroup2");
	spec_check_given(spec->connections > 0 || spec->network.count == 0, "connections");
	if (spec->network.count == 0 && (spec->connections > 0 || spec->network_bytes > 0 || spec->network.excused_count > 0))
		invalid("cannot read the specification: limits of a network without network");
	if (spec->network.count > 0 && !wants(spec, LAYER_NET_NAMESPACE))
		invalid("cannot read the specification: network is for a network namespace of the run's own");
	if (spec->engine_create[0]) {
		spec_check_given(spec->as_root, "mode=root");
		spec_check_given(spec->engine_start[0] && spec->engine_delete[0] && spec->engine_pid_file,
			    "engine-start, engine-delete or engine-pid-file");
	}
	for (size_t i = 0; i < spec->bind_count; i++)
		spec_check_given(spec->binds[i].outside || spec->preload, "preload, for from-parent,");
	if (spec->preload || spec->parent)
		check_preloaded(spec);
	if (!from_file && spec->report_file)
		invalid("cannot read the specification: report-file is for the form --spec");
	if (from_file && spec->control)
		invalid("cannot read the specification: control is not for the form --spec");
	if (spec->held && (!spec->control || spec->engine_create[0] || spec->parent || spec->report_denials))
		invalid("cannot read the specification: held is for a run with control, and with none of engine, preload-parent and report-denials");
	if (from_file)
		spec_check_given(spec->report_file != NULL, "report-file");
}
