# SPDX-License-Identifier: Apache-2.0
# weir: one makefile. `make` builds, `make check` tests, `make demo` shows. V=1 prints commands.
Q := $(if $(V),,@)
B := build
CC := gcc
CLANG := clang
ARCH := $(shell uname -m | sed 's/x86_64/x86/;s/aarch64/arm64/')
WARN := -Wall -Wextra -Werror -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wvla -Wformat=2
CFLAGS ?= -O2 -g
CFLAGS += -std=gnu11 $(WARN) -D_GNU_SOURCE -DWEIR_VERSION='"$(VERSION)"' -I. -I$(B)/gen -MMD -MP \
	-fno-strict-aliasing -fstack-protector-strong -D_FORTIFY_SOURCE=2
ASAN := -O1 -g1 -fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer -U_FORTIFY_SOURCE
# Many programs are linked for tests: by gold, where it is, in half the time.
GOLD := $(shell $(CC) -fuse-ld=gold -Wl,--version >/dev/null 2>&1 && echo -fuse-ld=gold)
VERSION := 0.1.0
# Debian keeps bpftool and nft where a user's PATH does not lead.
export PATH := $(PATH):/usr/sbin:/sbin
LIBS := -lbpf -lelf -lz -lprotobuf-c -lnng -lyaml -lsqlite3 -lmicrohttpd -ljansson -lcurl -lssl -lcrypto -lm -lpthread -Wl,--as-needed -lopenblas

LIB_SRC := $(wildcard lib/*/*.c)
PROGRAMS := weir-agent weir-aggregator weirctl
SRC_weir-agent := $(wildcard agent/*.c)
SRC_weir-aggregator := $(wildcard aggregator/*.c)
SRC_weirctl := $(wildcard cli/*.c)
BPF_OBJ := $(patsubst %.bpf.c,$(B)/gen/%.skel.h,$(notdir $(wildcard bpf/*.bpf.c tests/bpf/*.bpf.c)))
PB := $(B)/gen/weir.pb-c.h
UNIT := $(patsubst tests/unit/%.c,%,$(wildcard tests/unit/*.c))

.PHONY: all asan fuzz man deps mine check check-long check-kernels check-mutants soak bench eval demo clean
all: $(PROGRAMS:%=$(B)/%)

# Three trees of the same sources: build/o (normal), build/asan, and build/fuzz for libFuzzer, which is clang's.
define tree
$(B)/$(1)/%.o: %.c | $(PB) $(BPF_OBJ)
	@mkdir -p $$(@D)
	@echo "  CC    $(1)/$$<"
	$(Q)$$(CC) $$(CFLAGS) $(2) -c -o $$@ $$<
$(B)/$(1)/weir.pb-c.o: $(B)/gen/weir.pb-c.c
	@mkdir -p $$(@D)
	$(Q)$$(CC) $(filter-out -W%,$(CFLAGS)) $(2) -c -o $$@ $$<
$(B)/$(1)/libweir.a: $(LIB_SRC:%.c=$(B)/$(1)/%.o) $(B)/$(1)/weir.pb-c.o
	@echo "  AR    $$@"
	$(Q)rm -f $$@ && ar rcs $$@ $$^
endef
$(eval $(call tree,o,))
$(eval $(call tree,asan,$(ASAN)))
# Loops over values, which -O2 leaves one by one; results are the same to the bit.
NUMERIC := arima cycle decompose ets fill linear lstm_net lstm_train lstm_view mix_fit mix_set pool prophet stat theta
$(NUMERIC:%=$(B)/o/lib/model/%.o): private override CFLAGS += -O3 -fno-math-errno -fno-trapping-math
FUZZ_CFLAGS := $(ASAN) -fsanitize=fuzzer-no-link -Wno-error
$(eval $(call tree,fuzz,$(FUZZ_CFLAGS)))
$(B)/fuzz/%: private override CC = $(CLANG)

define program
$(B)/$(1): $(SRC_$(1):%.c=$(B)/o/%.o) $(B)/o/libweir.a
	@echo "  LD    $$@"
	$(Q)$(CC) $(CFLAGS) -o $$@ $$^ $(LIBS)
$(B)/asan/$(1): $(SRC_$(1):%.c=$(B)/asan/%.o) $(B)/asan/libweir.a
	@echo "  LD    $$@"
	$(Q)$(CC) $(CFLAGS) $(ASAN) $(GOLD) -o $$@ $$^ $(LIBS)
endef
$(foreach p,$(PROGRAMS),$(eval $(call program,$(p))))

# Unit tests: tests/unit/NAME.c -> build/asan/unit/NAME, linked with the library and, by first word of
# the name, with the objects of the program it tests (agent_*, aggregator_*, cli_*), main.c left out.
TEST_LIB := $(patsubst %.c,$(B)/asan/%.o,$(wildcard tests/lib/*.c))
owner_objs = $(patsubst %.c,$(B)/asan/%.o,$(filter-out %/main.c,$(wildcard $(firstword $(subst _, ,$(1)))/*.c)))
define unit
$(B)/asan/unit/$(1): $(B)/asan/tests/unit/$(1).o $(TEST_LIB) $(call owner_objs,$(1)) $(B)/asan/libweir.a
	@mkdir -p $$(@D)
	$(Q)$(CC) $(CFLAGS) $(ASAN) $(GOLD) -o $$@ $$^ $(LIBS)
endef
$(foreach u,$(UNIT),$(eval $(call unit,$(u))))

# Harnesses: tests/fuzz/NAME.c, with the objects that a unit test of that name would have. build/asan/fuzz/NAME
# replays the corpus; build/fuzz/NAME is libFuzzer's.
HARNESS := $(patsubst tests/fuzz/%.c,%,$(filter-out %/replay.c,$(wildcard tests/fuzz/*.c)))
define harness
$(B)/asan/fuzz/$(1): $(patsubst %,$(B)/asan/tests/fuzz/%.o,$(1) replay) $(TEST_LIB) $(call owner_objs,$(1)) $(B)/asan/libweir.a
	@mkdir -p $$(@D)
	$(Q)$(CC) $(CFLAGS) $(ASAN) -o $$@ $$^ $(LIBS)
$(B)/fuzz/$(1): $(patsubst $(B)/asan/%,$(B)/fuzz/%,$(B)/asan/tests/fuzz/$(1).o $(TEST_LIB) $(call owner_objs,$(1)) $(B)/asan/libweir.a)
	@echo "  LD    $$@"
	$(Q)$$(CC) $(CFLAGS) $(FUZZ_CFLAGS) -fsanitize=fuzzer -o $$@ $$^ $(LIBS)
endef
$(foreach h,$(HARNESS),$(eval $(call harness,$(h))))

# What end-to-end tests need besides: small programs, and the agent as another build of it is.
TOOLS := $(patsubst tests/tools/%.c,%,$(wildcard tests/tools/*.c))
AGENT_OBJ := $(SRC_weir-agent:%.c=$(B)/asan/%.o)
NEXT_OBJ := $(patsubst %.c,$(B)/asan/next/%.o,$(shell grep -l WEIR_VERSION agent/*.c))
$(TOOLS:%=$(B)/asan/tools/%): $(B)/asan/tools/%: $(B)/asan/tests/tools/%.o $(filter-out %/main.o,$(AGENT_OBJ)) $(B)/asan/libweir.a
	@mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS) $(ASAN) $(GOLD) -o $@ $^ $(LIBS)
$(NEXT_OBJ): $(B)/asan/next/%.o: %.c | $(PB) $(BPF_OBJ)
	@mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS) $(ASAN) -UWEIR_VERSION -DWEIR_VERSION='"$(VERSION)-next"' -c -o $@ $<
$(B)/asan/next/weir-agent: $(NEXT_OBJ) $(filter-out $(NEXT_OBJ:$(B)/asan/next/%=$(B)/asan/%),$(AGENT_OBJ)) $(B)/asan/libweir.a
	@echo "  LD    $@"
	$(Q)$(CC) $(CFLAGS) $(ASAN) $(GOLD) -o $@ $^ $(LIBS)

# The bench: no sanitizer, the agent's own objects, and small BPF programs to compare with.
BENCH := $(patsubst %.c,$(B)/o/%.o,$(filter-out %.bpf.c,$(wildcard tests/bench/*.c)))
$(BENCH): | $(B)/gen/bench.skel.h
$(B)/bench/bench: $(BENCH) $(patsubst %.c,$(B)/o/%.o,$(filter-out %/main.c,$(SRC_weir-agent))) $(B)/o/libweir.a
	@mkdir -p $(@D)
	@echo "  LD    $@"
	$(Q)$(CC) $(CFLAGS) -o $@ $^ $(LIBS)
$(B)/bench/lstm $(B)/bench/detect $(B)/bench/forest: $(B)/bench/%: $(B)/o/tests/bench/model/%.o $(B)/o/libweir.a
	@mkdir -p $(@D)
	@echo "  LD    $@"
	$(Q)$(CC) $(CFLAGS) -o $@ $^ $(LIBS)
FLOW_WORLD := $(patsubst %.c,$(B)/o/%.o,$(wildcard tests/lib/flow_world*.c))
$(B)/bench/flows: $(B)/o/tests/bench/model/flows.o $(FLOW_WORLD) $(B)/o/libweir.a
	@mkdir -p $(@D)
	@echo "  LD    $@"
	$(Q)$(CC) $(CFLAGS) -o $@ $^ $(LIBS)
# What evaluations choose constants with: of the detector of series (tests/eval/nab), of the pool of forecasters (tests/eval/pool).
$(B)/eval/tune: $(patsubst %.c,$(B)/o/%.o,$(wildcard tests/eval/nab/*.c)) $(B)/o/libweir.a
$(B)/eval/choose: $(B)/o/tests/eval/pool/choose.o $(B)/o/libweir.a
$(B)/eval/tune $(B)/eval/choose:
	@mkdir -p $(@D)
	@echo "  LD    $@"
	$(Q)$(CC) $(CFLAGS) -o $@ $^ $(LIBS)
$(B)/bench/watch: $(B)/o/tests/bench/model/watch.o $(patsubst %.c,$(B)/o/%.o,$(filter-out %/main.c,$(SRC_weir-aggregator))) $(B)/o/libweir.a
	@mkdir -p $(@D)
	@echo "  LD    $@"
	$(Q)$(CC) $(CFLAGS) -o $@ $^ $(LIBS)
$(B)/bench/past $(B)/bench/fleet: $(B)/bench/%: $(B)/o/tests/bench/fleet/%.o $(B)/o/tests/bench/fleet/node.o $(B)/o/libweir.a
	@mkdir -p $(@D)
	@echo "  LD    $@"
	$(Q)$(CC) $(CFLAGS) -o $@ $^ $(LIBS)
.PRECIOUS: $(B)/asan/%.o $(B)/o/%.o $(B)/fuzz/%.o $(B)/gen/%.bpf.o $(B)/gen/%.skel.h

# Without block placement: kernels up to 6.1 refuse a loop that is entered in its middle (tests/loops).
define bpf_object
	@mkdir -p $(@D)
	@echo "  BPF   $<"
	$(Q)$(CLANG) -g -O2 -target bpf -mcpu=v3 -mllvm -disable-block-placement -D__TARGET_ARCH_$(ARCH) \
		-Wall -Werror -I. -Ivmlinux -idirafter /usr/include/$(shell $(CC) -dumpmachine) -c -o $@.tmp $< && \
		bpftool gen object $@ $@.tmp
endef
$(B)/gen/%.bpf.o: bpf/%.bpf.c $(wildcard bpf/inc/*.h bpf/abi/*.h vmlinux/*.h) Makefile
	$(bpf_object)
$(B)/gen/%.bpf.o: tests/bpf/%.bpf.c $(wildcard tests/bpf/*.h bpf/inc/*.h bpf/abi/*.h)
	$(bpf_object)
$(B)/gen/%.bpf.o: tests/bench/%.bpf.c tests/bench/drive.h
	$(bpf_object)
$(B)/gen/%.skel.h: $(B)/gen/%.bpf.o
	$(Q)bpftool gen skeleton $< name $*_bpf > $@.tmp && mv $@.tmp $@
$(B)/gen/weir.pb-c.h $(B)/gen/weir.pb-c.c &: proto/weir.proto
	@mkdir -p $(B)/gen
	$(Q)protoc-c --proto_path=proto --c_out=$(B)/gen weir.proto

asan: $(PROGRAMS:%=$(B)/asan/%) $(UNIT:%=$(B)/asan/unit/%) $(TOOLS:%=$(B)/asan/tools/%) $(HARNESS:%=$(B)/asan/fuzz/%) \
	$(B)/asan/next/weir-agent
fuzz: $(HARNESS:%=$(B)/fuzz/%)
man: all
	$(Q)docs/man $(B) $(B)/man
deps:
	$(Q)packaging/deps
# What a run as root left in build/ goes back to the user, who could neither build nor clean there.
mine:
	$(Q)[ ! -e $(B) ] || [ "$$(id -u)" = 0 ] || [ -z "$$(find $(B) ! -user $$(id -u) -print -quit)" ] || \
		sudo chown -R $$(id -u):$$(id -g) $(B)
check: deps mine
	$(Q)$(MAKE) -j2 all asan $(B)/bench/fleet
	$(Q)tests/run check
check-long: deps mine
	$(Q)packaging/deps fuzz && $(MAKE) -j2 fuzz || echo "make check-long: without libFuzzer nothing is fuzzed afresh"
	$(Q)$(MAKE) -j2 all asan $(B)/bench/fleet
	$(Q)tests/run check-long
bench: deps mine
	$(Q)packaging/deps bench || echo "make bench: comparisons with what is missing are left out"
	$(Q)$(MAKE) -j2 $(B)/bench/bench $(B)/bench/past $(B)/bench/fleet $(B)/bench/lstm $(B)/bench/detect $(B)/bench/forest $(B)/bench/flows $(B)/bench/watch all
	$(Q)tests/bench/run $(B) $(ONLY)
# The models on public data, beside what is published: ONLY="forecast" for one section of tests/eval.
eval: deps mine
	$(Q)$(MAKE) -j2 all $(B)/bench/flows $(B)/eval/tune $(B)/eval/choose
	$(Q)tests/eval/run $(B) $(ONLY)
check-kernels: mine
	$(Q)packaging/deps kernels
	$(Q)$(MAKE) -j2 all
	$(Q)tests/run check-kernels
soak: deps mine
	$(Q)$(MAKE) -j2 all asan
	$(Q)WEIR_SOAK=$(or $(MINUTES),10) tests/run soak
check-mutants: deps
	$(Q)tests/mutants
demo: deps mine
	$(Q)$(MAKE) -j2 all
	$(Q)tests/demo $(if $(KEEP),--keep)
clean: mine
	$(Q)rm -rf $(B)
-include $(shell find $(B) -name '*.d' 2>/dev/null)
