/* SPDX-License-Identifier: Apache-2.0 */
/* What the kernel says about this boot and its cgroup v2 hierarchy. */
#include "lib/os/file.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "lib/os/crypto.h"

#define MOUNTINFO_MAX ((size_t)4 << 20)
#define FILEID_KERNFS 0xfe /* include/linux/exportfs.h: 64-bit kernfs id */

/* mountinfo writes space, tab, newline and backslash as \ooo. */
static void octal_unescape(char *s)
{
	char *out = s;

	for (; *s; s++) {
		if (s[0] == '\\' && s[1] >= '0' && s[1] <= '3' && s[2] >= '0' && s[2] <= '7' &&
		    s[3] >= '0' && s[3] <= '7') {
			*out++ = (char)((s[1] - '0') * 64 + (s[2] - '0') * 8 + (s[3] - '0'));
			s += 3;
		} else {
			*out++ = *s;
		}
	}
	*out = '\0';
}

/* Field n (0 = first) of a line whose fields are separated by one space; cuts the line there. */
static char *line_field(char *line, int n)
{
	while (n-- > 0) {
		line = strchr(line, ' ');
		if (!line)
			return NULL;
		line++;
	}
	line[strcspn(line, " ")] = '\0';
	return line;
}

int weir_cgroup2_mount(char **ret)
{
	weir_auto_free char *data = NULL;
	char *line, *save = NULL, *path;
	size_t len;
	int r;

	r = weir_file_read("/proc/self/mountinfo", MOUNTINFO_MAX, &data, &len);
	if (r)
		return r;
	for (line = strtok_r(data, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		/* "36 35 98:0 /root /mount/point options optional... - type source options" */
		if (!strstr(line, " - cgroup2 "))
			continue;
		path = line_field(line, 4);
		if (!path)
			continue;
		octal_unescape(path);
		path = strdup(path);
		if (!path)
			return -ENOMEM;
		*ret = path;
		return 0;
	}
	return -ENOENT;
}

int weir_cgroup_id(const char *path, uint64_t *ret)
{
	union {
		struct file_handle h;
		char space[sizeof(struct file_handle) + MAX_HANDLE_SZ];
	} u = {.h.handle_bytes = MAX_HANDLE_SZ};
	struct stat st;
	int mount_id;

	if (name_to_handle_at(AT_FDCWD, path, &u.h, &mount_id, 0) == 0 &&
	    u.h.handle_type == FILEID_KERNFS && u.h.handle_bytes == sizeof(*ret)) {
		memcpy(ret, u.h.f_handle, sizeof(*ret));
		return 0;
	}
	/* A sandbox may forbid handles; on 64-bit kernels the inode number is the same id. */
	if (stat(path, &st))
		return -errno;
	*ret = st.st_ino;
	return 0;
}

int weir_boot_id(uint8_t ret[16])
{
	weir_auto_free char *text = NULL;
	size_t len, n = 0;
	int r;

	r = weir_file_read("/proc/sys/kernel/random/boot_id", 64, &text, &len);
	if (r)
		return r;
	for (const char *p = text; *p && *p != '\n'; p++)
		if (*p != '-')
			text[n++] = *p;
	text[n] = '\0';
	return weir_unhex(text, ret, 16) ? -EBADMSG : 0;
}
