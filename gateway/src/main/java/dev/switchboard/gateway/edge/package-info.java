/**
 * A model that is far away and a small one that is near: which of them serves, and when that
 * changes. {@link dev.switchboard.gateway.edge.EdgeLink} is a state machine that is told what came
 * of requests, and the time; {@link dev.switchboard.gateway.edge.Edges} holds one for each entry of
 * the configuration. Both are safe on any thread.
 */
@NullMarked
package dev.switchboard.gateway.edge;

import org.jspecify.annotations.NullMarked;
