/**
 * Who may enter, when, and why not: the bound on requests in flight, the limits of tenants, and the
 * queue of each model with its bands, shares and deadlines. Plain Java that is told the time;
 * called on the event loop that owns the request, and on any other to report.
 */
@NullMarked
package dev.switchboard.gateway.admission;

import org.jspecify.annotations.NullMarked;
