/**
 * Metrics and spans. Every metric of the gateway is declared in {@link
 * dev.switchboard.gateway.telemetry.Metrics}; spans are made at the end of a request from its
 * flight record, with their true times. Safe on any thread; spans of one request are made on its
 * event loop.
 */
@NullMarked
package dev.switchboard.gateway.telemetry;

import org.jspecify.annotations.NullMarked;
