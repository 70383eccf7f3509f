/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* What tests/bpf/neighbours.bpf.c and the tests that load it share. */
#ifndef TESTS_BPF_NEIGHBOURS_H
#define TESTS_BPF_NEIGHBOURS_H

#define NB_FIRST_PORT 7000
#define NB_PORTS 16

/* Who saw a packet: rows of `seen`. */
enum { NB_OUT_A, NB_OUT_B, NB_IN, NB_ADDRESS, NB_CONNECT, NB_SOCKOPS, NB_TC_ACT, NB_TC_WITNESS, NB_SLOTS };

/* Opinions. 7000 is everybody's friend. */
#define NB_FREE 7000
#define NB_DENY_OUT_A 7001
#define NB_DENY_OUT_B 7002
#define NB_DENY_IN 7003
#define NB_CONNECT_REWRITE 7004
#define NB_CONNECT_TO 7005
#define NB_CONNECT_DENY 7006
#define NB_TC_PASS 7007
#define NB_TC_DROP 7008
#define NB_TC_REDIRECT 7009
#define NB_NFT_DROP_OUT 7010
#define NB_NFT_DROP_IN 7011

#endif
