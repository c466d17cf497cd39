/**
 * Measures the engine as the worker drives it, against the machine's own read bandwidth taken in
 * the same run. Run by {@code ./switchboard bench engine} and, for {@link
 * dev.switchboard.bench.RingBench}, {@code bench telemetry}; nothing here serves requests.
 */
@NullMarked
package dev.switchboard.bench;

import org.jspecify.annotations.NullMarked;
