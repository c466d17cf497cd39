#include "abi/switchboard.h"

int32_t sb_abi_version(void) { return SB_ABI_VERSION; }
