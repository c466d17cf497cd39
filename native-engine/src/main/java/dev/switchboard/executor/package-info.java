/**
 * Runs one step's plan: {@code NativeExecutor} over libswitchboard and {@code SimulatedExecutor}, a
 * latency model for tests and load tests. The interface has no FFM types. Called by the engine
 * thread only, but for fault injection.
 */
@NullMarked
package dev.switchboard.executor;

import org.jspecify.annotations.NullMarked;
