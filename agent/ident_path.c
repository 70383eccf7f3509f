/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/ident_path.h"

#include <ctype.h>

static size_t hex_run(const char *s, size_t max)
{
	size_t n = 0;

	while (n < max && (isdigit((unsigned char)s[n]) || (s[n] >= 'a' && s[n] <= 'f')))
		n++;
	return n;
}

static bool ends_with(const char *s, size_t len, const char *suffix)
{
	size_t n = strlen(suffix);

	return len > n && !memcmp(s + len - n, suffix, n);
}

/* 8-4-4-4-12 with '-' (cgroupfs) or '_' (systemd escapes '-'), or 32 hex; returns its length or 0.
 */
static size_t uid_at(const char *s, size_t len, char ret[37])
{
	static const uint8_t group[] = {8, 4, 4, 4, 12};
	size_t at = 0;

	if (len >= 32 && hex_run(s, 33) == 32) {
		memcpy(ret, s, 32);
		ret[32] = '\0';
		return 32;
	}
	if (len < 36)
		return 0;
	for (size_t g = 0; g < sizeof(group); g++) {
		if (hex_run(s + at, group[g]) != group[g])
			return 0;
		at += group[g];
		if (g < 4 && s[at] != '-' && s[at] != '_')
			return 0;
		at += g < 4;
	}
	for (size_t i = 0; i < 36; i++)
		ret[i] = s[i] == '_' ? '-' : s[i];
	ret[36] = '\0';
	return 36;
}

/* "pod<uid>" or "...-pod<uid>.slice"; what follows the uid must end the component. */
static bool pod_component(const char *c, size_t len, char ret[37])
{
	char uid[37];

	for (size_t i = 0; i + 3 < len; i++) {
		size_t n, rest;

		if (memcmp(c + i, "pod", 3) || (i && c[i - 1] != '-'))
			continue;
		n = uid_at(c + i + 3, len - i - 3, uid);
		rest = len - i - 3 - n;
		if (n && (rest == 0 || (rest == 6 && !memcmp(c + i + 3 + n, ".slice", 6)))) {
			memcpy(ret, uid, sizeof(uid));
			return true;
		}
	}
	return false;
}

/* A bare 64 hex, or <runtime>-<64 hex>[.scope]. Monitors of a container ("crio-conmon-") are not
 * it. */
static bool container_component(const char *c, size_t len, char ret[65])
{
	static const char *const runtimes[] = {"cri-containerd-", "crio-",    "docker-",
					       "libpod-",	  "nerdctl-", ""};

	if (ends_with(c, len, ".scope"))
		len -= 6;
	for (size_t i = 0; i < WEIR_ARRAY_SIZE(runtimes); i++) {
		size_t n = strlen(runtimes[i]);

		if (len == n + 64 && !memcmp(c, runtimes[i], n) && hex_run(c + n, 64) == 64) {
			memcpy(ret, c + n, 64);
			ret[64] = '\0';
			return true;
		}
	}
	return false;
}

static void set_name(struct ident_path *p, const char *kind, const char *s, size_t len)
{
	len = WEIR_MIN(len, sizeof(p->name) - 1);
	p->kind = kind;
	memcpy(p->name, s, len);
	p->name[len] = '\0';
}

static void component(const char *c, size_t len, struct ident_path *p)
{
	if (pod_component(c, len, p->pod_uid)) {
		p->container[0] = '\0';
		set_name(p, "pod", p->pod_uid, strlen(p->pod_uid));
		return;
	}
	if (container_component(c, len, p->container)) {
		if (strcmp(p->kind, "pod"))
			set_name(p, "container", p->container, 12);
		return;
	}
	/* Units inside a pod or container (its own systemd) belong to it. */
	if (!strcmp(p->kind, "pod") || !strcmp(p->kind, "container"))
		return;
	if (ends_with(c, len, ".service") || ends_with(c, len, ".scope"))
		set_name(p, "unit", c, len);
}

void ident_path_parse(const char *path, struct ident_path *ret)
{
	const char *c = path;

	memset(ret, 0, sizeof(*ret));
	set_name(ret, "group", path, strlen(path));
	while (*c) {
		size_t len;

		c += strspn(c, "/");
		len = strcspn(c, "/");
		if (len)
			component(c, len, ret);
		c += len;
	}
}
