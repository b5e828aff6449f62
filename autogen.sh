#!/bin/sh
# SPDX-License-Identifier: ISC
# Makes ./configure from configure.ac.
set -eu
cd "$(dirname "$0")"
exec autoreconf --install --force --warnings=all,no-portability "$@"
