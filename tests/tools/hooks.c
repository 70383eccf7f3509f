/* SPDX-License-Identifier: Apache-2.0 */
/* Counts the programs at weir's hooks of a cgroup and an interface: hooks CGROUP_DIR DEV prints a line
 * "HOOK COUNT" each. Asks the kernel: bpftool of the minimum distribution does not know TCX. */
#include <fcntl.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <errno.h>

#include <bpf/bpf.h>

#include "lib/base/base.h"

static int count(const char *name, int target, int type)
{
	uint32_t ids[64], n = WEIR_ARRAY_SIZE(ids);

	if (bpf_prog_query(target, (enum bpf_attach_type)type, 0, NULL, ids, &n)) {
		fprintf(stderr, "hooks: %s: %s\n", name, strerror(errno));
		return -1;
	}
	printf("%s %u\n", name, n);
	return 0;
}

int main(int argc, char **argv)
{
	weir_auto_close int fd = argc == 3 ? open(argv[1], O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
	int dev = argc == 3 ? (int)if_nametoindex(argv[2]) : 0;

	if (fd < 0 || !dev) {
		fprintf(stderr, "usage: hooks CGROUP_DIR DEV\n");
		return 2;
	}
	return count("ingress", fd, BPF_CGROUP_INET_INGRESS) || count("egress", fd, BPF_CGROUP_INET_EGRESS) ||
	       count("sockops", fd, BPF_CGROUP_SOCK_OPS) || count("tcx_ingress", dev, 46) ||
	       count("tcx_egress", dev, 47);
}
