/**
 * Paged KV blocks: reference counts, a free list in least-recently-used order and a hash chain for
 * prefix reuse. Called by the engine thread only.
 */
@NullMarked
package dev.switchboard.kv;

import org.jspecify.annotations.NullMarked;
