/**
 * Decides what each engine step computes: continuous batching with chunked prefill under a token
 * budget, paged KV, prefix reuse, preemption by recompute. The decision code is pure and takes the
 * clock as an argument; {@code EngineLoop} drives it against an executor on one platform thread.
 * Callers are the worker's event loops, through {@link dev.switchboard.scheduler.Engine}.
 */
@NullMarked
package dev.switchboard.scheduler;

import org.jspecify.annotations.NullMarked;
