/**
 * Measures the gateway between a load generator and a worker that answers at once. Run by {@code
 * ./switchboard bench gateway}, and breaks real workers and gateways under load, run by {@code
 * ./switchboard bench chaos}, and says what telemetry costs, run by {@code ./switchboard bench
 * telemetry}, and how requests are shared out among engines that sleep, run by {@code ./switchboard
 * bench dispatch}; nothing here serves requests. {@link dev.switchboard.gateway.bench.ClientLedger}
 * also serves the integration tests: it holds what clients saw against what the gateway counted.
 */
@NullMarked
package dev.switchboard.gateway.bench;

import org.jspecify.annotations.NullMarked;
