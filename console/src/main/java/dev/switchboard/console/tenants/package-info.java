/** Tenants with their limits and their use, and the keys that open the APIs. */
@NullMarked
package dev.switchboard.console.tenants;

import org.jspecify.annotations.NullMarked;
