/** Who calls: API keys, and the tenant that a key stands for. Safe on any thread. */
@NullMarked
package dev.switchboard.gateway.identity;

import org.jspecify.annotations.NullMarked;
