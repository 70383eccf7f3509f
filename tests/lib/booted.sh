# SPDX-License-Identifier: Apache-2.0
# booted.sh FILE COMMAND...: the command, for which the boot id is what the file says. In a mount namespace of its own.
mount --bind "$1" /proc/sys/kernel/random/boot_id || exit 1
shift
exec "$@"
