/* SPDX-License-Identifier: Apache-2.0 */
/* weir-aggregator: takes what agents measured, prices it, and serves policy to them. */
#include "aggregator/manager.h"
#include "aggregator/worker.h"
#include "lib/base/log.h"

#include <getopt.h>

#define EXIT_USAGE 2

static const char usage[] =
	"usage: weir-aggregator -c FILE [-n]\n"
	"       weir-aggregator --print-config | --help | --version\n"
	"\n"
	"  -c, --config FILE   settings (YAML)\n"
	"  -n, --check         check the settings and end\n"
	"      --print-config  print the settings file with every default\n"
	"  -v, --verbose       log more\n";

struct options {
	const char *config;
	bool check, print, help, version, verbose;
};

static int parse(int argc, char **argv, struct options *o)
{
	static const struct option longs[] = {
		{"config", required_argument, NULL, 'c'}, {"check", no_argument, NULL, 'n'},
		{"print-config", no_argument, NULL, 'p'}, {"verbose", no_argument, NULL, 'v'},
		{"help", no_argument, NULL, 'h'},	  {"version", no_argument, NULL, 'V'},
		{0},
	};
	int c;

	while ((c = getopt_long(argc, argv, "c:nvhV", longs, NULL)) != -1) {
		switch (c) {
		case 'c':
			o->config = optarg;
			break;
		case 'n':
			o->check = true;
			break;
		case 'p':
			o->print = true;
			break;
		case 'v':
			o->verbose = true;
			break;
		case 'h':
			o->help = true;
			break;
		case 'V':
			o->version = true;
			break;
		default:
			return -EINVAL;
		}
	}
	return optind == argc ? 0 : -EINVAL;
}

static int run(const struct options *o)
{
	struct weir_err err = {0};
	struct config config;
	int r = config_load(o->config, &config, &err);

	if (r) {
		fprintf(stderr, "weir-aggregator: %s\n", err.text);
		return EXIT_USAGE;
	}
	if (o->check) {
		config_fini(&config);
		return EXIT_SUCCESS;
	}
	r = manager_run(&config, &err);
	if (r)
		weir_log(WEIR_LOG_ERR, "%s", err.text[0] ? err.text : strerror(-r));
	if (worker_unfinished()) {
		fflush(NULL);
		_exit(r ? EXIT_FAILURE : EXIT_SUCCESS);
	}
	return r ? EXIT_FAILURE : EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
	struct options o = {0};

	if (parse(argc, argv, &o) || (!o.config && !o.print && !o.help && !o.version)) {
		fputs(usage, stderr);
		return EXIT_USAGE;
	}
	weir_log_init("weir-aggregator", o.verbose ? WEIR_LOG_DEBUG : WEIR_LOG_INFO);
	if (o.help)
		return fputs(usage, stdout) < 0;
	if (o.version)
		return puts("weir-aggregator " WEIR_VERSION) < 0;
	if (o.print)
		return config_print(stdout) != 0;
	return run(&o);
}
