package dev.switchboard.gateway.dashboards;

/** A request of a histogram whose trace is kept: when, in epoch seconds, and how long it took. */
record Exemplar(double at, double value) {}
