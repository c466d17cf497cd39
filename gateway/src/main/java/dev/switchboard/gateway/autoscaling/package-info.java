/**
 * How many replicas a model should have, for whoever adds and removes them: told by the admin API,
 * done by nobody here. Decisions are pure and told the time; {@link
 * dev.switchboard.gateway.autoscaling.Autoscaling} takes what they need from the queues and the
 * fleet once a second, and is safe on any thread.
 */
@NullMarked
package dev.switchboard.gateway.autoscaling;

import org.jspecify.annotations.NullMarked;
