/* SPDX-License-Identifier: Apache-2.0 */
#include <getopt.h>

#include "agent/labels.h"
#include "agent/manager.h"
#include "agent/probe.h"
#include "agent/runtime.h"
#include "lib/base/clock.h"
#include "lib/base/log.h"

#define EXIT_USAGE 2
#define DEFAULT_CONFIG "/etc/weir/agent.yaml"
#define MEASURE_MAX_S 600

enum action { RUN, CHECK, PROBE, DETACH, ROLLBACK, PRINT, MEASURE };

static int usage(FILE *f, int status)
{
	fputs("usage: weir-agent [-c FILE] [-n | --probe | --detach | --rollback | --measure SECONDS | --print-config | --version]\n"
	      "  -c, --config FILE  settings (default " DEFAULT_CONFIG ")\n"
	      "  -n, --check        check the settings and leave\n"
	      "      --probe        print which hooks this kernel gives and which it refuses\n"
	      "      --detach       remove every link, pin and map; connections survive\n"
	      "      --rollback     emergency: return to the bundle that was confirmed before the one in force\n"
	      "      --measure S    have the kernel measure for so many seconds what a packet costs; needs CAP_SYS_ADMIN\n"
	      "      --print-config print a settings file with every default written out\n",
	      f);
	return status;
}

static int fail(const char *text, int r, int status)
{
	weir_log(WEIR_LOG_ERR, "%s", *text ? text : strerror(-r));
	return status;
}

/* Works without a settings file: then with the default directory. */
static int detach(const char *path)
{
	config_auto struct config c = {0};
	struct weir_err err = {0};
	int r = config_load(path, &c, &err);

	if (r < 0)
		return fail(err.text, r, EXIT_USAGE);
	r = probe_detach(c.pin_dir, &err);
	return r < 0 ? fail(err.text, r, EXIT_FAILURE) : EXIT_SUCCESS;
}

static void manager_freep(struct manager **m)
{
	manager_free(*m);
}

static int check_labels(const struct config *c, struct weir_err *err)
{
	struct labels *l = NULL;
	int r = *c->labels ? labels_load(c->labels, &l, err) : 0;

	labels_free(l);
	return r;
}

static int run(const char *path, bool check_only)
{
	weir_cleanup(manager_freep) struct manager *m = NULL;
	config_auto struct config c = {0};
	struct weir_err err = {0};
	int r = config_load(path, &c, &err);

	if (r == 0)
		r = check_labels(&c, &err);
	if (r < 0)
		return fail(err.text, r, EXIT_USAGE);
	if (check_only)
		return EXIT_SUCCESS;
	r = manager_new(&c, path, &m, &err);
	if (r < 0)
		return fail(err.text, r, EXIT_FAILURE);
	return manager_run(m) ? EXIT_FAILURE : EXIT_SUCCESS;
}

static int take_back(const char *path)
{
	config_auto struct config c = {0};
	char text[ROLLBACK_TEXT_MAX];
	struct weir_err err = {0};
	int r = config_load(path, &c, &err);

	if (r < 0)
		return fail(err.text, r, EXIT_USAGE);
	r = rollback(&c, path, text, &err);
	if (r < 0)
		return fail(*text ? text : err.text, r, EXIT_FAILURE);
	puts(text);
	return EXIT_SUCCESS;
}

static int measure(const char *seconds)
{
	struct weir_err err = {0};
	char *end;
	unsigned long s = strtoul(seconds, &end, 10);
	int r;

	if (*end || !s || s > MEASURE_MAX_S) {
		weir_log(WEIR_LOG_ERR, "--measure %s: not 1 to %d seconds", seconds, MEASURE_MAX_S);
		return EXIT_USAGE;
	}
	r = runtime_measure(s * WEIR_NS_PER_S, &err);
	return r ? fail(err.text, r, EXIT_FAILURE) : EXIT_SUCCESS;
}

static int act(enum action action, const char *path, const char *seconds)
{
	struct weir_err err = {0};
	int r;

	switch (action) {
	case PROBE:
		r = probe_report(stdout, &err);
		fflush(stdout);
		return r < 0 ? fail(err.text, r, EXIT_FAILURE) : EXIT_SUCCESS;
	case DETACH:
		return detach(path);
	case ROLLBACK:
		return take_back(path ? path : DEFAULT_CONFIG);
	case PRINT:
		return config_print(stdout) < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
	case MEASURE:
		return measure(seconds);
	case RUN:
	case CHECK:
		break;
	}
	return run(path ? path : DEFAULT_CONFIG, action == CHECK);
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{"config", required_argument, NULL, 'c'}, {"check", no_argument, NULL, 'n'},
		{"probe", no_argument, NULL, 'p'},	  {"detach", no_argument, NULL, 'd'},
		{"print-config", no_argument, NULL, 'P'}, {"version", no_argument, NULL, 'V'},
		{"help", no_argument, NULL, 'h'},	  {"rollback", no_argument, NULL, 'r'},
		{"measure", required_argument, NULL, 'm'},
		{0},
	};
	enum action action = RUN;
	const char *path = NULL, *seconds = NULL;
	int o;

	weir_log_init("weir-agent", WEIR_LOG_INFO);
	while ((o = getopt_long(argc, argv, "c:nh", options, NULL)) >= 0) {
		switch (o) {
		case 'c':
			path = optarg;
			break;
		case 'n':
			action = CHECK;
			break;
		case 'p':
			action = PROBE;
			break;
		case 'd':
			action = DETACH;
			break;
		case 'r':
			action = ROLLBACK;
			break;
		case 'm':
			action = MEASURE;
			seconds = optarg;
			break;
		case 'P':
			action = PRINT;
			break;
		case 'V':
			puts("weir-agent " WEIR_VERSION);
			return EXIT_SUCCESS;
		case 'h':
			return usage(stdout, EXIT_SUCCESS);
		default:
			return usage(stderr, EXIT_USAGE);
		}
	}
	return optind < argc ? usage(stderr, EXIT_USAGE) : act(action, path, seconds);
}
