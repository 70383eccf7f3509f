/* SPDX-License-Identifier: Apache-2.0 */
/* The pool as a model, with other constants than those that are shipped: what they are chosen with (tests/eval/pool). */
#ifndef WEIR_MODEL_MIX_H
#define WEIR_MODEL_MIX_H

#include "lib/model/pool.h"

/* As fit of weir_model_mix (model.h), of the members whose bits are set; the state is for weir_model_mix.predict and .free. */
int weir_mix_fit(const struct weir_model_data *data, const struct weir_model_opts *opts, unsigned int members,
		 const struct weir_pool_caution *caution, void **ret_state, struct weir_err *err);

#endif
