/* SPDX-License-Identifier: Apache-2.0 */
/* One score of what is rare to the components, and what holds it down behind an alarm. */
#include "lib/model/detect_impl.h"

#define SCORE_HALF 8.0 /* a strangeness whose score is a half */

double detect_score(double strangeness)
{
	return strangeness / (strangeness + SCORE_HALF);
}

/*
 * An event is told at its onset: behind it, less than a multiple of what is held is no news. And a series that is
 * strange all the time is strange to a lesser degree.
 */
static double held_down(struct detect_judge *j, const struct detect_tuning *t)
{
	double ret = j->strangeness > j->held * t->rest_over ? j->strangeness : 0;

	j->held *= t->rest_decay;
	j->held = j->strangeness > j->held ? j->strangeness : j->held;
	j->onsets = j->onsets * t->onset_decay + (ret > t->onset_least);
	return ret / (1 + t->onset_weight * (j->onsets - (ret > t->onset_least)));
}

double detect_judge_step(struct detect_judge *j, const struct detect_tuning *t, const float likely[WEIR_DETECT_COMPONENTS])
{
	float sum = 0;

	for (size_t i = 0; i < WEIR_DETECT_COMPONENTS; i++) {
		j->rare[i] = (float)t->weight[i] * likely[i];
		sum += j->rare[i] * j->rare[i];
	}
	j->strangeness = (double)sqrtf(sum);
	return detect_score(held_down(j, t));
}
