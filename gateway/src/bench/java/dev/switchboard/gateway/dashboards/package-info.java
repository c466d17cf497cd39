/**
 * Draws the dashboards from what a Prometheus knows, without a Grafana. Run by {@code ./switchboard
 * dashboards}; nothing here serves requests. One thread.
 */
@NullMarked
package dev.switchboard.gateway.dashboards;

import org.jspecify.annotations.NullMarked;
