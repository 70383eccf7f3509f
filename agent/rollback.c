/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/rollback.h"

#include <fcntl.h>
#include <sys/file.h>

#include "agent/manager.h"
#include "lib/os/file.h"

/* A running agent answers at once, unless it is in the middle of a large bundle. */
#define PATIENCE_MS 30000
#define LOOK_MS 20

static void manager_freep(struct manager **m)
{
	manager_free(*m);
}

/* An agent holds the lock for as long as it lives. */
static int agent_runs(const char *state_dir, bool *ret)
{
	weir_auto_free char *path = weir_strf("%s/lock", state_dir);
	weir_auto_close int fd = path ? open(path, O_RDWR | O_CLOEXEC) : -1;

	if (!path)
		return -ENOMEM;
	if (fd < 0 && errno != ENOENT)
		return -errno;
	*ret = fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) < 0;
	return *ret && errno != EWOULDBLOCK ? -errno : 0;
}

static int ask(const char *state_dir, char text[ROLLBACK_TEXT_MAX], struct weir_err *err)
{
	weir_auto_free char *request = weir_strf("%s/bundle/" ROLLBACK_REQUEST, state_dir);
	weir_auto_free char *answer = weir_strf("%s/bundle/" ROLLBACK_ANSWER, state_dir);
	weir_auto_free char *said = NULL;
	size_t len;
	int r;

	if (!request || !answer)
		return -ENOMEM;
	if (unlink(answer) < 0 && errno != ENOENT)
		return weir_err_set(err, -errno, "%s: %s", answer, strerror(errno));
	r = weir_file_write(request, "", 0, 0600);
	if (r < 0)
		return weir_err_set(err, r, "%s: %s", request, strerror(-r));
	for (int ms = 0; ms < PATIENCE_MS && access(request, F_OK) == 0; ms += LOOK_MS)
		usleep(LOOK_MS * 1000);
	r = weir_file_read(answer, ROLLBACK_TEXT_MAX - 1, &said, &len);
	if (r < 0)
		return weir_err_set(err, -ETIMEDOUT, "the running agent did not answer; end it and try again");
	(void)weir_strcpy(text, ROLLBACK_TEXT_MAX, said);
	return strncmp(text, ROLLBACK_DONE, strlen(ROLLBACK_DONE)) ? -ENOENT : 0;
}

static int clear(char **s)
{
	free(*s);
	*s = strdup("");
	return *s ? 0 : -ENOMEM;
}

/* As an agent would, without a word to anybody. */
static int do_it(struct config *c, const char *path, char text[ROLLBACK_TEXT_MAX], struct weir_err *err)
{
	weir_cleanup(manager_freep) struct manager *m = NULL;
	int r = clear(&c->control);

	if (r == 0)
		r = clear(&c->telemetry);
	if (r == 0)
		r = manager_new(c, path, &m, err);
	return r < 0 ? r : manager_rollback(m, text);
}

int rollback(struct config *c, const char *path, char text[ROLLBACK_TEXT_MAX], struct weir_err *err)
{
	bool runs = false;
	int r = agent_runs(c->state_dir, &runs);

	text[0] = 0;
	if (r < 0)
		return weir_err_set(err, r, "%s/lock: %s", c->state_dir, strerror(-r));
	return runs ? ask(c->state_dir, text, err) : do_it(c, path, text, err);
}
