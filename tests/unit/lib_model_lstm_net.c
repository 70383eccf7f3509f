/* SPDX-License-Identifier: Apache-2.0 */
/* The LSTM's network: its gradient against finite differences of another computation, its learning, its loops. */
#include <math.h>

#include "lib/model/lstm_net.h"
#include "tests/lib/test.h"

static double sigmoid(double x)
{
	return 1 / (1 + exp(-x));
}

/* The net by its formulas, in doubles, one sequence and one unit after another: nothing of it is shared with the library. */
struct reference {
	struct weir_lstm_shape s;
	const double *w; /* in the library's order */
	const struct weir_lstm_run *run;
	size_t steps;
};

static void reference_step(const struct reference *r, const float *x, double *h, double *c)
{
	size_t in = r->s.inputs, units = r->s.units;
	double z[64], before[16];

	memcpy(before, h, units * sizeof(*h));
	for (size_t g = 0; g < 4 * units; g++) {
		const double *w = r->w + g * (units + in + 1);

		z[g] = w[units + in];
		for (size_t k = 0; k < in; k++)
			z[g] += w[units + k] * (double)x[k];
		for (size_t k = 0; k < units; k++)
			z[g] += w[k] * before[k];
	}
	for (size_t k = 0; k < units; k++) {
		c[k] = sigmoid(z[units + k]) * c[k] + sigmoid(z[k]) * tanh(z[3 * units + k]);
		h[k] = sigmoid(z[2 * units + k]) * tanh(c[k]);
	}
}

static double reference_out(const struct reference *r, size_t row, size_t j, const double *h)
{
	size_t units = r->s.units, outs = r->s.outputs;
	const double *v = r->w + 4 * units * (r->s.inputs + units + 1), *d = v + outs * units, *a = d + outs;
	double out = d[j];

	for (size_t k = 0; k < units; k++)
		out += v[j * units + k] * h[k];
	for (size_t k = 0; k < r->s.bases; k++)
		out += a[k * outs + j] * (double)r->run->base[(row * r->s.bases + k) * outs + j];
	return out;
}

static double reference_loss(const struct reference *r)
{
	double sum = 0, known = 0;

	for (size_t b = 0; b < r->run->batch; b++) {
		double h[16], c[16];

		for (size_t k = 0; k < r->s.units; k++) {
			h[k] = (double)r->run->h[k * r->run->batch + b];
			c[k] = (double)r->run->c[k * r->run->batch + b];
		}
		for (size_t t = 0; t < r->steps; t++) {
			size_t row = t * r->run->batch + b;

			reference_step(r, r->run->x + row * r->s.inputs, h, c);
			for (size_t j = 0; j < r->s.outputs; j++) {
				double target = (double)r->run->target[row * r->s.outputs + j], e = reference_out(r, row, j, h) - target;

				if (isnan(target))
					continue;
				sum += sqrt(e * e + (double)WEIR_LSTM_SOFT * (double)WEIR_LSTM_SOFT) - (double)WEIR_LSTM_SOFT;
				known++;
			}
		}
	}
	return sum / known;
}

static void fill(float *v, size_t n, double scale, struct weir_random *r)
{
	for (size_t i = 0; i < n; i++)
		v[i] = (float)(scale * weir_random_normal(r));
}

/* Units that are no multiple of a vector, a state that is carried in, targets of which a third is missing. */
TEST(the_gradient_is_that_of_finite_differences)
{
	const struct weir_lstm_shape shape = {.inputs = 3, .units = 11, .outputs = 4, .bases = 2};
	struct weir_random random = weir_random_of(11);
	struct weir_lstm_net n;
	struct weir_lstm_run run;
	struct weir_lstm_learner l;
	struct reference ref = {.s = shape, .run = &run, .steps = 7};
	weir_auto_free double *w = NULL;
	double loss, worst = 0;

	CHECK(!weir_lstm_net_init(&n, &shape) && !weir_lstm_run_init(&run, &shape, 3, 7, true) && !weir_lstm_learner_init(&l, &n));
	fill(n.w, n.count, 0.6, &random);
	fill(run.x, 21 * 3, 1, &random);
	fill(run.base, 21 * 8, 1, &random);
	fill(run.target, 21 * 4, 1, &random);
	fill(run.h, 33, 0.5, &random);
	fill(run.c, 33, 0.5, &random);
	for (size_t i = 0; i < 21 * 4; i += 3)
		run.target[i] = NAN;
	w = malloc(n.count * sizeof(*w));
	for (size_t i = 0; i < n.count; i++)
		w[i] = (double)n.w[i];
	ref.w = w;
	loss = weir_lstm_gradient(&n, &run, 7, &l);
	CHECK(fabs(loss - reference_loss(&ref)) < 1e-4, "loss %.7f, by the formulas %.7f", loss, reference_loss(&ref));
	for (size_t i = 0; i < n.count; i++) {
		double at = w[i], up, down;

		w[i] = at + 1e-5;
		up = reference_loss(&ref);
		w[i] = at - 1e-5;
		down = reference_loss(&ref);
		w[i] = at;
		worst = fmax(worst, fabs((up - down) / 2e-5 - (double)l.gradient[i]));
	}
	CHECK(worst < 1e-4, "a gradient is off by %g", worst);
	for (size_t i = 0; i < 21 * 4; i++)
		run.target[i] = NAN;
	CHECK(isnan(weir_lstm_gradient(&n, &run, 7, &l)) && l.gradient[0] == 0, "something is learnt of nothing");
	weir_lstm_learner_fini(&l);
	weir_lstm_run_fini(&run);
	weir_lstm_net_fini(&n);
}

/* Of steps that say nothing neither targets nor bases are looked at; what is learnt is what is learnt without their targets. */
TEST(steps_may_be_on_the_way_alone)
{
	const struct weir_lstm_shape shape = {.inputs = 3, .units = 11, .outputs = 4, .bases = 2};
	double loss[2];
	float *gradient[2];

	for (int every = 0; every < 2; every++) {
		struct weir_random random = weir_random_of(12);
		struct weir_lstm_net n;
		struct weir_lstm_run run;
		struct weir_lstm_learner l;

		CHECK(!weir_lstm_net_init(&n, &shape) && !weir_lstm_run_init(&run, &shape, 3, 8, true) && !weir_lstm_learner_init(&l, &n));
		fill(n.w, n.count, 0.6, &random);
		fill(run.x, 24 * 3, 1, &random);
		fill(run.base, 24 * 8, 1, &random);
		fill(run.target, 24 * 4, 1, &random);
		run.every = every ? 4 : 1;
		for (size_t t = 0; t < 8; t++)
			for (size_t i = t * 12; i < (t + 1) * 12 && (t + 1) % 4; i++)
				run.target[i] = every ? 1e9f : NAN;
		loss[every] = weir_lstm_gradient(&n, &run, 8, &l);
		gradient[every] = malloc(n.count * sizeof(float));
		memcpy(gradient[every], l.gradient, n.count * sizeof(float));
		for (size_t i = 0; i < n.count && every; i++)
			CHECK(fabsf(gradient[0][i] - gradient[1][i]) < 1e-6f, "weight %zu: %g and %g", i, (double)gradient[0][i], (double)gradient[1][i]);
		weir_lstm_learner_fini(&l);
		weir_lstm_run_fini(&run);
		weir_lstm_net_fini(&n);
	}
	CHECK(fabs(loss[0] - loss[1]) < 1e-6, "%g and %g", loss[0], loss[1]);
	free(gradient[0]);
	free(gradient[1]);
}

/* One step of Adam by its formulas: of a first gradient it is the rate against the sign, whatever the norm is cut to. */
TEST(a_first_step_is_the_rate_against_the_gradient)
{
	const struct weir_lstm_shape shape = {.inputs = 1, .units = 2, .outputs = 1, .bases = 1};
	struct weir_lstm_net n;
	struct weir_lstm_learner l;
	struct weir_random random = weir_random_of(5);
	double squares = 0;

	CHECK(!weir_lstm_net_init(&n, &shape) && !weir_lstm_learner_init(&l, &n));
	l.rate = 0.01f;
	l.norm = 0.5f;
	fill(l.gradient, n.count, 100, &random);
	weir_lstm_learn(&n, &l);
	for (size_t i = 0; i < n.count; i++) {
		float want = l.gradient[i] > 0 ? -0.01f : 0.01f;

		CHECK(fabsf(n.w[i] - want) < 1e-5f, "weight %zu: %g", i, (double)n.w[i]);
	}
	for (size_t i = 0; i < n.count; i++)
		squares += pow((double)l.mean[i] / 0.1, 2); /* Adam's mean has a tenth of it */
	CHECK(fabs(sqrt(squares) - 0.5) < 1e-3, "a gradient of norm %g is learnt by", sqrt(squares));
	weir_lstm_learner_fini(&l);
	weir_lstm_net_fini(&n);
}

/* Three steps of learning with the loops of every processor, and with those of this one. */
TEST(wide_loops_give_the_same_bits)
{
	const struct weir_lstm_shape shape = {.inputs = 3, .units = 13, .outputs = 4, .bases = 2};
	float *w[2];

	for (int wide = 0; wide < 2; wide++) {
		struct weir_random random = weir_random_of(23);
		struct weir_lstm_net n;
		struct weir_lstm_run run;
		struct weir_lstm_learner l;

		CHECK(!weir_lstm_net_init(&n, &shape) && !weir_lstm_run_init(&run, &shape, 2, 5, true) && !weir_lstm_learner_init(&l, &n));
		if (!run.wide)
			SKIP("this processor has no vectors of eight");
		run.wide = l.wide = wide && run.wide;
		l.rate = 0.01f;
		l.norm = 0.1f;
		fill(n.w, n.count, 1, &random);
		fill(run.x, 10 * 3, 3, &random);
		fill(run.base, 10 * 8, 1, &random);
		fill(run.target, 10 * 4, 1, &random);
		for (int i = 0; i < 3; i++) {
			weir_lstm_gradient(&n, &run, 5, &l);
			weir_lstm_learn(&n, &l);
		}
		w[wide] = malloc(n.count * sizeof(float));
		memcpy(w[wide], n.w, n.count * sizeof(float));
		if (wide)
			CHECK(!memcmp(w[0], w[1], n.count * sizeof(float)), "weights differ");
		weir_lstm_learner_fini(&l);
		weir_lstm_run_fini(&run);
		weir_lstm_net_fini(&n);
	}
	free(w[0]);
	free(w[1]);
}

TEST_MAIN(T(the_gradient_is_that_of_finite_differences), T(steps_may_be_on_the_way_alone), T(a_first_step_is_the_rate_against_the_gradient),
	  T(wide_loops_give_the_same_bits))
