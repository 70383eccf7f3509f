/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The order is what makes each step reversible or harmless: what the new user could not read is found out
 * first, then the user changes, which happens wholly or not at all, then files change hands, by capabilities
 * that are given up last.
 *
 * Cgroups are followed by their paths (inotify, inode numbers), sockets of other namespaces by an iterator
 * that runs in the kernel: neither takes more than these three.
 */
#include "agent/privilege.h"

#include <linux/capability.h>
#include <sys/syscall.h>

#include "lib/base/log.h"
#include "lib/os/privilege.h"

#define KEEP (1ull << CAP_BPF | 1ull << CAP_NET_ADMIN | 1ull << CAP_PERFMON)
#define TO_BECOME (1ull << CAP_SETUID | 1ull << CAP_SETGID | 1ull << CAP_CHOWN)

/* Why the user stays; "" = it does not. */
struct reason {
	char text[256];
};

/* Files that are read again while the agent runs, and whether the settings name them. */
static void check_files(const struct config *c, const char *conf_path, const struct weir_user *u, struct reason *why)
{
	bool tls = *c->telemetry || *c->control;
	const struct {
		const char *path;
		bool used;
	} files[] = {
		{conf_path, true}, {c->labels, *c->labels},  {c->ca, tls},
		{c->cert, tls},	   {c->key, tls},	     {c->node_key, tls},
		{c->crl, *c->crl}, {c->revoked, *c->revoked},
	};

	for (size_t i = 0; i < WEIR_ARRAY_SIZE(files) && !*why->text; i++) {
		int r = files[i].used ? weir_user_reads(u, files[i].path) : 0;

		if (r == -EACCES)
			snprintf(why->text, sizeof(why->text), "user %s may not read %s: chgrp and chmod g+r it", u->name,
				 files[i].path);
		else if (r && r != -ENOENT)
			snprintf(why->text, sizeof(why->text), "user %s: %s: %s", u->name, files[i].path, strerror(-r));
	}
}

static void become(const struct config *c, const char *conf_path, struct weir_user *u, struct reason *why)
{
	int r = weir_user_find(c->user, u);

	if (r)
		snprintf(why->text, sizeof(why->text), "agent.user: there is no user %s", c->user);
	else if (u->uid == 0)
		snprintf(why->text, sizeof(why->text), "agent.user is %s", c->user);
	else if (TO_BECOME & ~weir_caps_permitted())
		snprintf(why->text, sizeof(why->text), "without CAP_SETUID, CAP_SETGID and CAP_CHOWN it cannot become %s",
			 c->user);
	else
		check_files(c, conf_path, u, why);
	if (!*why->text && (r = weir_user_become(u)))
		snprintf(why->text, sizeof(why->text), "it cannot become %s: %s", c->user, strerror(-r));
}

static int hand_over(const struct config *c, const struct weir_user *u, struct weir_err *err)
{
	const char *const trees[] = {c->state_dir, c->pin_dir};
	int r = 0;

	for (size_t i = 0; !r && i < WEIR_ARRAY_SIZE(trees); i++) {
		r = weir_tree_give(trees[i], u);
		if (r)
			weir_err_set(err, r, "%s cannot be given to user %s (%s); with agent.user: root it stays root's",
				     trees[i], u->name, strerror(-r));
	}
	return r;
}

static void confine(const struct weir_user *u, const struct reason *why)
{
	static const int calls[] = {SYS_bpf, SYS_name_to_handle_at};
	int caps = weir_caps_keep(KEEP), filter = caps < 0 ? caps : weir_seccomp(calls, WEIR_ARRAY_SIZE(calls));
	char held[256], user[sizeof(u->name) + 32] = "";

	weir_caps_text(weir_caps_permitted(), held, sizeof(held));
	if (geteuid() && *u->name)
		snprintf(user, sizeof(user), "user %s, ", u->name);
	else if (geteuid())
		snprintf(user, sizeof(user), "user %u, ", (unsigned int)geteuid());
	if (*why->text)
		weir_log(WEIR_LOG_WARN, "privileges: the agent stays root: %s", why->text);
	if (caps < 0)
		weir_log(WEIR_LOG_WARN, "privileges: capabilities cannot be given up: %s", strerror(-caps));
	if (filter < 0)
		weir_log(WEIR_LOG_WARN, "privileges: system calls are not filtered: %s", strerror(-filter));
	weir_log(WEIR_LOG_INFO, "privileges: %scapabilities %s%s%s", user, held,
		 caps < 0 ? "" : ", no new ones", filter < 0 ? "" : ", system calls filtered");
}

int privilege_drop(const struct config *c, const char *conf_path, struct probe *p, struct weir_err *err)
{
	struct weir_user user = {0};
	struct reason why = {0};
	int r = probe_hold_pins(p);

	if (r)
		return weir_err_set(err, r, "%s: %s", c->pin_dir, strerror(-r));
	if (geteuid() == 0) {
		become(c, conf_path, &user, &why);
		if (*why.text)
			user = (struct weir_user){.name = "root"};
		/* Also from another user back to root, which without CAP_DAC_OVERRIDE is a user like any other. */
		if ((r = hand_over(c, &user, err)))
			return r;
	}
	confine(&user, &why);
	return 0;
}
