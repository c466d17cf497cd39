/**
 * Replicas that somebody else starts and stops: what an orchestrator says of them, and what that
 * asks of the fleet. Decisions are pure and told the time; who watches the orchestrator is another
 * package, loaded only when it is configured.
 */
@NullMarked
package dev.switchboard.gateway.discovery;

import org.jspecify.annotations.NullMarked;
