/**
 * The gateway's decisions in virtual time: the real admission, routing, circuit and drain code over
 * simulated replicas. One run is a function of its seed.
 */
@NullMarked
package dev.switchboard.gateway.simulation;

import org.jspecify.annotations.NullMarked;
