/**
 * Who may enter, and how many: API keys and the bound on requests in flight. Called on the event
 * loop that owns the request.
 */
@NullMarked
package dev.switchboard.gateway.admission;

import org.jspecify.annotations.NullMarked;
