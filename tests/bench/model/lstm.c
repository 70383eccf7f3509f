/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a step of a series costs the LSTM: build/bench/lstm prints lines "name unit value at-most". 64 units, 64 series that
 * step together, the inputs, bases and 48 outputs that hourly series with a day and a week have, one thread. Thread CPU
 * time, the least of several rounds: what else runs on the machine only adds. Inference is a step and its whole forecast;
 * training is forward, backward and Adam, over runs of 48 steps.
 */
#include <math.h>
#include <stdio.h>
#include <time.h>

#include "lib/model/lstm.h"
#include "lib/model/lstm_net.h"

#define BATCH 64
#define STEPS 48
#define ROUNDS 40

static double now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static void fill(float *v, size_t n, struct weir_random *r)
{
	for (size_t i = 0; i < n; i++)
		v[i] = (float)weir_random_normal(r);
}

static double infer(const struct weir_lstm_net *n, struct weir_lstm_run *r)
{
	double least = INFINITY;

	for (int round = 0; round < ROUNDS; round++) {
		double began = now_us();

		for (int t = 0; t < STEPS; t++) {
			weir_lstm_forward(n, r, 1);
			weir_lstm_head(n, r, 1);
			weir_lstm_carry(r, 1);
		}
		least = fmin(least, (now_us() - began) / (STEPS * BATCH));
	}
	return least;
}

static double train(struct weir_lstm_net *n, struct weir_lstm_run *r, struct weir_lstm_learner *l)
{
	double least = INFINITY;

	l->rate = 1e-3f;
	l->norm = 1;
	for (int round = 0; round < ROUNDS; round++) {
		double began = now_us();

		weir_lstm_gradient(n, r, STEPS, l);
		weir_lstm_learn(n, l);
		least = fmin(least, (now_us() - began) / (STEPS * BATCH));
	}
	return least;
}

int main(void)
{
	const struct weir_calendar hourly = {.season = {24, 168}, .seasons = 2};
	struct weir_lstm_shape shape = weir_lstm_shape_of(&hourly, 48);
	struct weir_random random = weir_random_of(1);
	struct weir_lstm_net net;
	struct weir_lstm_run one, run;
	struct weir_lstm_learner learner;

	if (weir_lstm_net_init(&net, &shape) || weir_lstm_run_init(&one, &shape, BATCH, 1, false) ||
	    weir_lstm_run_init(&run, &shape, BATCH, STEPS, true) || weir_lstm_learner_init(&learner, &net))
		return 1;
	weir_lstm_net_seed(&net, &random);
	fill(one.x, BATCH * shape.inputs, &random);
	fill(run.x, STEPS * BATCH * shape.inputs, &random);
	fill(run.base, STEPS * BATCH * shape.bases * shape.outputs, &random);
	fill(run.target, STEPS * BATCH * shape.outputs, &random);
	printf("lstm_infer_us_per_step us %.3f 2\n", infer(&net, &one));
	printf("lstm_train_us_per_step us %.3f 5\n", train(&net, &run, &learner));
	weir_lstm_learner_fini(&learner);
	weir_lstm_run_fini(&run);
	weir_lstm_run_fini(&one);
	weir_lstm_net_fini(&net);
	return 0;
}
